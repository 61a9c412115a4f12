//! What a pool must satisfy before it is stored: stricter than reading one, since others wrote those.

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::{IPPool, default_block_size};
use crate::model::DecodeError;
use crate::model::meta::valid_name;
use crate::selector::Selector;

/// A field and what is wrong with it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{field}: {problem}")]
pub struct Invalid {
    /// For example `spec.cidr`.
    pub field: String,
    /// With the value and the way out.
    pub problem: String,
}

/// From a pool to one of another shape.
const WAY_OUT: &str = "make another pool of another range, disable this one and let its pods go, or delete this one and \
                       create it anew, which is refused as long as one of its addresses is in use";

enum Kind {
    Text,
    Flag,
    Length,
    Words,
}

const FIELDS: [(&str, Kind); 11] = [
    ("cidr", Kind::Text),
    ("vxlanMode", Kind::Text),
    ("ipipMode", Kind::Text),
    ("natOutgoing", Kind::Flag),
    ("disabled", Kind::Flag),
    ("disableBGPExport", Kind::Flag),
    ("blockSize", Kind::Length),
    ("nodeSelector", Kind::Text),
    ("namespaceSelector", Kind::Text),
    ("allowedUses", Kind::Words),
    ("assignmentMode", Kind::Text),
];

/// A pool out of an applied document: every field of its spec must be one that exists, of its type.
pub fn strict(document: &Value) -> Result<IPPool, Vec<Invalid>> {
    let empty = Map::new();
    let spec = document.get("spec").and_then(Value::as_object).unwrap_or(&empty);
    let mut problems: Vec<Invalid> = spec
        .iter()
        .filter_map(|(name, value)| misfit(name, value))
        .collect();
    let cidr = spec.get("cidr").and_then(Value::as_str).unwrap_or("");
    if cidr.parse::<IpNet>().is_err() {
        let problem = format!("{cidr:?} is no CIDR such as 10.0.0.0/16 or fd00::/112");
        problems.push(invalid("spec.cidr", problem));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    serde_json::from_value(document.clone()).map_err(|error| {
        let DecodeError(text) = DecodeError(error.to_string());
        vec![invalid("IPPool", text)]
    })
}

fn misfit(name: &str, value: &Value) -> Option<Invalid> {
    let field = format!("spec.{name}");
    let Some((_, kind)) = FIELDS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = FIELDS.iter().map(|(known, _)| *known).collect();
        return Some(invalid(
            field,
            format!("no such field; there are {}", known.join(", ")),
        ));
    };
    let (fits, wanted) = match kind {
        Kind::Text => (value.is_string(), "text"),
        Kind::Flag => (value.is_boolean(), "true or false"),
        Kind::Length => (
            value.as_u64().is_some_and(|n| n <= 128),
            "a prefix length, a whole number to 128",
        ),
        Kind::Words => (
            value
                .as_array()
                .is_some_and(|words| words.iter().all(Value::is_string)),
            "a list of text",
        ),
    };
    (!fits && !value.is_null()).then(|| invalid(field, format!("{value} is not {wanted}")))
}

impl IPPool {
    /// Everything that is wrong with it beside the other pools.
    pub fn validate<'a>(&self, others: impl IntoIterator<Item = &'a IPPool>) -> Vec<Invalid> {
        let mut problems = Vec::new();
        if !valid_name(self.name()) {
            let text = format!(
                "{:?} is no DNS-1123 name ([a-z0-9-.], at most 253 bytes)",
                self.name()
            );
            problems.push(invalid("metadata.name", text));
        }
        problems.extend(self.bad_range());
        problems.extend(self.bad_block_size());
        for other in others {
            let apart = |a: IpNet, b: IpNet| !a.contains(&b) && !b.contains(&a);
            if other.name() != self.name() && !apart(self.cidr().trunc(), other.cidr().trunc()) {
                let text = format!(
                    "{} overlaps pool {} ({}): choose a range beside it",
                    self.cidr(),
                    other.name(),
                    other.cidr()
                );
                problems.push(invalid("spec.cidr", text));
            }
        }
        problems.extend(self.bad_modes());
        problems.extend(self.bad_uses());
        for (field, text) in [
            ("spec.nodeSelector", self.node_selector()),
            ("spec.namespaceSelector", self.namespace_selector()),
        ] {
            if let Err(error) = Selector::parse(text) {
                problems.push(invalid(field, error.to_string()));
            }
        }
        problems
    }

    /// What may not change once a pool exists.
    pub fn validate_change(&self, stored: &IPPool) -> Vec<Invalid> {
        let mut problems = Vec::new();
        if self.cidr() != stored.cidr() {
            let text = format!(
                "cannot change from {} to {}: {WAY_OUT}",
                stored.cidr(),
                self.cidr()
            );
            problems.push(invalid("spec.cidr", text));
        }
        if self.block_size() != stored.block_size() {
            let (old, new) = (stored.block_size(), self.block_size());
            let text = format!("cannot change from {old} to {new}: {WAY_OUT}");
            problems.push(invalid("spec.blockSize", text));
        }
        problems
    }

    fn bad_range(&self) -> Option<Invalid> {
        let cidr = self.cidr();
        if cidr != cidr.trunc() {
            let text = format!("{cidr} has bits outside its mask: write {}", cidr.trunc());
            return Some(invalid("spec.cidr", text));
        }
        ["169.254.0.0/16", "fe80::/10"].into_iter().find_map(|local| {
            let range: IpNet = local.parse().ok()?;
            let overlaps = range.contains(&cidr) || cidr.contains(&range);
            overlaps.then(|| {
                invalid(
                    "spec.cidr",
                    format!("{cidr} overlaps {local}, which is link-local"),
                )
            })
        })
    }

    fn bad_block_size(&self) -> Option<Invalid> {
        let (size, cidr) = (self.block_size(), self.cidr());
        let (least, most) = if self.is_ipv4() { (20, 32) } else { (116, 128) };
        if !(least..=most).contains(&size) {
            let text = format!("{size} is outside {least} to {most}");
            return Some(invalid("spec.blockSize", text));
        }
        if size >= cidr.prefix_len() || !self.is_enabled() {
            return None;
        }
        let fitting = cidr.prefix_len().max(least);
        let most_text = if size == default_block_size(self.is_ipv4()) && fitting < most {
            format!(
                "pool {cidr} is smaller than one block of /{size}: set blockSize: {most} (or {fitting} and up)"
            )
        } else {
            format!("pool {cidr} is smaller than one block of /{size}: set blockSize: {most}")
        };
        Some(invalid("spec.blockSize", most_text))
    }

    fn bad_modes(&self) -> Vec<Invalid> {
        let mut problems = Vec::new();
        let on = |mode: &Option<String>| {
            mode.as_deref()
                .is_some_and(|mode| !mode.is_empty() && mode != "Never")
        };
        for (field, mode) in [
            ("spec.ipipMode", &self.spec.ipip_mode),
            ("spec.vxlanMode", &self.spec.vxlan_mode),
        ] {
            let known = ["", "Never", "Always", "CrossSubnet"];
            let mode = mode.as_deref().unwrap_or("");
            if !known.contains(&mode) {
                let text = format!("{mode:?} is none of Never, Always, CrossSubnet");
                problems.push(invalid(field, text));
            }
        }
        if on(&self.spec.ipip_mode) && on(&self.spec.vxlan_mode) {
            problems.push(invalid(
                "spec.ipipMode",
                "ipipMode and vxlanMode exclude each other: set one to Never",
            ));
        }
        if on(&self.spec.ipip_mode) && !self.is_ipv4() {
            problems.push(invalid(
                "spec.ipipMode",
                "IPIP does not carry IPv6: set it to Never",
            ));
        }
        let mode = self.spec.assignment_mode.as_deref().unwrap_or("Automatic");
        if !["Automatic", "Manual"].contains(&mode) {
            let text = format!("{mode:?} is neither Automatic nor Manual");
            problems.push(invalid("spec.assignmentMode", text));
        }
        problems
    }

    fn bad_uses(&self) -> Vec<Invalid> {
        let mut problems = Vec::new();
        let mut bad = |text: String| problems.push(invalid("spec.allowedUses", text));
        for usage in self.uses() {
            if !["Workload", "Tunnel", "LoadBalancer"].contains(&usage) {
                bad(format!("{usage:?} is none of Workload, Tunnel, LoadBalancer"));
            }
        }
        let plain = self.node_selector() == "all()" && self.spec.disable_bgp_export != Some(true);
        let tunnels = [&self.spec.ipip_mode, &self.spec.vxlan_mode]
            .into_iter()
            .any(|mode| !matches!(mode.as_deref(), None | Some("" | "Never")));
        if self.allows("LoadBalancer") && (self.uses().len() > 1 || !plain || tunnels) {
            bad("LoadBalancer goes with no other use, no encapsulation, no disableBGPExport and nodeSelector all()".into());
        }
        if self.allows("Tunnel") && !self.namespace_selector().is_empty() {
            bad("Tunnel does not go with a namespaceSelector: set allowedUses: [Workload]".into());
        }
        problems
    }
}

fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Invalid {
    Invalid {
        field: field.into(),
        problem: problem.into(),
    }
}
