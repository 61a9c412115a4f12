//! What of a host and its cluster is not as it should be: facts in, findings out. Pure; [`crate::observe`] gathers the facts.
//!
//! A fact that could not be had is `None`, and nothing is found about it: [`Facts::unknown`] says why.

pub mod facts;
mod firewall;
mod host;
mod install;
mod network;
mod pods;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;

pub use facts::Facts;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Could not be looked at, or is worth knowing.
    Note,
    /// Hurts some day, or some pods.
    Warning,
    /// Hurts now.
    Error,
}

impl Severity {
    /// The exit code of a doctor whose worst finding this is.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Note => 0,
            Self::Warning => 1,
            Self::Error => 2,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// A name that stays, for example `forward-drop`.
    pub check: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What was found: the object and its value.
    pub found: String,
    /// What to do about it.
    pub way_out: String,
}

impl Finding {
    fn new(check: &'static str, severity: Severity, found: String, way_out: impl Into<String>) -> Self {
        Self {
            check,
            severity,
            found,
            way_out: way_out.into(),
        }
    }

    fn error(check: &'static str, found: String, way_out: impl Into<String>) -> Self {
        Self::new(check, Severity::Error, found, way_out)
    }

    fn warning(check: &'static str, found: String, way_out: impl Into<String>) -> Self {
        Self::new(check, Severity::Warning, found, way_out)
    }
}

/// Everything that is found, the worst first.
pub fn examine(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = [
        host::findings(facts),
        firewall::findings(facts),
        install::findings(facts),
        network::findings(facts),
        pods::findings(facts),
        unknown(facts),
    ]
    .into_iter()
    .flatten()
    .collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

fn unknown(facts: &Facts) -> Vec<Finding> {
    let note = |(check, why): &(&'static str, String)| {
        let found = format!("not looked at: {why}");
        Finding::new(check, Severity::Note, found, "run it as root, on the host")
    };
    facts.unknown.iter().map(note).collect()
}
