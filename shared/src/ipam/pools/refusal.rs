//! Why a pool does not serve a request, as data and in words.

use std::collections::BTreeMap;
use std::fmt;

/// Why a pool does not serve a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing new is taken from it.
    Disabled,
    /// It serves only those that name it.
    Manual,
    /// A selector of it does not match.
    Selector {
        /// `nodeSelector` or `namespaceSelector`.
        field: &'static str,
        /// The selector.
        text: String,
        /// Whose labels they are.
        whose: &'static str,
        /// What it was evaluated against.
        labels: BTreeMap<String, String>,
    },
    /// A selector of it cannot be read.
    Unreadable {
        /// `nodeSelector` or `namespaceSelector`.
        field: &'static str,
        /// Where and why.
        error: String,
    },
    /// It is for other uses.
    Uses(Vec<String>),
    /// It needs a tunnel.
    Encapsulated,
    /// Other pools were asked for.
    NotRequested {
        /// By whom; may be empty.
        from: String,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Disabled => f.write_str("is disabled"),
            Refusal::Manual => f.write_str("has assignmentMode Manual and was not asked for"),
            Refusal::Selector {
                field,
                text,
                whose,
                labels,
            } => write!(
                f,
                "has {field} {text:?}, which does not match {whose} {}",
                shown(labels)
            ),
            Refusal::Unreadable { field, error } => write!(f, "has a {field} that cannot be read ({error})"),
            Refusal::Uses(uses) => write!(f, "allows only {} (allowedUses)", uses.join(", ")),
            Refusal::Encapsulated => {
                f.write_str("has ipipMode or vxlanMode Always, and encapsulation is not built yet")
            }
            Refusal::NotRequested { from } if from.is_empty() => f.write_str("was not asked for"),
            Refusal::NotRequested { from } => write!(f, "is not among those asked for by {from}"),
        }
    }
}

fn shown(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("({})", pairs.join(", "))
}
