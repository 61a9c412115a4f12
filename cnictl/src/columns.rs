//! Which columns `get` shows of a kind: calicoctl's, or those that are asked for. Pure.

use serde_json::Value;

use crate::resource::Kind;
use crate::stored::text;
use crate::table::Grid;

mod cells;
mod path;

use path::Path;

/// The AS number of nodes without one, if BGPConfiguration `default` names none.
pub const DEFAULT_AS: u32 = 64512;

/// A column: its title, and where its cells come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    title: String,
    source: Source,
}

#[derive(Clone, Debug, PartialEq)]
enum Source {
    /// One that calicoctl has, too.
    Known(&'static str),
    /// Whatever stands there.
    Path(Path),
}

impl Column {
    fn known(title: &'static str) -> Self {
        Self {
            title: title.to_owned(),
            source: Source::Known(title),
        }
    }
}

/// calicoctl's columns of a kind. `namespace`: begin with the namespace, where the kind has one.
pub fn usual(kind: Kind, wide: bool, namespace: bool) -> Vec<Column> {
    let first = (namespace && kind.namespaced()).then_some("NAMESPACE");
    first
        .into_iter()
        .chain(titles(kind, wide))
        .map(Column::known)
        .collect()
}

/// `NAME,CIDR` in calicoctl's titles, or `NAME:.metadata.name,CIDR:.spec.cidr` as kubectl has it.
///
/// # Errors
/// A title that the kind does not have, or what is no path.
pub fn custom(kind: Kind, text: &str) -> Result<Vec<Column>, String> {
    let one = |word: &str| match word.split_once(':') {
        Some((title, path)) => Ok(Column {
            title: title.to_owned(),
            source: Source::Path(Path::read(path)?),
        }),
        None => {
            let title = word.trim().to_uppercase();
            let known = every(kind).into_iter().find(|known| *known == title);
            known.map(Column::known).ok_or_else(|| {
                format!(
                    "custom-columns: {} has no column {word:?} (there are {}): write one of them, or TITLE:.spec.field",
                    kind.name(),
                    every(kind).join(", ")
                )
            })
        }
    };
    path::split(text).into_iter().map(one).collect()
}

/// Every column calicoctl has of a kind.
fn every(kind: Kind) -> Vec<&'static str> {
    let mut titles = titles(kind, true);
    let narrow = self::titles(kind, false);
    let more = narrow.into_iter().chain(match kind {
        Kind::WorkloadEndpoint => vec!["NAMESPACE", "ORCHESTRATOR"],
        Kind::IpPool | Kind::IpReservation | Kind::IpamConfiguration | Kind::BlockAffinity => Vec::new(),
        Kind::Node | Kind::BgpConfiguration | Kind::BgpFilter | Kind::BgpPeer => Vec::new(),
        Kind::ClusterInformation => Vec::new(),
    });
    for title in more {
        if !titles.contains(&title) {
            titles.push(title);
        }
    }
    titles
}

fn titles(kind: Kind, wide: bool) -> Vec<&'static str> {
    let words = match (kind, wide) {
        (Kind::IpPool, false) => "NAME CIDR SELECTOR",
        (Kind::IpPool, true) => {
            "NAME CIDR NAT IPIPMODE VXLANMODE DISABLED DISABLEBGPEXPORT SELECTOR ASSIGNMENTMODE"
        }
        (Kind::IpamConfiguration, false) => "NAME STRICTAFFINITY AUTOALLOCATEBLOCKS",
        (Kind::IpamConfiguration, true) => "NAME STRICTAFFINITY AUTOALLOCATEBLOCKS MAXBLOCKSPERHOST",
        (Kind::BlockAffinity, false) => "NAME NODE CIDR STATE",
        (Kind::BlockAffinity, true) => "NAME NODE CIDR STATE TYPE DELETED",
        (Kind::Node | Kind::IpReservation, false) => "NAME",
        (Kind::Node, true) => "NAME ASN IPV4 IPV6",
        (Kind::WorkloadEndpoint, false) => "WORKLOAD NODE NETWORKS INTERFACE",
        (Kind::WorkloadEndpoint, true) => "NAME WORKLOAD NODE NETWORKS INTERFACE PROFILES NATS",
        (Kind::IpReservation, true) => "NAME CIDRS",
        (Kind::ClusterInformation, false | true) => {
            "NAME CLUSTERGUID CLUSTERTYPE CALICOVERSION DATASTOREREADY"
        }
        (Kind::BgpConfiguration, false | true) => "NAME LOGSEVERITY MESHENABLED ASNUMBER",
        (Kind::BgpPeer, false | true) => "NAME PEERIP NODE ASN",
        (Kind::BgpFilter, false | true) => "NAME NUMEXPORTV4 NUMIMPORTV4 NUMEXPORTV6 NUMIMPORTV6",
    };
    words.split(' ').collect()
}

/// The titles.
pub fn header(columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| column.title.clone()).collect()
}

/// An object's row. `as_number` is for nodes without one of their own.
pub fn row(kind: Kind, object: &Value, columns: &[Column], as_number: u32) -> Vec<String> {
    let cell = |column: &Column| match &column.source {
        Source::Known("NAMESPACE") => text(object, "/metadata/namespace").to_owned(),
        Source::Known(title) => cells::cell(kind, title, object, as_number),
        Source::Path(path) => path.text(object),
    };
    columns.iter().map(cell).collect()
}

/// The table of these objects.
pub fn table(kind: Kind, objects: &[Value], columns: &[Column], as_number: u32) -> String {
    let rows: Vec<Vec<String>> = objects
        .iter()
        .map(|object| row(kind, object, columns, as_number))
        .collect();
    Grid::new(header(columns)).of(&rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_asked_for_by_title_or_by_path() {
        let pool = json!({"metadata": {"name": "p", "labels": {"a.b/c": "x"}},
            "spec": {"cidr": "10.0.0.0/8", "allowedUses": ["Workload", "Tunnel"]}});
        let columns = custom(
            Kind::IpPool,
            "name,USES:.spec.allowedUses,FIRST:{.spec.allowedUses[0]},L:.metadata.labels['a.b/c'],NO:.spec.no",
        );
        let columns = columns.unwrap();
        assert_eq!(header(&columns), ["NAME", "USES", "FIRST", "L", "NO"]);
        assert_eq!(
            row(Kind::IpPool, &pool, &columns, 0),
            ["p", "Workload,Tunnel", "Workload", "x", "<none>"]
        );
    }

    #[test]
    fn a_column_that_is_none_is_named_with_those_there_are() {
        let error = custom(Kind::Node, "NAME,CIDR").unwrap_err();
        assert!(
            error.contains("Node has no column \"CIDR\" (there are NAME, ASN, IPV4, IPV6)"),
            "{error}"
        );
        for path in ["A:spec", "A:.spec[", "A:.spec[x]", "A:", "A:.spec..x"] {
            assert!(custom(Kind::Node, path).is_err(), "{path}");
        }
    }
}
