//! etcd comes back from an older backup, with the same cluster in it and an older revision: what was written since is gone from
//! it, and from nowhere else.

use integration::Lab;
use integration::etcd::Etcd;
use integration::sidecar::Sidecar;
use integration::wait::eventually;
use serde_json::json;

use super::bgp_running::{End, Running, nothing_moves, running};
use super::bgp_setup::{Make, lab, peer};

/// What it says, with the revision that etcd came back with and the one it had.
const SAYS: &str = "the datastore was restored from an older backup: it came back with revision ";

/// Waits until it has said so more often than before; the two revisions.
fn told(sidecar: &Sidecar, before: usize) -> (u64, u64) {
    let log = eventually("it says that the datastore was restored", || {
        let log = sidecar.log();
        (log.matches(SAYS).count() > before).then_some(log)
    });
    let said = log.rsplit(SAYS).next().unwrap_or_default();
    let numbers = said.split_once(';').map_or(said, |(numbers, _)| numbers);
    let number = |text: &str| {
        text.trim()
            .parse()
            .unwrap_or_else(|error| panic!("{said}: {error}"))
    };
    let (came, had) = numbers
        .split_once(", and had ")
        .unwrap_or_else(|| panic!("{said}"));
    (number(came), number(had))
}

/// The last change of what is Calico's.
fn newest(etcd: &Etcd) -> u64 {
    etcd.under("/calico/")
        .values()
        .map(|stored| stored.revision)
        .max()
        .unwrap_or_default()
}

/// Other writes, so that the old revision is not reached again soon; then one that both hear of.
fn goes_on(lab: &Lab, running: &Running) {
    for number in 0..50 {
        lab.etcd().put("/others", &json!(number));
    }
    peer(lab, "late", "192.168.1.77", 64_999);
    for sidecar in [&running.one, &running.two] {
        eventually("the late peer is tried", || {
            sidecar.log().contains("192.168.1.77").then_some(())
        });
    }
}

fn comes_back_frozen(running: &mut Running, end: End) {
    let before = running.one.log().matches(SAYS).count();
    running.comes_back(end);
    told(&running.one, before);
}

#[test]
fn one_restored_from_an_older_backup_is_not_believed_until_it_has_everything_again() {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    lab.etcd().back_up();
    let mut running = running(Make::Bird, &lab, &other);
    nothing_moves(&mut running, &lab, |running| {
        goes_on(&lab, running);
        let had = newest(lab.etcd());
        let kept = lab.etcd().under("/calico/");
        lab.etcd().restore();
        for sidecar in [&running.one, &running.two] {
            let (came, was) = told(sidecar, 0);
            assert!(came < was && was >= had, "{came}, {was}, {had}");
        }
        comes_back_frozen(running, End::Killed);
        comes_back_frozen(running, End::Asked);
        // A newer backup, key by key.
        let kept = kept.into_iter().map(|(key, stored)| (key, stored.value));
        lab.etcd().put_all(kept);
        drop(running.is_current(&lab));
    });
    running.one.must_live();
    running.two.must_live();
}
