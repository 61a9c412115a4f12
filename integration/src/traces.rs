//! Everything an attachment may leave behind, as lines of text that can be compared before and after.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::json::{list, text};
use crate::lab::{Kind, Lab};
use crate::node::Node;

/// What there is on a node and in the datastore that belongs to attachments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traces(BTreeSet<String>);

impl Traces {
    /// All of it, for the laboratory's first node.
    pub fn of(lab: &Lab) -> Self {
        let mut facts = kernel(&lab.node);
        facts.extend(
            lab.node
                .attachment_files()
                .into_iter()
                .map(|file| format!("attachment file {file}")),
        );
        facts.extend(lab.node.spool().into_iter().map(|file| format!("spool {file}")));
        facts.extend(match lab.kind {
            Kind::Etcd => stored_in_etcd(lab),
            Kind::Embedded => stored_in_embedded(lab),
        });
        Self(facts.into_iter().collect())
    }

    /// Fails, naming each difference, unless nothing came or went since.
    pub fn unchanged(&self, lab: &Lab) {
        let lost = self.nothing_came(lab);
        assert!(lost.is_empty(), "taken away: {lost:#?}");
    }

    /// The same, but interfaces of pods, and what lay over them, may have gone; whether any has.
    pub fn unchanged_but_for_interfaces(&self, lab: &Lab) -> bool {
        let lost = self.nothing_came(lab);
        let others: Vec<_> = lost
            .iter()
            .filter(|fact| !fact.starts_with("link cali") && !fact.contains(" dev cali"))
            .collect();
        assert!(others.is_empty(), "taken away: {others:#?}");
        !lost.is_empty()
    }

    /// What went since; fails if anything came.
    fn nothing_came(&self, lab: &Lab) -> Vec<String> {
        let now = Self::of(lab);
        let left: Vec<_> = now.0.difference(&self.0).collect();
        let lost: Vec<_> = self.0.difference(&now.0).cloned().collect();
        assert!(left.is_empty(), "left behind: {left:#?}\ntaken away: {lost:#?}");
        lost
    }
}

fn kernel(node: &Node) -> Vec<String> {
    let mut facts: Vec<_> = node
        .netns()
        .links()
        .into_iter()
        .map(|link| format!("link {link}"))
        .collect();
    for family in ["-4", "-6"] {
        for route in node.netns().ip_json(&format!("{family} route show table main")) {
            facts.push(format!(
                "route {} dev {}",
                text(&route, "/dst"),
                text(&route, "/dev")
            ));
        }
    }
    facts.retain(|fact| !fact.starts_with("route fe80::/64"));
    facts
}

fn stored_in_etcd(lab: &Lab) -> Vec<String> {
    let etcd = lab.etcd();
    let handles = etcd.under("/calico/ipam/v2/handle/").into_keys();
    let records = etcd
        .under("/calico/resources/v3/projectcalico.org/workloadendpoints/")
        .into_keys();
    let mut facts: Vec<_> = handles.chain(records).collect();
    for (key, stored) in etcd.under("/calico/ipam/v2/assignment/") {
        let block: Value =
            serde_json::from_str(&stored.value).unwrap_or_else(|error| panic!("{key}: {error}"));
        let used = list(&block, "/allocations")
            .iter()
            .enumerate()
            .filter(|(_, owner)| !owner.is_null());
        facts.extend(used.map(|(ordinal, _)| format!("{key} ordinal {ordinal}")));
        facts.extend(
            list(&block, "/attributes")
                .iter()
                .map(|attribute| format!("{key} attribute {attribute}")),
        );
    }
    facts
}

fn stored_in_embedded(lab: &Lab) -> Vec<String> {
    let records = lab
        .cnictl(["get", "workloadendpoints", "-A", "-o", "json"])
        .run()
        .ok()
        .json();
    let name = |record: &Value| format!("record {}", text(record, "/metadata/name"));
    let mut facts: Vec<_> = list(&records, "/items").iter().map(name).collect();
    let table = lab.cnictl(["ipam", "show", "--show-blocks"]).ok();
    facts.extend(table.lines().filter(|row| in_use(row)).map(str::to_owned));
    facts.extend(checked(lab));
    facts
}

/// What `cnictl ipam check` counts and finds: handles, what is allocated, and every contradiction.
fn checked(lab: &Lab) -> Vec<String> {
    let answer = lab.cnictl(["ipam", "check", "--settle", "0"]).quiet().run();
    let (before, found) = answer
        .stdout
        .split_once("Scanning ")
        .unwrap_or_else(|| panic!("no check: {}", answer.told()));
    // Blocks and their node stay when the last address has gone.
    let totals = before.lines().filter(|line| line.ends_with(" allocations."));
    let exit = format!("ipam check: {}", answer.status);
    let facts = totals
        .chain(found.lines())
        .map(|line| format!("ipam check: {line}"));
    facts.chain([exit]).collect()
}

/// Whether a row `| Block | 10.0.0.0/26 | 64 | 1 (2%) | 63 (98%) |` counts an address that is taken.
fn in_use(row: &str) -> bool {
    let cells: Vec<_> = row.split('|').map(str::trim).collect();
    let used = cells
        .get(4)
        .and_then(|cell| cell.split(' ').next()?.parse::<u64>().ok());
    used.is_some_and(|count| count > 0)
}
