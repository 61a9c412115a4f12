//! `cnictl doctor`: what was found, as text or JSON, and the exit code that says how bad it is.

use serde_json::json;

use super::Outcome;
use crate::args::ipam::Report;
use crate::doctor::{Facts, Finding, Severity, examine};

/// Judges the facts and shows what was found.
pub fn run(facts: &Facts, format: Report) -> Outcome {
    let findings = examine(facts);
    let worst = findings.iter().map(|finding| finding.severity).max();
    let out = match format {
        Report::Json => format!("{:#}\n", json!({"findings": findings})),
        Report::Table => text(&findings),
    };
    Outcome {
        code: worst.map_or(0, Severity::exit_code),
        ..Outcome::said(out)
    }
}

fn text(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "Nothing is wrong with this host.\n".to_owned();
    }
    let paragraph = |finding: &Finding| {
        let Finding {
            check,
            severity,
            found,
            way_out,
        } = finding;
        format!("{severity} {check}: {found}\n  {way_out}\n")
    };
    findings.iter().map(paragraph).collect()
}
