//! IPReservation, WorkloadEndpoint, BlockAffinity and ClusterInformation as an operator meets them.

use crate::common::{apply, cnictl, object, recorded, value};
use serde_json::json;
use shared::model::key::Key;
use shared::store::memory::Memory;

const V3: &str = "/calico/resources/v3/projectcalico.org";
const RESERVATION: &str = "/calico/resources/v3/projectcalico.org/ipreservations/gateways";

fn reservation(ranges: &str) -> String {
    format!(
        "{{apiVersion: projectcalico.org/v3, kind: IPReservation, metadata: {{name: gateways}}, spec: {{reservedCIDRs: \
         {ranges}}}}}"
    )
}

#[test]
fn a_reservation_is_written_shown_and_deleted() {
    let store = Memory::new();
    assert_eq!(
        apply(&store, &reservation("[10.0.0.1/32, ' 10.0.0.254 ']")).error,
        None
    );
    assert_eq!(
        object(&store, RESERVATION)["spec"],
        json!({"reservedCIDRs": ["10.0.0.1/32", "10.0.0.254"]})
    );
    assert_eq!(
        cnictl(&store, "get reservations -o wide").out,
        "NAME       CIDRS                    \ngateways   10.0.0.1/32,10.0.0.254   \n\n"
    );
    assert_eq!(
        cnictl(&store, "delete ipreservation gateways").out,
        "Successfully deleted 1 'IPReservation' resource(s)\n"
    );
    assert_eq!(value(&store, RESERVATION), None);
    let error = apply(&store, &reservation("[10.0.0.1/33]")).error.unwrap();
    assert!(
        error.contains("spec.reservedCIDRs[0]: \"10.0.0.1/33\" is neither an address nor a CIDR"),
        "{error}"
    );
}

#[test]
fn a_reservation_that_keeps_nothing_or_comes_late_is_told() {
    let store = recorded();
    let outside = apply(&store, &reservation("[172.16.0.0/24]"));
    assert_eq!(
        outside.warnings,
        ["IPReservation(gateways): spec.reservedCIDRs: 172.16.0.0/24 is in no IPPool now: it keeps nothing"]
    );
    let late = apply(&store, &reservation("[10.88.0.0/29]"));
    assert_eq!(late.error, None);
    assert!(
        late.warnings[0].contains("1 address is in use: 10.88.0.0 (") && late.warnings.len() == 1,
        "{:?}",
        late.warnings
    );
    let wide = apply(&store, &reservation("[10.88.0.9/29]"));
    assert!(
        wide.warnings[0]
            .contains("10.88.0.9/29 keeps all of 10.88.0.8/29: for the one address write 10.88.0.9"),
        "{:?}",
        wide.warnings
    );
}

#[test]
fn affinities_are_shown_and_not_written() {
    let store = Memory::new();
    for (key, state) in [
        (
            "host/node-1/ipv4/block/10.0.0.0-26",
            r#"{"state":"confirmed","deleted":false}"#,
        ),
        ("host/node-1/ipv6/block/fd00::-122", ""),
        ("host/node-2/ipv4/block/10.0.0.64-26", r#"{"state":"pending"}"#),
        (
            "virtual/load-balancer/ipv4/block/10.1.0.0-26",
            r#"{"state":"confirmed"}"#,
        ),
        ("host/node-3", "{}"),
    ] {
        store.put(Key::stored(format!("/calico/ipam/v2/{key}")), state);
    }
    let table = cnictl(&store, "get affinities -o wide").out;
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows,
        [
            vec!["NAME", "NODE", "CIDR", "STATE", "TYPE", "DELETED"],
            vec![
                "node-1-10-0-0-0-26",
                "node-1",
                "10.0.0.0/26",
                "confirmed",
                "host",
                "false"
            ],
            vec![
                "node-1-fd00---122",
                "node-1",
                "fd00::/122",
                "confirmed",
                "host",
                "false"
            ],
            vec![
                "node-2-10-0-0-64-26",
                "node-2",
                "10.0.0.64/26",
                "pending",
                "host",
                "false"
            ],
            vec![
                "load-balancer-10-1-0-0-26",
                "load-balancer",
                "10.1.0.0/26",
                "confirmed",
                "virtual",
                "false"
            ],
            vec![],
        ]
    );
    let one = cnictl(&store, "get blockaffinity node-2-10-0-0-64-26 -o yaml").out;
    assert!(
        one.starts_with("apiVersion: projectcalico.org/v3\nkind: BlockAffinity\n"),
        "{one}"
    );
    assert!(
        one.contains("  cidr: 10.0.0.64/26\n") && one.contains("  state: pending\n"),
        "{one}"
    );
    let missing = cnictl(&store, "get blockaffinity nope").error.unwrap();
    assert_eq!(missing, "resource does not exist: BlockAffinity(nope)");
    for words in [
        "delete blockaffinity node-2-10-0-0-64-26",
        "patch affinity x -p {}",
    ] {
        let error = cnictl(&store, words).error.unwrap();
        assert!(error.contains("the allocator writes it"), "{error}");
    }
    let list = cnictl(&store, "get blockaffinities -o json").out;
    assert!(list.contains("\"kind\": \"BlockAffinityList\""), "{list}");
}

#[test]
fn the_cluster_is_shown_and_not_written() {
    let store = recorded();
    let table = cnictl(&store, "get clusterinfo").out;
    assert!(
        table.starts_with(
            "NAME      CLUSTERGUID                        CLUSTERTYPE   CALICOVERSION   DATASTOREREADY   \n"
        ),
        "{table}"
    );
    let error = cnictl(&store, "delete clusterinformation default").error.unwrap();
    assert!(error.contains("operation not supported"), "{error}");
}

#[test]
fn a_value_that_cannot_be_read_is_told_beside_the_others() {
    let store = recorded();
    store.put(Key::stored(format!("{V3}/ippools/broken")), "no json");
    let outcome = cnictl(&store, "get ippools");
    assert!(outcome.out.contains("tiny "), "{}", outcome.out);
    let error = outcome.error.unwrap();
    assert!(error.contains("ippools/broken holds no object"), "{error}");
}

#[test]
fn what_get_names_delete_takes_back() {
    let store = recorded();
    let names = cnictl(&store, "get bgppeers -o name").out;
    assert_eq!(names, "bgppeer/rack-tor\nbgppeer/to-reflectors\n");
    let words = format!("delete {}", names.trim().replace('\n', " "));
    assert_eq!(
        cnictl(&store, &words).out,
        "Successfully deleted 2 'BGPPeer' resource(s)\n"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), cnictl(&store, "get ippool -o yaml").out).unwrap();
    let got = cnictl(
        &store,
        &format!(
            "get -f {} -o custom-columns=NAME,SIZE:.spec.blockSize",
            file.path().display()
        ),
    );
    assert!(got.out.contains("one-each              32     \n"), "{}", got.out);
    let exported = cnictl(&store, "get ippool tiny -o yaml --export").out;
    assert!(
        !exported.contains("uid") && !exported.contains("resourceVersion"),
        "{exported}"
    );
}

#[test]
fn a_pool_that_no_node_may_take_from_is_stored_with_a_warning() {
    let store = recorded();
    let pool = |selector: &str| {
        let spec = format!("{{cidr: 172.20.0.0/16, nodeSelector: \"{selector}\"}}");
        format!("{{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {{name: odd}}, spec: {spec}}}")
    };
    let outcome = apply(&store, &pool("rack == 'none'"));
    assert_eq!(outcome.error, None);
    assert!(
        outcome.warnings.len() == 1 && outcome.warnings[0].contains("selects no Node now"),
        "{:?}",
        outcome.warnings
    );
    assert!(value(&store, &format!("{V3}/ippools/odd")).is_some());
    assert!(apply(&store, &pool("all()")).warnings.is_empty());
}
