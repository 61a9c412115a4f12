//! The allocator's settings, and the cluster.

use serde_json::Value;
use shared::txn::{Reads, Snapshot};

use super::notes;
use crate::commands::ipam_show;
use crate::generation::{self, Generation};
use crate::sheet::Sheet;

/// The settings, and what tells the age of the data.
pub(super) fn reads() -> Reads {
    generation::reads().and(ipam_show::settings_reads())
}

pub(super) fn settings(sheet: &mut Sheet, snapshot: &Snapshot) {
    sheet.title("In force");
    match ipam_show::settings(snapshot) {
        Ok(settings) => {
            let line = |value: String, source: String| format!("{value} ({source})");
            let strict = &settings.strict_affinity;
            sheet.pair(
                "Strict affinity",
                line(strict.value.to_string(), strict.source.to_string()),
            );
            let auto = &settings.auto_allocate;
            sheet.pair(
                "New blocks",
                line(auto.value.to_string(), auto.source.to_string()),
            );
            let most = &settings.max_blocks_per_host;
            sheet.pair(
                "Blocks per host",
                line(most.value.to_string(), most.source.to_string()),
            );
            let rest = &settings.cooldown;
            sheet.pair(
                "Cooldown",
                line(format!("{} s", rest.value), rest.source.to_string()),
            );
        }
        Err(problem) => notes(sheet, vec![problem]),
    }
}

pub(super) fn cluster(sheet: &mut Sheet, snapshot: &Snapshot, object: &Value) {
    let generation = Generation::of(snapshot);
    sheet.title("Data");
    sheet.pair("Generation", generation.text());
    let mut said = Vec::new();
    if object.pointer("/spec/datastoreReady") == Some(&Value::Bool(false)) {
        said.push(
            "it is locked by its operator: ADD and DEL fail, in Calico's plugins and in ours".to_owned(),
        );
    }
    let unknown = generation.unknown.iter();
    said.extend(unknown.map(|field| format!("{field} is not known to this program, which keeps it")));
    notes(sheet, said);
}
