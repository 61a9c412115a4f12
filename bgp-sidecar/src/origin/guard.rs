//! A datastore that comes back empty is no reason to withdraw.
//!
//! [`withdrawal`] refuses the next picture, and the node goes on with the previous one, if
//!
//! - the datastore is **empty**: it holds no Node and no ClusterInformation, where it held one before (a node without a
//!   pod would end its sessions); or
//! - it is **another**: its cluster GUID is absent or changed, where there was one, and more than a fifth of the
//!   prefixes would go.
//!
//! Everything else is accepted: in the same cluster pods and blocks may go as they like. A picture is taken before
//! this node is registered anew, or its own Node would hide that there was none.

use super::Origin;

/// What is known of the datastore at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture<'a> {
    /// What follows from it.
    pub origin: &'a Origin,
    /// How many Nodes it holds.
    pub nodes: usize,
    /// The GUID of its ClusterInformation; `None` if there is none.
    pub guid: Option<&'a str>,
}

/// Whether to go on with the next picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Accept,
    /// No: keep the previous one. With the reason and the way out.
    Refuse(String),
}

impl Picture<'_> {
    fn is_empty(&self) -> bool {
        self.nodes == 0 && self.guid.is_none()
    }
}

/// See the module.
pub fn withdrawal(previous: &Picture<'_>, next: &Picture<'_>) -> Verdict {
    let all = previous.origin.announced.len();
    let gone = previous
        .origin
        .announced
        .difference(&next.origin.announced)
        .count();
    let what = if next.is_empty() && !previous.is_empty() {
        "the datastore is empty: it holds no Node and no ClusterInformation".to_owned()
    } else if gone == 0 {
        return Verdict::Accept;
    } else if let Some(text) = changed(previous.guid, next.guid).filter(|_| gone * 5 > all) {
        text
    } else {
        return Verdict::Accept;
    };
    Verdict::Refuse(format!(
        "{what}; {gone} of {all} prefixes of this node would be withdrawn, and sessions with them, so everything \
         stays as it was: restore the datastore, or, if the cluster is meant to begin anew, stop this node by bgp-sidecar --withdraw and \
         start it again"
    ))
}

fn changed(previous: Option<&str>, next: Option<&str>) -> Option<String> {
    let before = previous?;
    match next {
        Some(now) if now == before => None,
        Some(now) => Some(format!(
            "the datastore is another cluster's: GUID {now}, before {before}"
        )),
        None => Some(format!(
            "the datastore has no cluster GUID any more, before {before}"
        )),
    }
}
