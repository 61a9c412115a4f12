//! `cnictl get -w` on a real datastore: every change that somebody else makes is told, once and in its order.

use std::path::PathBuf;

use integration::daemon::Daemon;
use integration::lab::pool;
use integration::wait::eventually;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::Value;

on_both_stores!(
    what_others_do_to_pools_is_told_in_its_order,
    pods_that_come_and_go_are_seen,
    json_is_one_document_for_each_event,
);

/// A watcher, and where it writes.
struct Watcher {
    _daemon: Daemon,
    log: PathBuf,
}

impl Watcher {
    fn start(lab: &Lab, words: &str) -> Self {
        let log = lab.path("watched");
        let words = ["get"].into_iter().chain(words.split(' ')).chain(["-w"]);
        Self {
            _daemon: lab.cnictl(words).serve(&log),
            log,
        }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits for these rows, which are the first two columns of all there are.
    fn has_told(&self, rows: &[&str]) {
        let told = || {
            let text = self.text();
            // The last line may be half written, and what went wrong meanwhile is told between them.
            let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            let rows = whole.filter(|line| !line.starts_with("Warning: "));
            let cells = rows.map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
            cells.collect::<Vec<_>>()
        };
        eventually(&format!("{rows:?} instead of what it says"), || {
            let told = told();
            (told == rows).then_some(()).or_else(|| {
                assert!(
                    rows.starts_with(&told.iter().map(String::as_str).collect::<Vec<_>>()),
                    "{}",
                    self.text()
                );
                None
            })
        });
    }
}

fn what_others_do_to_pools_is_told_in_its_order(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("first", "10.1.0.0/24", 26);
    let watcher = Watcher::start(&lab, "ippool");
    watcher.has_told(&["EVENT NAME", "ADDED first"]);
    lab.cnictl(["apply", "-f", "-"])
        .stdin(
            integration::json::with(
                pool("second", "10.2.0.0/24", 26),
                "apiVersion",
                "projectcalico.org/v3",
            )
            .to_string(),
        )
        .ok();
    watcher.has_told(&["EVENT NAME", "ADDED first", "ADDED second"]);
    disable_first(&lab);
    lab.cnictl(["delete", "ippool", "second"]).ok();
    let rows = [
        "EVENT NAME",
        "ADDED first",
        "ADDED second",
        "MODIFIED first",
        "DELETED second",
    ];
    watcher.has_told(&rows);
    // What is of another kind, and a write that changes nothing that is shown, is no event of these.
    lab.ipam_config(true, 0);
    lab.cnictl(["delete", "ippool", "first"]).ok();
    watcher.has_told(&[&rows[..], &["DELETED first"]].concat());
}

fn pods_that_come_and_go_are_seen(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.1.0.0/24", 26);
    let watcher = Watcher::start(&lab, "workloadendpoint -A");
    watcher.has_told(&["EVENT NAMESPACE"]);
    let (conf, pod) = (lab.node.conf(), Pod::kubernetes("shop", "web-0"));
    lab.node.add(&conf, &pod);
    watcher.has_told(&["EVENT NAMESPACE", "ADDED shop"]);
    lab.node.del(&conf, &pod);
    watcher.has_told(&["EVENT NAMESPACE", "ADDED shop", "DELETED shop"]);
    assert!(watcher.text().contains("10.1.0."), "{}", watcher.text());
}

fn json_is_one_document_for_each_event(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("first", "10.1.0.0/24", 26);
    let watcher = Watcher::start(&lab, "ippool first -o json");
    let events = || -> Vec<String> {
        let text = watcher.text();
        let documents = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        // The last one may be half written.
        let whole = documents.map_while(Result::ok);
        let told = whole.map(|one| {
            let (event, object) = (&one["type"], &one["object"]);
            format!(
                "{} {} {}",
                event, object["metadata"]["name"], object["spec"]["disabled"]
            )
        });
        told.collect()
    };
    eventually("what there is", || {
        (events() == [r#""ADDED" "first" null"#]).then_some(())
    });
    disable_first(&lab);
    lab.pool("other", "10.2.0.0/24", 26);
    lab.cnictl(["delete", "ippool", "first"]).ok();
    let all = [
        r#""ADDED" "first" null"#,
        r#""MODIFIED" "first" true"#,
        r#""DELETED" "first" true"#,
    ];
    eventually("all of it, and of this pool alone", || {
        (events() == all).then_some(())
    });
}

/// The history that the watch has read up to is gone, and the connection with it: what happened meanwhile is told all the same.
#[test]
fn a_watch_outlives_the_death_of_etcd_and_its_compaction() {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("first", "10.1.0.0/24", 26);
    let watcher = Watcher::start(&lab, "ippool");
    watcher.has_told(&["EVENT NAME", "ADDED first"]);
    lab.etcd().kill(0);
    lab.etcd().revive(0);
    lab.etcd().wait_until_healthy();
    lab.pool("second", "10.2.0.0/24", 26);
    lab.etcd().compact();
    watcher.has_told(&["EVENT NAME", "ADDED first", "ADDED second"]);
    lab.cnictl(["delete", "ippool", "first"]).ok();
    watcher.has_told(&["EVENT NAME", "ADDED first", "ADDED second", "DELETED first"]);
}

fn disable_first(lab: &Lab) {
    let disabled = r#"{"spec": {"disabled": true}}"#;
    lab.cnictl(["patch", "ippool", "first", "-p", disabled]).ok();
}
