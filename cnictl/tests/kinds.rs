//! IPReservation, WorkloadEndpoint, BlockAffinity and ClusterInformation as an operator meets them.

mod common;

use common::{cnictl, recorded};

#[test]
#[test]
#[test]
#[test]
#[test]
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
