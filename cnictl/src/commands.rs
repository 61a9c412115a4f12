//! What each word on the command line does: read from the datastore, decide, write, and say what became of it.
//! Nothing here prints, knows the time or opens anything.

use std::path::PathBuf;

use jiff::Timestamp;
use shared::store::TransactError;

pub mod apply;
pub mod bgp_routes;
pub mod decommission;
pub mod delete;
pub mod describe;
pub mod doctor;
pub mod etcd_roles;
pub mod free;
pub mod get;
pub mod initialize;
pub mod install;
pub mod ipam_check;
pub mod ipam_configure;
pub mod ipam_explain;
pub mod ipam_headroom;
pub mod ipam_release;
pub mod ipam_show;
pub mod ipam_split;
pub mod label;
pub mod node_remote;
pub mod node_status;
pub mod patch;
pub mod validate;
pub mod version;
pub mod watch;

/// What a command has to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// For stdout.
    pub out: String,
    /// For stderr; the command succeeded all the same.
    pub warnings: Vec<String>,
    /// For stderr; the exit code is then 1.
    pub error: Option<String>,
    /// To be written, whatever became of the command.
    pub files: Vec<(PathBuf, String)>,
    /// `out` is a table, whose titles may be set off on a terminal.
    pub table: bool,
    /// The exit code of a command that succeeded.
    pub code: u8,
}

/// Where a command that goes on tells what it sees.
pub trait Screen {
    /// For stdout; answers whether anybody reads it still.
    fn out(&mut self, text: &str) -> bool;
    /// For stderr.
    fn err(&mut self, text: &str);
}

impl Outcome {
    /// Success.
    pub fn said(out: impl Into<String>) -> Self {
        Self {
            out: out.into(),
            ..Self::default()
        }
    }

    /// Success, in a table.
    pub fn table(out: impl Into<String>) -> Self {
        Self {
            out: out.into(),
            table: true,
            ..Self::default()
        }
    }

    /// Failure.
    pub fn failed(error: impl Into<String>) -> Self {
        Self {
            error: Some(error.into()),
            ..Self::default()
        }
    }

    /// Everything for stderr.
    pub fn complaints(&self) -> String {
        let warnings = self
            .warnings
            .iter()
            .map(|warning| format!("Warning: {warning}\n"));
        let error = self.error.iter().map(|error| format!("Error: {error}\n"));
        warnings.chain(error).collect()
    }
}

/// What is new about an object written now.
#[derive(Clone, Copy, Debug)]
pub struct Birth {
    /// The time of this call.
    pub now: Timestamp,
    /// Makes a UUID.
    pub uid: fn() -> String,
}

/// An error of the retry loop in words.
fn told(error: TransactError<String>) -> String {
    match error {
        TransactError::Store(error) => error.to_string(),
        TransactError::Decide(problem) => problem,
    }
}

/// `1 'IPPool' resource(s)`, the kind left out where they are mixed, as calicoctl counts.
fn counted(kinds: &[&str], count: usize) -> String {
    match kinds {
        [first, rest @ ..] if rest.iter().all(|kind| kind == first) => {
            format!("{count} '{first}' resource(s)")
        }
        _ => format!("{count} resource(s)"),
    }
}
