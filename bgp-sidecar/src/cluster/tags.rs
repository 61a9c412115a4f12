//! BGPConfiguration `prefixAdvertisements`, names of communities looked up.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use shared::model::bgp::{BGPConfiguration, PrefixAdvertisement};

use crate::policy::{Community, Tag};

/// The node's own list counts before the default one; names are looked for in the same order.
pub(super) fn tags(
    configurations: &BTreeMap<String, BGPConfiguration>,
    node: &str,
    problems: &mut Vec<String>,
) -> Vec<Tag> {
    let own = configurations.get(&BGPConfiguration::name_of(node));
    let default = configurations.get(BGPConfiguration::DEFAULT);
    let all = || own.into_iter().chain(default);
    let names: BTreeMap<&str, &str> = default
        .into_iter()
        .chain(own)
        .flat_map(|one| one.spec.communities.iter().flatten())
        .map(|one| (one.name.as_str(), one.value.as_str()))
        .collect();
    let given = all().find_map(|one| Some((one.name(), one.spec.prefix_advertisements.as_ref()?)));
    let Some((name, list)) = given else {
        return Vec::new();
    };
    let mut wrong = |text: String| {
        let text = format!("prefixAdvertisements: {text}");
        problems.push(super::problem("BGPConfiguration", &name, &text));
    };
    list.iter()
        .filter_map(|one| tag(one, &names, &mut wrong))
        .collect()
}

fn tag(
    one: &PrefixAdvertisement,
    names: &BTreeMap<&str, &str>,
    wrong: &mut impl FnMut(String),
) -> Option<Tag> {
    let Ok(cidr) = one.cidr.parse::<IpNet>() else {
        wrong(format!(
            "{:?} is no prefix: write one such as 10.48.0.0/16; it is left out",
            one.cidr
        ));
        return None;
    };
    let mut communities = BTreeSet::new();
    for word in one.communities.iter().flatten() {
        let value = names.get(word.as_str()).copied().unwrap_or(word);
        match value.parse::<Community>() {
            Ok(community) => {
                communities.insert(community);
            }
            Err(text) => wrong(format!(
                "{cidr}: {word:?} is neither the name of one of its communities nor a value ({text}); it is left out"
            )),
        }
    }
    Some(Tag {
        cidr: cidr.trunc(),
        communities,
    })
}
