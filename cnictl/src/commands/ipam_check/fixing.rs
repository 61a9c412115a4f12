//! `--fix`: the problems that are meant, Txn by Txn, each told before and after.

use std::collections::BTreeSet;

use shared::ipam::audit::{Finding, fix};
use shared::store::{Datastore, StoreError};
use shared::txn::Commit;

use super::{Look, problems};

/// What became of it.
#[derive(Debug, Default, PartialEq)]
pub struct Fixed {
    /// For stdout.
    pub text: String,
    /// Problems that are no more.
    pub count: usize,
    /// Why it ended early, or what was asked for and not done.
    pub error: Option<String>,
}

/// Fixes those that `wanted` names.
pub async fn run<S: Datastore>(store: &S, look: Look, wanted: &[String], yes: bool) -> Fixed {
    let mut fixed = Fixed::default();
    let (chosen, refused) = choose(&look.findings, wanted, yes);
    let mut snapshot = look.snapshot;
    for group in fix::groups(&chosen) {
        let txn = fix::txn(&snapshot, &group);
        let names: BTreeSet<String> = group.iter().map(|finding| finding.id()).collect();
        let names: Vec<String> = names.into_iter().collect();
        fixed
            .text
            .push_str(&format!("\n{}:\n  {}\n", names.join(", "), problems::txn(&txn)));
        match store.commit(&txn).await {
            Ok(Commit::Applied(revision)) => {
                fixed
                    .text
                    .push_str(&format!("  done at revision {}\n", revision.0));
                fixed.count += group.len();
                fix::applied(&mut snapshot, &txn, revision);
            }
            Ok(Commit::Conflict(_)) => fixed.text.push_str("  left alone: it has changed; check again\n"),
            Err(error) => {
                fixed.text.push_str("  not known to be done\n");
                fixed.error = Some(unsure(&error));
                break;
            }
        }
    }
    let asked = chosen.len();
    fixed
        .text
        .push_str(&format!("\nFixed {} of {asked} problems.\n", fixed.count));
    if !refused.is_empty() {
        let earlier = fixed.error.take();
        let all: Vec<String> = earlier.into_iter().chain(refused).collect();
        fixed.error = Some(all.join("; "));
    }
    fixed
}

fn unsure(error: &StoreError) -> String {
    format!("{error}: check again before anything else is fixed")
}

/// The findings that are meant and can be fixed, and what is wrong with the others.
fn choose<'f>(findings: &'f [Finding], wanted: &[String], yes: bool) -> (Vec<&'f Finding>, Vec<String>) {
    let mut chosen: BTreeSet<usize> = BTreeSet::new();
    let mut refused = Vec::new();
    for word in wanted {
        let (name, seen) = match word.split_once('@') {
            Some((name, revision)) => (name, Some(revision)),
            None => (word.as_str(), None),
        };
        let many = name == "all" || findings.iter().any(|finding| finding.kind.word() == name);
        if many && !yes {
            refused.push(format!("--fix {word} may be many problems: give --yes as well"));
            continue;
        }
        let meant = |finding: &Finding| name == "all" || name == finding.kind.word() || name == finding.id();
        let mut matching = findings
            .iter()
            .enumerate()
            .filter(|(_, finding)| meant(finding))
            .peekable();
        if matching.peek().is_none() && name != "all" {
            refused.push(format!("{word}: there is no such problem now"));
        }
        for (index, finding) in matching {
            if seen.is_some_and(|seen| seen != finding.revision().to_string()) {
                refused.push(format!(
                    "{word} has changed (revision {} now): look at it again",
                    finding.revision()
                ));
            } else if !finding.edits.is_empty() {
                chosen.insert(index);
            } else if !many {
                refused.push(format!("{word} is fixed by hand: {}", finding.remedy));
            }
        }
    }
    let chosen = chosen
        .into_iter()
        .filter_map(|index| findings.get(index))
        .collect();
    (chosen, refused)
}
