//! What a DEL owes when etcd was away is paid by the daemon: no plugin need be called again.

use std::fs;

use integration::json::{list, with};
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use integration::{Kind, Lab, Pod};
use serde_json::json;

use super::owed::{HANDLES, RECORDS, hurried, pooled, web};

const DEPTH: &str = "manx_release_spool_depth";
const FOREIGN: &str = "manx_release_spool_foreign";
const PAID: &str = "manx_releases_carried_out_total";

/// A pod whose DEL found no etcd: two files in the spool.
fn owes(lab: &Lab) {
    let (conf, pod) = (lab.node.conf(), web());
    lab.node.add(&conf, &pod);
    lab.etcd().freeze(true);
    lab.node.del(&hurried(&conf), &pod);
    assert_eq!(lab.node.spool().len(), 2);
}

fn is_paid(lab: &Lab) {
    eventually("the spool is empty", || lab.node.spool().is_empty().then_some(()));
    assert!(lab.etcd().under(HANDLES).is_empty() && lab.etcd().under(RECORDS).is_empty());
}

#[test]
fn etcd_comes_back_and_the_address_is_free_again() {
    let lab = pooled(Lab::new(Kind::Etcd));
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    sidecar.shown().counts(DEPTH, 0.0);
    owes(&lab);
    sidecar.shown().counts(DEPTH, 2.0);
    lab.etcd().freeze(false);
    is_paid(&lab);
    sidecar.shown().counts(DEPTH, 0.0);
    sidecar.shown().counts(PAID, 2.0);
    assert_eq!(sidecar.shown().state()["spool"]["carriedOut"], json!(2));
    // Nothing is left that a later pod would meet.
    let pod = Pod::new("next");
    lab.node.add(&lab.node.conf(), &pod);
    lab.node.del(&lab.node.conf(), &pod);
}

#[test]
fn a_daemon_that_starts_pays_what_it_finds_and_at_once_what_comes_later() {
    let lab = pooled(Lab::new(Kind::Etcd));
    owes(&lab);
    let (spool, aside) = (lab.node.state_dir().join("spool"), lab.path("aside"));
    fs::create_dir(&aside).expect("the laboratory's own folder");
    let names = lab.node.spool();
    let (early, late) = names.split_at(1);
    for name in late {
        fs::rename(spool.join(name), aside.join(name)).expect("a file of the spool");
    }
    lab.etcd().freeze(false);
    lab.etcd().wait_until_healthy();
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    eventually("what was there is paid", || {
        (!lab.node.spool().contains(&early[0])).then_some(())
    });
    // As a plugin writes it: by rename. The daemon's next look of its own is minutes away.
    sidecar.shown().counts(DEPTH, 0.0);
    for name in late {
        fs::rename(aside.join(name), spool.join(name)).expect("a file of the spool");
    }
    is_paid(&lab);
    // Somebody takes the folder away, and a plugin makes it anew.
    fs::remove_dir_all(&spool).expect("an empty spool");
    owes(&lab);
    lab.etcd().freeze(false);
    is_paid(&lab);
}

#[test]
fn what_is_another_clusters_stays_and_is_told() {
    let lab = pooled(Lab::new(Kind::Etcd));
    owes(&lab);
    let spool = lab.node.state_dir().join("spool");
    let names = lab.node.spool();
    let mine = &names[0];
    let path = spool.join(mine);
    let file = fs::read_to_string(&path).expect("a file of the spool");
    let file = with(
        serde_json::from_str(&file).expect("JSON"),
        "cluster",
        "0123456789abcdef0123456789abcdef",
    );
    fs::write(&path, file.to_string()).expect("a file of the spool");
    lab.etcd().freeze(false);
    lab.etcd().wait_until_healthy();
    let sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    sidecar.shown().counts(FOREIGN, 1.0);
    eventually("the other one is paid", || {
        (lab.node.spool() == [mine.clone()]).then_some(())
    });
    sidecar.shown().counts(DEPTH, 1.0);
    let state = sidecar.shown().state();
    let told = list(&state, "/spool/foreign");
    assert_eq!(told, [json!(format!("{mine}: 0123456789abcdef0123456789abcdef"))]);
    let log = sidecar.log();
    assert_eq!(
        log.matches("owed to another cluster, and kept").count(),
        1,
        "{log}"
    );
    assert!(log.contains(mine.as_str()), "{log}");
}
