//! A plan as people read it. Pure.

use std::collections::BTreeMap;
use std::fmt;

use super::plan::{Held, Object, Plan};
use crate::table::boxed;

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.address, self.owner)
    }
}

impl Plan {
    /// As a table.
    pub(super) fn table(&self, node: &str) -> String {
        let object = |object: &Object| {
            [object.kind, &object.name, "is deleted"]
                .map(str::to_owned)
                .to_vec()
        };
        let mut rows: Vec<Vec<String>> = self.endpoints.iter().map(object).collect();
        let mut handles: BTreeMap<&str, usize> = BTreeMap::new();
        for held in &self.held {
            *handles.entry(&held.handle).or_default() += 1;
            let (address, owner) = (held.address.to_string(), held.owner.clone());
            rows.push(vec![
                "Address".to_owned(),
                address,
                format!("{owner}: is released"),
            ]);
        }
        for (handle, count) in handles {
            let detail = format!("{count} fewer; deleted when it holds nothing");
            rows.push(vec!["Handle".to_owned(), handle.to_owned(), detail]);
        }
        for block in &self.blocks {
            rows.push(vec![
                "Block".to_owned(),
                block.cidr.to_string(),
                block.detail.clone(),
            ]);
            if block.own {
                let name = format!("{} of {node}", block.cidr);
                rows.push(vec!["Affinity".to_owned(), name, "is deleted".to_owned()]);
            }
        }
        rows.extend(self.others.iter().chain(&self.node).map(object));
        boxed(&["KIND", "NAME", "WHAT BECOMES OF IT"], &rows, 3)
    }
}
