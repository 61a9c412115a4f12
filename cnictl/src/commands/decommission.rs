//! `cnictl node decommission`: everything a dead node left goes, and the end of a node that `cnictl delete node`
//! deletes. An address is freed on two witnesses: somebody's word that the node is gone, and the silence of its
//! sidecar, which every single Txn guards. Each round plans from what is there, so that a call that was
//! interrupted anywhere is simply made again.

use jiff::Timestamp;
use shared::model::Stored;
use shared::model::key::{Key, Plural, Prefix};
use shared::model::node::Node;
use shared::store::{Datastore, transact};
use shared::txn::{Decision, Guard, Range, Reads, Snapshot, Txn, Write};

use super::{Outcome, told};
use crate::blocks;

mod plan;
mod show;
mod steps;

use plan::{Plan, alive};
use steps::{silent, steps};

/// Rounds until a node that still takes addresses counts as alive.
const ROUNDS: usize = 8;

/// Which node, on whose word.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The node.
    pub node: String,
    /// Only say what would go.
    pub plan: bool,
    /// The operator says that the machine is gone.
    pub dead: bool,
    /// The API server says that it has no such node, or that it has; nothing if it was not asked.
    pub gone: Option<bool>,
    /// The name of the node this runs on, if it has one.
    pub here: Option<String>,
    /// The operator knows that this is the very node.
    pub this_node: bool,
    /// The operator knows that no node has a sidecar, so that one's silence says nothing.
    pub no_sidecars: bool,
}

/// Plans, and unless only that is asked for, does it.
pub async fn run<S: Datastore>(store: &S, request: &Request, now: Timestamp) -> Outcome {
    match plan_of(store, &request.node).await {
        Ok((plan, _)) if plan.is_bare() && plan.node.is_none() => {
            Outcome::said(format!("nothing is left of node {}\n", request.node))
        }
        Ok((plan, silence)) if request.plan => Outcome {
            out: plan.table(&request.node),
            warnings: unknown(&plan).into_iter().chain(silence.err()).collect(),
            ..Outcome::default()
        },
        Ok((plan, silence)) => match silence.and_then(|()| permitted(&plan, request)) {
            Ok(()) => act(store, &plan, request, now).await,
            Err(error) => Outcome::failed(error),
        },
        Err(error) => Outcome::failed(error),
    }
}

async fn act<S: Datastore>(store: &S, plan: &Plan, request: &Request, now: Timestamp) -> Outcome {
    let node = &request.node;
    match retire(store, node, now, |plan| permitted(plan, request)).await {
        Ok(_) => Outcome {
            out: format!(
                "Successfully decommissioned node {node}: {} workload endpoints, {} addresses, {} blocks, {} other objects\n",
                plan.endpoints.len(),
                plan.held.len(),
                plan.blocks.len(),
                plan.others.len() + plan.node.iter().len(),
            ),
            warnings: unknown(plan),
            ..Outcome::default()
        },
        Err(error) => Outcome::failed(format!(
            "failed to decommission node {node}: {error}; what went is gone, the same call goes on"
        )),
    }
}

/// What Kubernetes calls a node: its own name, unless the Node says otherwise.
pub async fn name_in_kubernetes<S: Datastore>(store: &S, node: &str) -> Result<String, String> {
    let key = Key::resource(Plural::Nodes, node);
    let snapshot = store.read(&Reads::new().key(key.clone())).await;
    let snapshot = snapshot.map_err(|error| error.to_string())?;
    let stored = snapshot
        .get(&key)
        .and_then(|entry| Node::from_bytes(&entry.value).ok());
    let references = stored.and_then(|node| node.spec.orch_refs).unwrap_or_default();
    let reference = references
        .into_iter()
        .find(|reference| reference.orchestrator == "k8s");
    Ok(reference
        .and_then(|reference| reference.node_name)
        .unwrap_or_else(|| node.to_owned()))
}

/// What there is, and whether the node's sidecar is silent.
async fn plan_of<S: Datastore>(store: &S, node: &str) -> Result<(Plan, Result<(), String>), String> {
    let snapshot = store
        .read(&plan::reads(node))
        .await
        .map_err(|error| error.to_string())?;
    Ok((Plan::of(&snapshot, node)?, silent(&snapshot, node)))
}

fn permitted(plan: &Plan, request: &Request) -> Result<(), String> {
    let (node, held) = (&request.node, plan.held.len());
    let in_use = held > 0 || !plan.endpoints.is_empty();
    if request.gone == Some(false) {
        return Err(format!(
            "the API server still has node {node}: `kubectl delete node {node}` first, or, if that cannot be, go by \
             --dead without --kubeconfig"
        ));
    }
    if request.here.as_ref() == Some(node) && in_use && !request.this_node {
        return Err(format!(
            "this machine is node {node}, and its pods have {held} addresses: drain it and run this elsewhere, \
             or give --this-node"
        ));
    }
    if in_use && !request.dead && request.gone != Some(true) {
        return Err(format!(
            "its pods have {held} addresses, and one is freed on two witnesses only: the sidecar of {node} is silent \
             ({} is absent), and --kubeconfig or --dead says that the node is gone for good; look with --plan first",
            alive(node)
        ));
    }
    let both = request.dead && request.gone == Some(true);
    if in_use && !(plan.sidecars || request.no_sidecars || both) {
        return Err(format!(
            "its pods have {held} addresses, and no node has a sidecar that holds its key alive, so the silence of \
             {node}'s says nothing: let the API server say that the node is gone too (--dead --kubeconfig FILE), or, \
             if no sidecars run here, see that the machine is off and give --dead --no-sidecars"
        ));
    }
    Ok(())
}

fn unknown(plan: &Plan) -> Vec<String> {
    if plan.unknown.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "nothing says whose these are, so they stay: {}",
        plan.unknown.join(", ")
    )]
}

/// Takes everything away that is `allowed`, the Node at last; answers whether there was one.
async fn retire<S: Datastore>(
    store: &S,
    node: &str,
    now: Timestamp,
    allowed: impl Fn(&Plan) -> Result<(), String>,
) -> Result<bool, String> {
    let mut found = false;
    for _ in 0..ROUNDS {
        let (plan, silence) = plan_of(store, node).await?;
        found |= plan.node.is_some();
        silence?;
        allowed(&plan)?;
        if plan.is_bare() {
            if last(store, node, &allowed).await? {
                return Ok(found);
            }
            continue;
        }
        for step in steps(&plan, node, now) {
            let decide = |snapshot: &Snapshot| step.decide(snapshot, node, now);
            transact(store, step.reads(node), decide).await.map_err(told)?;
        }
    }
    Err(format!("node {node} still takes addresses: it is alive"))
}

/// Deletes the Node if nothing else is left of it; answers whether it is gone. A claim of the node since the
/// snapshot writes an affinity and is noticed. (An ADD that begins later makes the Node anew.)
async fn last<S: Datastore>(
    store: &S,
    node: &str,
    allowed: impl Fn(&Plan) -> Result<(), String>,
) -> Result<bool, String> {
    let decide = |snapshot: &Snapshot| {
        let plan = Plan::of(snapshot, node)?;
        silent(snapshot, node)?;
        allowed(&plan)?;
        let Some(object) = plan.node.as_ref().filter(|_| plan.is_bare()) else {
            return Ok(Decision::Done(plan.is_bare()));
        };
        let mut txn = Txn::default();
        txn.guard(snapshot.guard(&object.key));
        txn.guard(snapshot.guard(&alive(node)));
        let own = Prefix::affinities(node);
        if let Some(revision) = snapshot.read_at(&Range::Prefix(own.clone())) {
            txn.guard(Guard::NothingNewer(own, revision));
        }
        txn.write(Write::Delete(object.key.clone()));
        Ok(Decision::Commit(txn, true))
    };
    transact(store, plan::reads(node), decide).await.map_err(told)
}

/// `cnictl delete node`: whether there was one. Nothing of it may be in use; what is empty goes with it.
pub(super) async fn delete<S: Datastore>(store: &S, node: &str, now: Timestamp) -> Result<bool, String> {
    let exists = store
        .read(&Reads::new().key(Key::resource(Plural::Nodes, node)))
        .await;
    let exists = exists.map_err(|error| error.to_string())?;
    if exists.get(&Key::resource(Plural::Nodes, node)).is_none() {
        return Ok(false);
    }
    retire(store, node, now, |plan| vacant(plan, node)).await?;
    Ok(true)
}

/// Nothing runs on the node, as far as anything says.
fn vacant(plan: &Plan, node: &str) -> Result<(), String> {
    let way_out = format!("remove its pods first, or `cnictl node decommission {node}` if it is dead");
    if let Some(endpoint) = plan.endpoints.first() {
        return Err(format!("{endpoint} is on it: {way_out}"));
    }
    let held = plan.held.iter().map(ToString::to_string);
    let users: Vec<String> = held.chain(plan.unknown.iter().cloned()).collect();
    if users.is_empty() {
        return Ok(());
    }
    Err(format!("{}: {way_out}", blocks::named(&users)))
}
