//! `/calico/ipam/v2/host/<node>/ipv4/block/<cidr>`: that a block belongs to a node.

use serde::{Deserialize, Serialize};

use super::meta::{Other, nullable};
use super::{DecodeError, Stored};

/// The claim of a host on a block. Very old ones have an empty value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BlockAffinity {
    /// `pending`, `confirmed`, `pendingDeletion` or, in old entries, nothing.
    #[serde(default, deserialize_with = "nullable")]
    pub state: String,
    /// A device of the Kubernetes datastore; false in etcd.
    #[serde(default, deserialize_with = "nullable")]
    pub deleted: bool,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

impl BlockAffinity {
    /// The state of a finished claim.
    pub const CONFIRMED: &'static str = "confirmed";

    /// A finished claim.
    pub fn confirmed() -> Self {
        Self::default().confirm()
    }

    /// The same claim, finished.
    #[must_use]
    pub fn confirm(mut self) -> Self {
        Self::CONFIRMED.clone_into(&mut self.state);
        self
    }

    /// Whether the claim is finished; an old entry without a state is.
    pub fn is_confirmed(&self) -> bool {
        self.state.is_empty() || self.state == Self::CONFIRMED
    }
}

impl Stored for BlockAffinity {
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(bytes).map_err(|error| DecodeError(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_empty_value_is_a_finished_claim() {
        for old in ["", "{}", r#"{"state":null}"#, r#"{"state":""}"#] {
            assert!(
                BlockAffinity::from_bytes(old.as_bytes()).unwrap().is_confirmed(),
                "{old}"
            );
        }
        let half = BlockAffinity::from_bytes(br#"{"state":"pendingDeletion","x":1}"#).unwrap();
        assert!(!half.is_confirmed());
        assert_eq!(
            half.confirm().to_bytes(),
            br#"{"state":"confirmed","deleted":false,"x":1}"#
        );
    }
}
