//! Many resources at once, each for itself.

use crate::model::Stored as _;
use crate::model::key::Key;
use crate::model::meta::{Resource, Spec};

/// A resource that is not what it should be.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq, PartialOrd, Ord)]
#[error("{kind} {name}: {problem}")]
pub struct Unreadable {
    /// For example `BGPPeer`.
    pub kind: &'static str,
    /// The name in its key.
    pub name: String,
    /// Why.
    pub problem: String,
}

/// The resources in these entries, sorted by name, and those that are none. The key's name counts.
pub fn read<'a, S: Spec>(
    entries: impl IntoIterator<Item = (&'a Key, &'a [u8])>,
) -> (Vec<Resource<S>>, Vec<Unreadable>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (key, value) in entries {
        let name = key.as_str().rsplit('/').next().unwrap_or_default().to_owned();
        match Resource::<S>::from_bytes(value) {
            Ok(mut resource) => {
                resource.metadata.name = name;
                good.push(resource);
            }
            Err(error) => bad.push(Unreadable {
                kind: S::KIND,
                name,
                problem: error.to_string(),
            }),
        }
    }
    good.sort_by(|one, other| one.name().cmp(other.name()));
    bad.sort();
    (good, bad)
}
