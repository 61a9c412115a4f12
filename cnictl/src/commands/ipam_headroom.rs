//! `cnictl ipam headroom`: how many more pods each node can start, and what ends it. Free addresses of a pool say
//! little about a node: they may lie in others' blocks, or beyond its limit.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Add;

use jiff::Timestamp;
use serde_json::{Value, json};
use shared::ipam::AssignRequest;
use shared::ipam::headroom::{self, End, Headroom, Survey};
use shared::model::Stored;
use shared::model::ippool::IPPool;
use shared::model::ipreservation::IPReservation;
use shared::model::key::{Plural, Prefix};
use shared::store::Datastore;
use shared::txn::Snapshot;

use super::Outcome;
use super::ipam_show::settings;
use crate::args::ipam::Report;
use crate::blocks;
use crate::table::{boxed, five_digits};
use crate::utilization;

/// Which nodes, for which pods.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// This one only.
    pub node: Option<String>,
    /// Labels of the namespace the pods are of.
    pub namespace_labels: Option<BTreeMap<String, String>>,
    /// Form of the output.
    pub format: Report,
}

/// One node in one family.
struct Line {
    node: String,
    family: &'static str,
    room: Headroom,
}

/// Counts and shows.
pub async fn run<S: Datastore>(store: &S, request: &Request, now: Timestamp) -> Outcome {
    match store.read(&headroom::reads()).await {
        Ok(snapshot) => show(&snapshot, request, now).unwrap_or_else(Outcome::failed),
        Err(error) => Outcome::failed(error.to_string()),
    }
}

fn show(snapshot: &Snapshot, request: &Request, now: Timestamp) -> Result<Outcome, String> {
    let pools: Vec<IPPool> = all(snapshot, Plural::IpPools);
    let lines = lines(snapshot, request, &pools, now)?;
    let together = together(snapshot, &pools, &lines, now)?;
    let (_, warnings) = blocks::readable(snapshot);
    let out = match request.format {
        Report::Json => report(&lines, &together),
        Report::Table if lines.is_empty() => "there is no node, or no pool\n".to_owned(),
        Report::Table => table(&lines) + &footnote(&together),
    };
    Ok(Outcome {
        out,
        warnings,
        ..Outcome::default()
    })
}

fn lines(
    snapshot: &Snapshot,
    request: &Request,
    pools: &[IPPool],
    now: Timestamp,
) -> Result<Vec<Line>, String> {
    let on = |node: &str| AssignRequest {
        host: node.to_owned(),
        namespace_labels: request.namespace_labels.clone(),
        now,
        ..AssignRequest::default()
    };
    let survey = Survey::of(snapshot, &on("")).map_err(|error| error.to_string())?;
    let nodes = match &request.node {
        Some(node) => BTreeSet::from([node.clone()]),
        None => headroom::nodes(snapshot),
    };
    let families = [(true, "IPv4"), (false, "IPv6")];
    let families = families.map(|(ipv4, family)| {
        let there = pools.iter().any(|pool| pool.is_ipv4() == ipv4);
        (there, ipv4, family)
    });
    let mut lines = Vec::new();
    for node in nodes {
        for (_, ipv4, family) in families.iter().filter(|(there, ..)| *there) {
            lines.push(Line {
                room: survey.headroom(&on(&node), *ipv4),
                node: node.clone(),
                family,
            });
        }
    }
    Ok(lines)
}

/// Free addresses of all pools that any of the nodes may use, by family.
fn together(
    snapshot: &Snapshot,
    pools: &[IPPool],
    lines: &[Line],
    now: Timestamp,
) -> Result<BTreeMap<&'static str, f64>, String> {
    let cooldown = settings(snapshot)?.cooldown.value;
    let (mut blocks, _) = blocks::readable(snapshot);
    for block in &mut blocks {
        block.collect(now, cooldown);
    }
    let reservations: Vec<IPReservation> = all(snapshot, Plural::IpReservations);
    let usages = utilization::of(pools, &blocks, &reservations);
    let mut sums = BTreeMap::new();
    for family in ["IPv4", "IPv6"] {
        let lines = lines.iter().filter(|line| line.family == family);
        let used: BTreeSet<&String> = lines.flat_map(|line| &line.room.pools).collect();
        let named = pools.iter().zip(&usages);
        let free = named
            .filter(|(pool, _)| used.contains(&pool.name().to_owned()))
            .filter_map(|(_, usage)| Some(usage.pool.as_ref()?.free()))
            .fold(0.0, f64::add);
        if !used.is_empty() {
            sums.insert(family, free);
        }
    }
    Ok(sums)
}

fn all<T: Stored>(snapshot: &Snapshot, plural: Plural) -> Vec<T> {
    let prefix = Prefix::resources(plural);
    let read = snapshot
        .under(&prefix)
        .filter_map(|(_, entry)| T::from_bytes(&entry.value).ok());
    read.collect()
}

fn table(lines: &[Line]) -> String {
    let row = |line: &Line| {
        let Line { node, family, room } = line;
        vec![
            node.clone(),
            (*family).to_owned(),
            then(room, node),
            room.blocks.to_string(),
            room.own.to_string(),
            room.new_blocks.to_string(),
            room.new.to_string(),
            room.others.to_string(),
            room.pods().to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    let header = [
        "NODE",
        "FAMILY",
        "LIMITED BY",
        "BLOCKS",
        "OWN FREE",
        "NEW BLOCKS",
        "NEW FREE",
        "OTHERS FREE",
        "PODS",
    ];
    boxed(&header, &rows, 3)
}

fn then(room: &Headroom, node: &str) -> String {
    match &room.end {
        End::Error(error) => format!(
            "error {}: `cnictl ipam explain --node {node}` says why",
            error.code()
        ),
        End::Limit { pool, held, limit } => {
            format!("maxBlocksPerHost, {held} of {limit} blocks (pool {pool})")
        }
        End::ClaimsForbidden => "autoAllocateBlocks is false".to_owned(),
        End::Full { strict: true } => "full pools; strictAffinity keeps what others have free".to_owned(),
        End::Full { strict: false } => "full pools".to_owned(),
    }
}

fn footnote(together: &BTreeMap<&str, f64>) -> String {
    let sums: Vec<String> = together
        .iter()
        .map(|(family, free)| format!("{} {family}", five_digits(*free)))
        .collect();
    if sums.is_empty() {
        return String::new();
    }
    format!(
        "New blocks and others' addresses are shared: each line counts as if no other node started pods. All nodes \
         together can start at most {} pods.\n",
        sums.join(" and ")
    )
}

fn report(lines: &[Line], together: &BTreeMap<&str, f64>) -> String {
    let line = |line: &Line| {
        let Line { node, family, room } = line;
        json!({
            "node": node, "family": family, "pools": room.pools, "blocks": room.blocks, "ownFree": room.own,
            "newBlocks": room.new_blocks, "newFree": room.new, "othersFree": room.others, "pods": room.pods(),
            "limitedBy": reason(&room.end), "text": then(room, node),
        })
    };
    let lines: Vec<Value> = lines.iter().map(line).collect();
    let whole = json!({"nodes": lines, "together": together});
    format!("{whole:#}\n")
}

fn reason(end: &End) -> Value {
    match end {
        End::Error(error) => json!({"reason": "Error", "code": error.code(), "msg": error.to_string()}),
        End::Limit { pool, held, limit } => {
            json!({"reason": "BlockLimit", "pool": pool, "held": held, "limit": limit})
        }
        End::ClaimsForbidden => json!({"reason": "ClaimsForbidden"}),
        End::Full { strict } => json!({"reason": "PoolsFull", "strictAffinity": strict}),
    }
}
