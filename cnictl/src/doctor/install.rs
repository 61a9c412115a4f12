//! What is installed: network configurations, programs, datastores, certificates.

use std::time::Duration;

use super::facts::Store;
use super::{Facts, Finding};

/// Renewed before this, or it is told.
const SOON: Duration = Duration::from_secs(30 * 24 * 3600);
/// Seconds by which clocks may differ.
const SKEW: i64 = 5;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    [order(facts), two_truths(facts)]
        .into_iter()
        .flatten()
        .chain(programs(facts))
        .chain(certificates(facts))
        .chain(clocks(facts))
        .collect()
}

/// The runtime takes the first file in the order of names.
fn order(facts: &Facts) -> Option<Finding> {
    let first = facts.networks.first()?;
    if first.is_ours() {
        return None;
    }
    let what = match first.plugins.first() {
        Some(plugin) => format!("{} ({plugin})", first.file),
        None => format!("{}, which cannot be read,", first.file),
    };
    let ours = facts.ours();
    let beside = ours.map_or_else(String::new, |ours| format!(" before our {}", ours.file));
    Some(Finding::error(
        "network-order",
        format!(
            "{what} comes first in the folder of network configurations{beside}: the runtime takes that one"
        ),
        match ours {
            Some(_) => "remove or rename it: the first in the order of names counts",
            None => "none of the others is ours: cnictl install",
        },
    ))
}

fn two_truths(facts: &Facts) -> Option<Finding> {
    let plugins = facts.ours()?.store.as_ref()?;
    let sidecar = facts.sidecar.as_ref()?;
    (plugins != sidecar).then(|| {
        Finding::error(
            "two-datastores",
            format!("the plugins use {}, the sidecar {}", told(plugins), told(sidecar)),
            "give both the same etcd_endpoints: a node that announces what another datastore says announces nothing of its pods",
        )
    })
}

fn told(store: &Store) -> String {
    match store {
        Store::Etcd(endpoints) => format!("etcd at {endpoints}"),
        Store::Embedded => "the embedded store".to_owned(),
    }
}

fn programs(facts: &Facts) -> Vec<Finding> {
    let build = |text: &str| {
        text.split_once(' ')
            .map_or("", |(_, build)| build)
            .trim()
            .to_owned()
    };
    let other = |(_, said): &(&String, &String)| build(said) != facts.version;
    let found = |(path, said): (&String, &String)| {
        Finding::warning(
            "other-version",
            format!("{path} is {}, this cnictl {}", build(said), facts.version),
            "cnictl install puts the programs of one build in place",
        )
    };
    facts.programs.iter().filter(other).map(found).collect()
}

fn certificates(facts: &Facts) -> Vec<Finding> {
    let judge = |(file, expires): (&String, &Duration)| {
        let days = expires.saturating_sub(facts.now).as_secs() / (24 * 3600);
        if *expires <= facts.now {
            let found = format!("{file} has expired");
            Some(Finding::error(
                "certificate-expired",
                found,
                "renew it; the sidecar reads it again on SIGHUP",
            ))
        } else if *expires <= facts.now + SOON {
            let found = format!("{file} expires in {days} days");
            Some(Finding::warning("certificate-expires", found, "renew it in time"))
        } else {
            None
        }
    };
    facts.certificates.iter().filter_map(judge).collect()
}

fn clocks(facts: &Facts) -> Vec<Finding> {
    let apart = |(_, ahead): &(&String, &i64)| ahead.abs() > SKEW;
    let found = |(endpoint, ahead): (&String, &i64)| {
        let how = if *ahead > 0 { "ahead of" } else { "behind" };
        Finding::warning(
            "clock-skew",
            format!("the clock of {endpoint} is {} s {how} this host's", ahead.abs()),
            "let both follow the same time servers: certificates, leases and resting addresses go by the clock",
        )
    };
    facts.clocks.iter().filter(apart).map(found).collect()
}
