//! Each problem as text: its name, where, what, the proof, the fix. Pure.

use shared::ipam::audit::{Fact, Finding};
use shared::txn::{Guard, Txn, Write};

/// All of them.
pub fn list(findings: &[Finding]) -> String {
    findings.iter().map(one).collect()
}

fn one(finding: &Finding) -> String {
    let proof: Vec<String> = finding.proof.iter().map(seen).collect();
    let fix = if finding.edits.is_empty() {
        "by hand"
    } else {
        "fix"
    };
    format!(
        "{}@{}\n  {}: {}\n  proof: {}\n  {fix}: {}\n\n",
        finding.id(),
        finding.revision(),
        finding.object,
        finding.text,
        proof.join(", "),
        finding.remedy
    )
}

fn seen(fact: &Fact) -> String {
    match fact.revision {
        Some(revision) => format!("{} at revision {}", fact.key, revision.0),
        None => format!("no {}", fact.key),
    }
}

/// A Txn: what must hold, and what is written then.
pub fn txn(txn: &Txn) -> String {
    let guards: Vec<String> = txn.guards.iter().map(guard).collect();
    let writes: Vec<String> = txn.writes.iter().map(write).collect();
    format!("if {}\n  then {}", guards.join(", "), writes.join(", "))
}

fn guard(guard: &Guard) -> String {
    match guard {
        Guard::Absent(key) => format!("no {key}"),
        Guard::Present(key) => format!("{key} there"),
        Guard::Unchanged(key, revision) => format!("{key} at revision {}", revision.0),
        Guard::Holds(key, value) => format!("{key} with these {} bytes", value.len()),
        Guard::NothingNewer(prefix, revision) => {
            format!("nothing below {prefix} after revision {}", revision.0)
        }
    }
}

fn write(write: &Write) -> String {
    match write {
        Write::Put(key, value) => format!("put {key} ({} bytes)", value.len()),
        Write::Delete(key) => format!("delete {key}"),
    }
}
