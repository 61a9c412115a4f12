//! Calico's resources as plain data with their invariants.
//!
//! Every type keeps fields it does not know (`other`), so that a rewrite loses nothing, writes its own fields in
//! Calico's order, and takes `null` for absent. Nothing here reads a clock or a datastore.

use serde::Serialize;
use serde::de::DeserializeOwned;

pub mod affinity;
pub mod bgp;
pub mod block;
pub mod clusterinformation;
pub mod handle;
pub mod ipamconfig;
pub mod ippool;
pub mod ipreservation;
pub mod key;
pub mod meta;
pub mod node;
pub mod span;
pub mod workloadendpoint;

/// Why stored bytes are not the object they should be.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct DecodeError(pub String);

/// What is stored as one JSON object under one key.
pub trait Stored: Serialize + DeserializeOwned {
    /// The object in these bytes.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        serde_json::from_slice(bytes).map_err(|error| DecodeError(error.to_string()))
    }

    /// The bytes to store.
    #[expect(
        clippy::expect_used,
        reason = "plain data with text keys, written to memory: serde_json has no way to fail"
    )]
    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data is always JSON")
    }
}
