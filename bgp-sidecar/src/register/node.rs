//! `Node.spec.bgp`.

use ipnet::IpNet;
use serde_json::{Value, json};
use shared::model::Stored as _;
use shared::model::bgp::Speaker;
use shared::model::key::{Key, Plural};
use shared::model::node::{Node, NodeBgp};

use super::{Draft, RegisterError, Request, nodes};
use crate::autodetect::{self, Facts, Method};
use crate::labels;
use crate::settings::Choice;
use crate::wire::Family;

pub(super) fn register(draft: &mut Draft<'_>, request: &Request<'_>) -> Result<(), RegisterError> {
    let key = Key::resource(Plural::Nodes, request.node);
    let stored = draft.snapshot.get(&key);
    let mut node = match stored {
        None => Node::first_seen(request.node, request.uids[0], request.now, request.kubernetes),
        Some(entry) => Node::from_bytes(&entry.value)
            .map_err(|error| RegisterError::Corrupt(format!("Node {}", request.node), error.to_string()))?,
    };
    let before = node.clone();
    let (speaker, problems) = node.speaker().unwrap_or_default();
    draft.registered.warnings.extend(problems);
    let ipv4 = address(draft, request, Family::Ipv4, speaker.ipv4);
    let ipv6 = address(draft, request, Family::Ipv6, speaker.ipv6);
    let addresses: Vec<IpNet> = [ipv4, ipv6].into_iter().flatten().collect();
    if addresses.is_empty() {
        let why = draft.registered.warnings.join("; ");
        return Err(RegisterError::NoAddress(why));
    }
    taken(draft, request.node, &addresses)?;
    write(&mut node, &speaker, [ipv4, ipv6], request);
    if let Some(name) = request.reference {
        labels::refer(&mut node, name);
    }
    draft.registered.addresses = addresses;
    if stored.is_none() || node != before {
        let what = format!("Node {}", request.node);
        draft.put(Plural::Nodes, key, node.to_bytes(), what);
    }
    Ok(())
}

/// The address of a family: what the settings say, else what is registered, else for IPv4 what is found.
fn address(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    family: Family,
    stored: Option<IpNet>,
) -> Option<IpNet> {
    let identity = request.identity;
    let (choice, method, facts) = match family {
        Family::Ipv4 => (&identity.ipv4, &identity.ipv4_method, request.ipv4_facts),
        Family::Ipv6 => (&identity.ipv6, &identity.ipv6_method, request.ipv6_facts),
    };
    match choice {
        Choice::None => None,
        Choice::Address(net) => Some(with_network(*net, facts)),
        Choice::Unset | Choice::Autodetect => match looks(choice, stored.is_some(), family) {
            true => found(draft, (method, facts), family, stored),
            false => stored,
        },
    }
}

/// Whether an address is looked for.
pub(super) fn looks(choice: &Choice, registered: bool, family: Family) -> bool {
    match choice {
        Choice::None | Choice::Address(_) => false,
        Choice::Unset => !registered && family == Family::Ipv4,
        Choice::Autodetect => true,
    }
}

/// What is found; a machine whose interface is not up yet keeps what is registered.
fn found(
    draft: &mut Draft<'_>,
    (method, facts): (&Method, &Facts),
    family: Family,
    stored: Option<IpNet>,
) -> Option<IpNet> {
    match autodetect::choose(method, facts, family) {
        Ok(found) => Some(found.net),
        Err(why) => {
            draft.registered.warnings.push(match stored {
                Some(net) => format!("{why}; the registered address {net} stays"),
                None => why,
            });
            stored
        }
    }
}

/// An address without a network has that of the interface which holds it.
fn with_network(net: IpNet, facts: &Facts) -> IpNet {
    if net.prefix_len() < net.max_prefix_len() {
        return net;
    }
    let mut all = facts.interfaces.iter().flat_map(|one| &one.addresses);
    let same = all.find(|one| one.net.addr() == net.addr());
    same.map_or(net, |one| one.net)
}

fn taken(draft: &Draft<'_>, own: &str, addresses: &[IpNet]) -> Result<(), RegisterError> {
    for other in nodes(draft.snapshot) {
        let Some((speaker, _)) = other.speaker().filter(|_| other.name() != own) else {
            continue;
        };
        let same = |address: &std::net::IpAddr| addresses.iter().any(|own| own.addr() == *address);
        if let Some(address) = speaker.addresses().find(same) {
            return Err(RegisterError::Conflict {
                address,
                other: other.name().to_owned(),
            });
        }
    }
    Ok(())
}

/// Only what differs, so that a stored spelling stays.
fn write(node: &mut Node, speaker: &Speaker, [ipv4, ipv6]: [Option<IpNet>; 2], request: &Request<'_>) {
    let bgp = node.spec.bgp.get_or_insert_with(NodeBgp::default);
    if speaker.ipv4 != ipv4 {
        bgp.ipv4_address = ipv4.map(|net| net.to_string());
    }
    if speaker.ipv6 != ipv6 {
        bgp.ipv6_address = ipv6.map(|net| net.to_string());
    }
    if let Some(number) = request
        .identity
        .number
        .filter(|number| speaker.number != Some(*number))
    {
        bgp.as_number = Some(number.into());
    }
    list(node, &[ipv4, ipv6]);
}

/// `spec.addresses`: Calico keeps its own entries there, beside Kubernetes'.
fn list(node: &mut Node, addresses: &[Option<IpNet>]) {
    const OWN: &str = "CalicoNodeIP";
    let stored = node.spec.other.get("addresses").and_then(Value::as_array);
    let stored = stored.cloned().unwrap_or_default();
    let is_own = |entry: &Value| entry.get("type").and_then(Value::as_str) == Some(OWN);
    let own = addresses.iter().flatten();
    let own = own.map(|net| json!({"address": net.to_string(), "type": OWN}));
    let others = stored.iter().filter(|entry| !is_own(entry)).cloned();
    let wanted: Vec<Value> = own.chain(others).collect();
    if wanted.iter().any(|entry| !stored.contains(entry)) || wanted.len() != stored.len() {
        node.spec.other.insert("addresses".to_owned(), wanted.into());
    }
}
