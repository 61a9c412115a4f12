//! `cnictl validate`: whether documents could be written, as far as that can be said without a datastore.

use super::{Outcome, apply, counted};

/// Looks at every document; opens nothing.
pub fn run(texts: &[(String, String)], namespace: Option<&str>, skip_empty: bool) -> Outcome {
    let prepared = match apply::prepare(texts, namespace) {
        Ok(prepared) => prepared,
        Err(problems) => return Outcome::failed(problems.join("\n")),
    };
    let strange: Vec<String> = prepared.iter().filter_map(|one| one.document.unknown()).collect();
    if !strange.is_empty() {
        return Outcome::failed(strange.join("\n"));
    }
    if prepared.is_empty() {
        return match skip_empty {
            true => Outcome::said("No resources specified\n"),
            false => Outcome::failed("no resources specified"),
        };
    }
    let kinds: Vec<&str> = prepared.iter().map(|one| one.document.kind.name()).collect();
    Outcome {
        out: format!("Successfully validated {}\n", counted(&kinds, kinds.len())),
        warnings: prepared.into_iter().flat_map(|one| one.warnings).collect(),
        ..Outcome::default()
    }
}
