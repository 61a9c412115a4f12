//! The content of a file, which may be large and may be secret.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// SHA-256.
pub type Sum = [u8; 32];

/// The content of a file. Shown as its length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes(Arc<[u8]>);

impl Bytes {
    /// Its sum.
    pub fn sum(&self) -> Sum {
        Sha256::digest(&self.0).into()
    }

    /// As it is.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// As text, if it is.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<String> for Bytes {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&str> for Bytes {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets", self.0.len())
    }
}
