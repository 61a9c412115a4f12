//! `/v1/state` and `/readyz`: what this node is, and whether it can route.

use serde::Serialize;

use super::{Facts, Ipam, Spool, named, time};
use crate::fsm::State;
use crate::session::Local;
use crate::speaker::Speaker;
use crate::speaker::status::WithheldStatus;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Whole {
    node: String,
    version: String,
    last_boot_time: String,
    #[serde(rename = "routerID")]
    router_id: Option<String>,
    as_number: Option<u32>,
    ready: bool,
    not_ready: Vec<String>,
    problems: Vec<String>,
    datastore: Datastore,
    announced: Option<usize>,
    withheld: Vec<String>,
    kernel_routes: usize,
    spool: Spool,
    ipam: Ipam,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Datastore {
    away: bool,
    heard: Option<String>,
    age_seconds: Option<u64>,
}

pub(super) fn of(speaker: &Speaker, facts: &Facts) -> Whole {
    let local = local(facts).ok();
    let not_ready = not_ready(speaker, facts);
    let picture = facts.picture.as_deref();
    let problems = picture.map(|picture| {
        let sessions = picture.sessions.problems.iter().map(ToString::to_string);
        sessions.chain(picture.problems.clone()).collect()
    });
    let withheld = picture.map(|picture| {
        let why = |(prefix, why): (&ipnet::IpNet, _)| format!("{prefix}: {why}");
        let from_all = picture.origin.withheld.iter().map(why);
        let from_some = speaker.withheld_own().into_iter().map(|one| not_told(&one));
        from_all.chain(from_some).collect()
    });
    Whole {
        node: facts.node.clone(),
        version: facts.version.clone(),
        last_boot_time: time(facts.started),
        router_id: local.map(|local| local.id.to_string()),
        as_number: local.map(|local| local.number),
        ready: not_ready.is_empty(),
        not_ready,
        problems: problems.unwrap_or_default(),
        datastore: Datastore {
            away: facts.datastore.away,
            heard: facts.datastore.heard.map(time),
            age_seconds: age(facts),
        },
        announced: picture.map(|picture| picture.origin.announced.len()),
        withheld: withheld.unwrap_or_default(),
        kernel_routes: speaker.kernel_routes().len(),
        spool: facts.spool.clone(),
        ipam: facts.ipam.clone(),
    }
}

/// Some of the peers by name: a mesh has hundreds.
fn not_told(one: &WithheldStatus) -> String {
    const NAMED: usize = 3;
    let names: Vec<String> = one.peers.iter().take(NAMED).map(|key| named(*key)).collect();
    let more = match one.peers.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (prefix, why) = (one.prefix, &one.why);
    format!("{prefix}: to {}{more}: {why}", names.join(", "))
}

/// Seconds since the datastore was heard from.
pub(super) fn age(facts: &Facts) -> Option<u64> {
    let age = facts.now.duration_since(facts.datastore.heard?).as_secs();
    Some(u64::try_from(age).unwrap_or(0))
}

fn local(facts: &Facts) -> Result<&Local, String> {
    match &facts.picture {
        None => Err("nothing is known of the cluster yet: the datastore has not been read".to_owned()),
        Some(picture) => picture.local.as_ref().map_err(Clone::clone),
    }
}

/// Why this node cannot route; one peer suffices, so that one that is down does not take every node out.
pub(super) fn not_ready(speaker: &Speaker, facts: &Facts) -> Vec<String> {
    if let Err(why) = local(facts) {
        return vec![why];
    }
    let peers = speaker.peers();
    if peers.iter().any(|peer| peer.state == State::Established) {
        return Vec::new();
    }
    let reason = |peer: crate::speaker::status::PeerStatus| {
        let cause = peer.cause.map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("peer {} is {}{cause}", named(peer.key), peer.state)
    };
    peers.into_iter().map(reason).collect()
}
