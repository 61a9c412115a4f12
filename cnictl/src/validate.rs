//! What a document must satisfy beyond its schema, and its spec as Calico would store it. Pure; what depends on
//! what is stored already is decided in [`crate::commands::apply`].

use serde_json::{Map, Value};

use crate::resource::{Document, Kind};
use crate::schema;

mod bgp;
mod ipamconfig;
mod ippool;
mod ipreservation;
mod node;
mod workloadendpoint;

pub use bgp::peer_address;
pub use ippool::{defaults as pool_defaults, typed as pool};

/// A document that may be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// As it was read, its spec now with defaults, in Calico's order.
    pub document: Document,
    /// What is stored as asked, but does not do what one may expect.
    pub warnings: Vec<String>,
}

/// Checks the document and completes its spec.
pub fn prepare(mut document: Document) -> Result<Prepared, String> {
    let fail = |document: &Document, problem: String| {
        let strange = document.strange.iter().map(|finding| finding.text.clone());
        let problems: Vec<String> = strange.chain([problem]).collect();
        format!(
            "{}: {}: {}",
            document.origin,
            document.title(),
            problems.join("; ")
        )
    };
    if let Some(reason) = document.kind.read_only() {
        return Err(fail(
            &document,
            format!(
                "operation not supported: a {} is not written: {reason}",
                document.kind.name()
            ),
        ));
    }
    if document.kind == Kind::WorkloadEndpoint {
        workloadendpoint::prepare(&mut document).map_err(|problems| fail(&document, problems.join("; ")))?;
    }
    let spec = std::mem::take(&mut document.spec);
    let checked = checked(document.kind, &document.name, spec);
    let (spec, warnings) = checked.map_err(|problems| fail(&document, problems.join("; ")))?;
    document.spec = schema::ordered(schema::spec(document.kind), spec);
    let title = document.title();
    let warnings = warnings
        .into_iter()
        .map(|warning| format!("{title}: {warning}"))
        .collect();
    Ok(Prepared { document, warnings })
}

/// A spec with its warnings, or what is wrong with it.
type Checked = Result<(Map<String, Value>, Vec<String>), Vec<String>>;

fn checked(kind: Kind, name: &str, spec: Map<String, Value>) -> Checked {
    match kind {
        Kind::IpPool => ippool::prepare(name, spec),
        Kind::IpamConfiguration => ipamconfig::prepare(name, spec),
        Kind::Node => node::prepare(spec),
        Kind::BgpConfiguration => bgp::configuration(name, spec),
        Kind::BgpPeer => bgp::peer(spec),
        Kind::BgpFilter => bgp::filter(spec),
        Kind::IpReservation => ipreservation::prepare(spec),
        Kind::WorkloadEndpoint | Kind::ClusterInformation | Kind::BlockAffinity => Ok((spec, Vec::new())),
    }
}

/// The text of a field; null and absent are empty.
fn text<'a>(spec: &'a Map<String, Value>, field: &str) -> &'a str {
    spec.get(field).and_then(Value::as_str).unwrap_or("")
}

/// Sets a field that says nothing.
fn default(spec: &mut Map<String, Value>, field: &str, value: impl Into<Value>) {
    if spec.get(field).is_none_or(schema::empty) {
        spec.insert(field.to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests;
