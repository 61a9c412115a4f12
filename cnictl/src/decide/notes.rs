//! What is written as asked, though it does not do now what one may expect of it.

use shared::model::Stored;
use shared::model::key::{Plural, Prefix};
use shared::model::node::Node;
use shared::selector::Selector;
use shared::txn::Snapshot;

use super::{bgp, node, pool, reservation};
use crate::resource::{Document, Kind};

/// What is noteworthy about a document beside what is stored.
pub fn notes(snapshot: &Snapshot, document: &Document) -> Vec<String> {
    let notes = match document.kind {
        Kind::IpPool => pool::notes(document, &nodes(snapshot)),
        Kind::IpReservation => reservation::notes(snapshot, document),
        Kind::BgpPeer => bgp::notes(document, &nodes(snapshot)),
        Kind::Node => node::notes(document, &nodes(snapshot)),
        Kind::IpamConfiguration | Kind::BgpConfiguration | Kind::BgpFilter => Vec::new(),
        Kind::WorkloadEndpoint | Kind::ClusterInformation | Kind::BlockAffinity => Vec::new(),
    };
    let title = document.title();
    notes.into_iter().map(|note| format!("{title}: {note}")).collect()
}

fn nodes(snapshot: &Snapshot) -> Vec<Node> {
    let prefix = Prefix::resources(Plural::Nodes);
    let entries = snapshot.under(&prefix);
    entries
        .filter_map(|(_, entry)| Node::from_bytes(&entry.value).ok())
        .collect()
}

/// That a selector of nodes selects none, and what follows from it.
pub(super) fn unmatched(field: &str, selector: &str, nodes: &[Node], follows: &str) -> Option<String> {
    if selector.is_empty() {
        return None;
    }
    let parsed = Selector::parse(selector).ok()?;
    let seen = |node: &Node| parsed.matches(&node.labels());
    (!nodes.iter().any(seen)).then(|| {
        format!(
            "spec.{field}: {selector:?} selects no Node now: {follows} (cnictl get nodes -o yaml shows them)"
        )
    })
}
