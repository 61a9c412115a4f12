//! A span of keys in byte order.

use super::key::{Key, Prefix};

/// Every key from one text up to, not including, another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    from: String,
    to: String,
}

impl Span {
    /// The keys from `from` up to, not including, `to`.
    pub fn new(from: impl Into<String>, to: impl Into<String>) -> Self {
        Self {
            from: from.into(),
            to: to.into(),
        }
    }

    /// Every key below a prefix.
    pub fn below(prefix: &Prefix) -> Self {
        let from = prefix.as_str();
        // A prefix ends in '/', and '0' is what follows it.
        let to = from.strip_suffix('/').map(|start| format!("{start}0"));
        Self::new(from, to.unwrap_or_else(|| format!("{from}\u{10ffff}")))
    }

    /// Where it begins.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// Where it has ended.
    pub fn to(&self) -> &str {
        &self.to
    }

    /// Whether the key lies in it.
    pub fn holds(&self, key: &Key) -> bool {
        (self.from.as_str()..self.to.as_str()).contains(&key.as_str())
    }
}
