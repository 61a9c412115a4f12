//! `cnictl ipam explain`: what an ADD would do, by the code that an ADD does it with. Nothing is written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use shared::ipam::explain::{Explanation, Verdict, explain};
use shared::ipam::headroom::{self, PoolRoom, Survey};
use shared::ipam::{AssignRequest, IpamError, Lease, assign};
use shared::model::Stored;
use shared::model::block::Block;
use shared::model::ippool::IPPool;
use shared::model::key::{Key, Plural, Prefix};
use shared::store::Datastore;
use shared::txn::{Decision, Snapshot};

use super::Outcome;
use crate::table::boxed;

pub mod sources;

pub use sources::{Asked, Pod};

/// Rounds of reading after which a decision counts as endless; none takes more than a few.
const ROUNDS: usize = 10_000;

/// Which pod's addresses to explain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The node it is to run on.
    pub node: String,
    /// Its namespace, for the notes.
    pub namespace: Option<String>,
    /// Labels of its namespace, if they are known.
    pub namespace_labels: Option<BTreeMap<String, String>>,
    /// Pools asked for, per family.
    pub asked_v4: Option<Asked>,
    /// The same for IPv6.
    pub asked_v6: Option<Asked>,
}

impl Request {
    /// What the plugin would ask the allocator for one address of a family.
    fn of(&self, ipv4: bool, now: Timestamp) -> AssignRequest {
        let asked = if ipv4 { &self.asked_v4 } else { &self.asked_v6 };
        let pools = asked.as_ref().map_or_else(Vec::new, |asked| asked.pools.clone());
        let from = asked
            .as_ref()
            .map_or_else(String::new, |asked| asked.from.clone());
        let (pools_v4, pools_v6) = if ipv4 { (pools, vec![]) } else { (vec![], pools) };
        AssignRequest {
            host: self.node.clone(),
            handle: "cnictl.explain".to_owned(),
            attributes: BTreeMap::from([("node".to_owned(), self.node.clone())]),
            want_v4: ipv4,
            want_v6: !ipv4,
            pools_v4,
            pools_v6,
            pools_v4_from: from.clone(),
            pools_v6_from: from,
            namespace_labels: self.namespace_labels.clone(),
            now,
            ..AssignRequest::default()
        }
    }
}

/// Explains both families, as far as there is anything to say.
pub async fn run<S: Datastore>(store: &S, request: &Request, now: Timestamp) -> Outcome {
    let mut outcome = Outcome::default();
    for ipv4 in [true, false] {
        match family(store, &request.of(ipv4, now), ipv4).await {
            Ok((text, snapshot)) => {
                outcome.out.push_str(&text);
                if ipv4 {
                    outcome.warnings.extend(notes(&snapshot, request));
                }
            }
            Err(error) => return Outcome::failed(error),
        }
    }
    if outcome.out.is_empty() {
        outcome.out = "there is no pool: apply an IPPool\n".to_owned();
    }
    outcome
}

async fn family<S: Datastore>(
    store: &S,
    request: &AssignRequest,
    ipv4: bool,
) -> Result<(String, Snapshot), String> {
    let failed = |error: IpamError| error.to_string();
    let mut snapshot = store
        .read(&assign::reads(request))
        .await
        .map_err(|error| error.to_string())?;
    let explanation = explain(&snapshot, request, ipv4).map_err(failed)?;
    let Explanation {
        verdicts, unreadable, ..
    } = &explanation;
    if verdicts.is_empty() && unreadable.is_empty() && explanation.unknown.is_none() {
        return Ok((String::new(), snapshot));
    }
    let version = if ipv4 { "IPv4" } else { "IPv6" };
    let rooms = rooms(store, request, ipv4).await?;
    let mut text = table(verdicts, request, &rooms);
    for problem in unreadable {
        text.push_str(&format!("{problem}\n"));
    }
    text.push_str(&match rehearse(store, &mut snapshot, request).await? {
        Ok(lease) => format!(
            "An {version} address would be {}\n",
            chosen(&snapshot, &lease, request)
        ),
        Err(error) => format!(
            "An ADD of an {version} address would fail with code {}: {error}\n",
            error.code()
        ),
    });
    Ok((text, snapshot))
}

/// What the node finds in each pool that is chosen; nothing where the request fails before that matters.
async fn rooms<S: Datastore>(
    store: &S,
    request: &AssignRequest,
    ipv4: bool,
) -> Result<BTreeMap<String, PoolRoom>, String> {
    let snapshot = store
        .read(&headroom::reads())
        .await
        .map_err(|error| error.to_string())?;
    let survey = Survey::of(&snapshot, request).map_err(|error| error.to_string())?;
    Ok(survey.pools(request, ipv4).unwrap_or_default())
}

fn table(verdicts: &[Verdict], request: &AssignRequest, rooms: &BTreeMap<String, PoolRoom>) -> String {
    let asked = !request.pools_v4.is_empty() || !request.pools_v6.is_empty();
    let row = |verdict: &Verdict| {
        let chosen = if asked {
            format!("is asked for by {}", request.pools_from(request.want_v4))
        } else {
            "selects the node and the namespace".to_owned()
        };
        let (order, why) = match &verdict.outcome {
            Ok(order) => (
                order.to_string(),
                chosen + &rooms.get(&verdict.pool).map_or_else(String::new, room),
            ),
            Err(refusal) => ("no".to_owned(), refusal.to_string()),
        };
        vec![verdict.pool.clone(), verdict.cidr.to_string(), order, why]
    };
    let rows: Vec<Vec<String>> = verdicts.iter().map(row).collect();
    boxed(&["POOL", "CIDR", "CHOSEN", "WHY"], &rows, 4)
}

fn room(room: &PoolRoom) -> String {
    let PoolRoom {
        own,
        held,
        limit,
        unclaimed,
    } = room;
    let claims = match (held >= limit, unclaimed) {
        (true, _) => format!("at its limit, {held} of {limit} blocks (maxBlocksPerHost)"),
        (false, 0) => "no block unclaimed".to_owned(),
        (false, unclaimed) => format!("{held} of {limit} blocks held, {unclaimed} unclaimed"),
    };
    let full = if *own == 0 && (held >= limit || *unclaimed == 0) {
        "; full for this node"
    } else {
        ""
    };
    format!("{full}; {own} addresses free in own blocks, {claims}")
}

/// Decides as an ADD does, and leaves it at that.
async fn rehearse<S: Datastore>(
    store: &S,
    snapshot: &mut Snapshot,
    request: &AssignRequest,
) -> Result<Result<Lease, IpamError>, String> {
    for _ in 0..ROUNDS {
        match assign::decide(snapshot, request) {
            Ok(Decision::Read(more)) => {
                let later = store.read(&more).await.map_err(|error| error.to_string())?;
                snapshot.absorb(later);
            }
            Ok(Decision::Commit(_, leases) | Decision::Done(leases)) => {
                let lease = leases.into_iter().next();
                return lease
                    .map(Ok)
                    .ok_or_else(|| "no address was decided on".to_owned());
            }
            Err(error) => return Ok(Err(error)),
        }
    }
    Err(format!("no decision after {ROUNDS} reads"))
}

fn chosen(snapshot: &Snapshot, lease: &Lease, request: &AssignRequest) -> String {
    let stored = snapshot.get(&Key::block(lease.block));
    let block = stored.and_then(|entry| Block::from_bytes(&entry.value).ok());
    let whose = match &block {
        None => format!("which node {} would claim", request.host),
        Some(block) if block.host() == Some(&request.host) => format!("which is node {}'s", request.host),
        Some(block) => match &block.affinity {
            Some(owner) => format!("borrowed or taken over from {owner}"),
            None => "borrowed or taken over from nobody".to_owned(),
        },
    };
    format!(
        "{} of pool {}, out of block {}, {whose}",
        lease.address, lease.pool, lease.block
    )
}

/// What the explanation rests on without knowing it.
fn notes(snapshot: &Snapshot, request: &Request) -> Vec<String> {
    let mut notes = Vec::new();
    let node = &request.node;
    if snapshot.get(&Key::resource(Plural::Nodes, node)).is_none() {
        notes.push(format!(
            "node {node} is not in the datastore: selectors see no labels of it"
        ));
    }
    let selecting = snapshot
        .under(&Prefix::resources(Plural::IpPools))
        .filter_map(|(_, entry)| IPPool::from_bytes(&entry.value).ok())
        .any(|pool| !pool.namespace_selector().is_empty());
    if selecting && request.namespace_labels.is_none() {
        let namespace = request.namespace.as_deref().unwrap_or("the namespace");
        notes.push(format!(
            "the labels of {namespace} are not known: namespace selectors see none (--namespace-labels)"
        ));
    }
    notes
}
