//! What is let in and let out.

mod refusal;

pub use refusal::{Refusal, Verdict};

/// A BGPFilter, ready to be applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Its name.
    pub name: String,
}
