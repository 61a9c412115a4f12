//! What is let in and let out.

/// A BGPFilter, ready to be applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Its name.
    pub name: String,
}
