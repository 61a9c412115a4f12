//! A datastore that comes back empty is no reason to withdraw, nor to leave anybody.
//!
//! [`withdrawal`] refuses the next picture, and the node goes on with the previous one, if
//!
//! - the datastore is **empty**: it holds no Node and no ClusterInformation, where it held one before; or
//! - it is **another**: its cluster GUID is absent or changed, where there was one (where there was none, this node's own
//!   Node is gone), and more than a fifth of the prefixes would be withdrawn, or of the sessions ended. A node without a
//!   pod has no prefix to lose, and everything that it has learned.
//!
//! [`restored`] refuses more of one that has come from an older backup, which its revision tells: whatever prefix would be
//! withdrawn or session ended, for what was written after the backup is not in it.
//!
//! Everything else is accepted: in the same cluster pods, blocks and peers may go as they like. A picture is taken before
//! this node is registered anew, or its own Node would hide that there was none. That another node has registered since
//! makes an emptied datastore no less another.

use std::collections::BTreeSet;

use shared::txn::Revision;

use super::Origin;
use crate::session::PeerKey;

/// What is known of the datastore at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture<'a> {
    /// What follows from it.
    pub origin: &'a Origin,
    /// With whom this node is to speak.
    pub peers: BTreeSet<PeerKey>,
    /// How many Nodes it holds.
    pub nodes: usize,
    /// Whether this node's own is among them.
    pub registered: bool,
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

/// How many of those before are gone.
struct Loss {
    gone: usize,
    all: usize,
}

impl Loss {
    fn of<T: Ord>(previous: &BTreeSet<T>, next: &BTreeSet<T>) -> Self {
        Self {
            gone: previous.difference(next).count(),
            all: previous.len(),
        }
    }

    /// More than a fifth.
    fn is_much(&self) -> bool {
        self.gone * 5 > self.all
    }
}

/// See the module.
pub fn withdrawal(previous: &Picture<'_>, next: &Picture<'_>) -> Verdict {
    let prefixes = Loss::of(&previous.origin.announced, &next.origin.announced);
    let sessions = Loss::of(&previous.peers, &next.peers);
    let what = if next.is_empty() && !previous.is_empty() {
        Some("the datastore is empty: it holds no Node and no ClusterInformation".to_owned())
    } else if prefixes.is_much() || sessions.is_much() {
        another(previous, next)
    } else {
        None
    };
    what.map_or(Verdict::Accept, |what| refuse(&what, &prefixes, &sessions))
}

/// The same for a datastore that is at an older revision than it was.
pub fn restored(previous: &Picture<'_>, next: &Picture<'_>, (was, is): (Revision, Revision)) -> Verdict {
    if let Verdict::Refuse(why) = withdrawal(previous, next) {
        return Verdict::Refuse(why);
    }
    let prefixes = Loss::of(&previous.origin.announced, &next.origin.announced);
    let sessions = Loss::of(&previous.peers, &next.peers);
    if prefixes.gone + sessions.gone == 0 {
        return Verdict::Accept;
    }
    let what = format!(
        "the datastore was restored from an older backup: it came back with revision {}, and had {}",
        is.0, was.0
    );
    refuse(&what, &prefixes, &sessions)
}

fn refuse(what: &str, prefixes: &Loss, sessions: &Loss) -> Verdict {
    Verdict::Refuse(format!(
        "{what}; {} of {} prefixes of this node would be withdrawn, and {} of {} sessions ended with what was learned from \
         them, so everything stays as it was: restore the datastore, or, if the cluster is meant to begin anew, stop this \
         node by bgp-sidecar --withdraw and start it again",
        prefixes.gone, prefixes.all, sessions.gone, sessions.all
    ))
}

/// Why it is another cluster's, if it is.
fn another(previous: &Picture<'_>, next: &Picture<'_>) -> Option<String> {
    match (previous.guid, next.guid) {
        (Some(before), Some(now)) => (before != now)
            .then(|| format!("the datastore is another cluster's: GUID {now}, before {before}")),
        (Some(before), None) => Some(format!(
            "the datastore has no cluster GUID any more, before {before}"
        )),
        (None, _) => (previous.registered && !next.registered).then(|| {
            "the datastore has this node's Node no more, and never had a cluster GUID to tell it by"
                .to_owned()
        }),
    }
}
