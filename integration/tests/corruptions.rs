//! `cnictl ipam check` on a running cluster: seeded corruptions are each found, and nothing else, while pods come and go;
//! `--fix` puts each right and touches no pod.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use integration::json::with;
use integration::{Call, Kind, Lab};
use serde_json::{Value, json};

const IPAM: &str = "/calico/ipam/v2";
const RESOURCES: &str = "/calico/resources/v3/projectcalico.org";
/// Between the starts of two ADDs: a few more than [`RATE`] in a second.
const PACE: Duration = Duration::from_millis(16);
/// ADDs in a second beside a check, in one of several turns.
const RATE: f64 = 50.0;
const TURNS: usize = 10;
/// Pods between the start of their ADD and the end of their DEL, at most.
const AT_ONCE: usize = 16;
/// ADDs that must have been made beside every check, however slow the machine.
const BESIDE: u32 = 10;

/// Keys and values to put; `null` deletes.
type Keys = BTreeMap<String, Value>;

fn block_key(cidr: &str) -> String {
    format!("{IPAM}/assignment/ipv4/block/{}", cidr.replace('/', "-"))
}

fn affinity_key(node: &str, cidr: &str) -> String {
    format!("{IPAM}/host/{node}/ipv4/block/{}", cidr.replace('/', "-"))
}

fn handle_key(number: usize) -> String {
    format!("{IPAM}/handle/seed.{number}")
}

fn cidr(number: usize) -> String {
    format!("10.9.{number}.0/30")
}

/// A sound block of node `seeded` with one address in use.
fn sound(number: usize) -> Keys {
    let cidr = cidr(number);
    let owner = json!({"handle_id": format!("seed.{number}"), "secondary": {"node": "seeded"}});
    let block = json!({"cidr": cidr, "affinity": "host:seeded", "allocations": [0, null, null, null],
        "unallocated": [1, 2, 3], "attributes": [owner], "sequenceNumber": 9,
        "sequenceNumberForAllocation": {"0": 8}, "deleted": false});
    Keys::from([
        (block_key(&cidr), block),
        (
            affinity_key("seeded", &cidr),
            json!({"state": "confirmed", "deleted": false}),
        ),
        (handle_key(number), json!({"block": {&cidr: 1}, "deleted": false})),
    ])
}

fn empty(cidr: &str, places: usize) -> Value {
    let free: Vec<usize> = (0..places).collect();
    json!({"cidr": cidr, "affinity": null, "allocations": vec![Value::Null; places], "unallocated": free,
        "attributes": [], "sequenceNumber": 1, "deleted": false})
}

type Seed = (&'static str, fn(usize, &mut Keys));

/// What is seeded, each into a block of its own, and what it is to be called.
const SEEDS: [Seed; 18] = [
    ("no-attribute", |n, keys| block(n, keys)["attributes"] = json!([])),
    ("unused-attribute", |n, keys| {
        let owner = block(n, keys)["attributes"][0].clone();
        block(n, keys)["attributes"] = json!([owner, {"handle_id": "seed.gone"}]);
    }),
    ("free-list", |n, keys| {
        block(n, keys)["unallocated"] = json!([0, 1, 2, 3])
    }),
    ("free-list", |n, keys| {
        block(n, keys)["unallocated"] = json!([1, 3])
    }),
    ("sequence", |n, keys| block(n, keys)["sequenceNumber"] = json!(8)),
    ("future-release", |n, keys| {
        let owner = block(n, keys)["attributes"][0].clone();
        block(n, keys)["attributes"] = json!([owner, {"releasedAt": "2999-01-01T00:00:00Z"}]);
        block(n, keys)["allocations"] = json!([0, 1, null, null]);
        block(n, keys)["unallocated"] = json!([2, 3]);
    }),
    ("handle-count", |n, keys| {
        drop(keys.insert(handle_key(n), json!({"block": {cidr(n): 2}})))
    }),
    ("no-handle", |n, keys| {
        drop(keys.insert(handle_key(n), Value::Null))
    }),
    ("orphan-handle", |n, keys| {
        let more = format!("{}-more", handle_key(n));
        keys.insert(more, json!({"block": {cidr(n): 1}}));
    }),
    ("no-block", |n, keys| {
        let elsewhere = format!("10.9.{n}.64/30");
        keys.insert(affinity_key("seeded", &elsewhere), json!({"state": "pending"}));
    }),
    ("no-affinity", |n, keys| {
        keys.insert(affinity_key("seeded", &cidr(n)), Value::Null);
    }),
    ("two-owners", |n, keys| {
        keys.insert(affinity_key("other", &cidr(n)), json!({"state": "confirmed"}));
    }),
    ("stale-affinity", |n, keys| {
        block(n, keys)["affinity"] = Value::Null
    }),
    ("unfinished", |n, keys| {
        keys.insert(
            affinity_key("seeded", &cidr(n)),
            json!({"state": "pendingDeletion"}),
        );
    }),
    ("node-gone", |n, keys| {
        block(n, keys)["affinity"] = json!("host:gone");
        let claim = keys.remove(&affinity_key("seeded", &cidr(n))).unwrap_or_default();
        keys.insert(affinity_key("gone", &cidr(n)), claim);
    }),
    ("overlap", |n, keys| {
        let inner = format!("10.9.{n}.2/32");
        keys.insert(block_key(&inner), empty(&inner, 1));
    }),
    ("outside-pools", |n, keys| {
        let outside = format!("172.30.{n}.0/30");
        keys.insert(block_key(&outside), empty(&outside, 4));
    }),
    ("not-allocated", |n, keys| {
        keys.insert(
            format!("{RESOURCES}/workloadendpoints/default/seeded-cni-c{n}-eth0"),
            json!({"kind": "WorkloadEndpoint", "apiVersion": "projectcalico.org/v3",
                "metadata": {"name": format!("seeded-cni-c{n}-eth0"), "namespace": "default", "uid": "u"},
                "spec": {"node": "seeded", "orchestrator": "cni", "containerID": format!("c{n}"), "endpoint": "eth0",
                    "ipNetworks": [format!("10.9.{n}.3/32")]}}),
        );
    }),
];

fn block(number: usize, keys: &mut Keys) -> &mut Value {
    keys.entry(block_key(&cidr(number))).or_default()
}

fn store(lab: &Lab, keys: &Keys) {
    let there = keys.iter().filter(|(_, value)| !value.is_null());
    lab.etcd()
        .put_all(there.map(|(key, value)| (key.clone(), value.to_string())));
    for (key, _) in keys.iter().filter(|(_, value)| value.is_null()) {
        lab.etcd().delete(key);
    }
}

/// ADDs and, after each, the DEL of an earlier one, until it is told to stop.
fn churn(lab: &Lab, stop: &AtomicBool, made: &AtomicU32) {
    let conf = with(lab.node.conf(), "type", "cni-ipam");
    let call = |verb: &str, number: u32| {
        let id = format!("{number:064x}");
        let call = Call::new("cni-ipam", verb, &conf).env("CNI_CONTAINERID", &id);
        call.env("CNI_NETNS", "/none")
            .env("CNI_IFNAME", "eth0")
            .within(lab.node.netns())
            .quiet()
    };
    let mut next = Instant::now();
    std::thread::scope(|scope| {
        let mut pods = Vec::new();
        for number in 0.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let running = call("ADD", number).start();
            pods.push(scope.spawn(move || {
                running.wait().result();
                made.fetch_add(1, Ordering::Relaxed);
                call("DEL", number).run().silent();
            }));
            next += PACE;
            std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
            // A machine that cannot keep up is not drowned.
            while pods.iter().filter(|pod| !pod.is_finished()).count() >= AT_ONCE {
                std::thread::park_timeout(PACE);
                next = Instant::now();
            }
            pods.retain(|pod| !pod.is_finished());
        }
    });
}

/// A check with pods coming and going beside it: its exit, and the kinds it found.
fn check(lab: &Lab, made: &AtomicU32, words: &[&str]) -> (bool, Vec<String>, String) {
    let before = made.load(Ordering::Relaxed);
    integration::wait::eventually("pods come and go", || {
        (made.load(Ordering::Relaxed) >= before + BESIDE).then_some(())
    });
    let answer = lab
        .cnictl(["ipam", "check"].into_iter().chain(words.iter().copied()))
        .run();
    let out = &answer.stdout;
    let names = out
        .lines()
        .filter(|line| line.contains('@') && !line.starts_with(' '));
    let kinds = names.filter_map(|name| Some(name.split_once('@')?.0.rsplit_once('-')?.0.to_owned()));
    let mut kinds: Vec<String> = kinds.collect();
    kinds.sort();
    (answer.status.success(), kinds, answer.told())
}

/// A pool for pods, and one for what is corrupted, which no node takes from.
fn seeded() -> Lab {
    let lab = Lab::new(Kind::Etcd);
    lab.pool("pool", "10.0.0.0/16", 26);
    lab.apply(&with(
        integration::lab::pool("seeds", "10.9.0.0/16", 30),
        "spec",
        json!({"cidr": "10.9.0.0/16", "blockSize": 30, "nodeSelector": "!all()"}),
    ));
    for node in ["seeded", "other"] {
        lab.apply(&json!({"kind": "Node", "metadata": {"name": node, "uid": "u"}, "spec": {}}));
    }
    lab
}

/// Corrupts each in its way; the kinds that are to be found, sorted.
fn corrupt_all(lab: &Lab) -> Vec<String> {
    let mut expected = Vec::new();
    for (number, (kind, corrupt)) in SEEDS.iter().enumerate() {
        let mut keys = sound(number);
        corrupt(number, &mut keys);
        store(lab, &keys);
        // What became another key is no longer under its own.
        let gone = sound(number).into_keys().filter(|key| !keys.contains_key(key));
        gone.for_each(|key| lab.etcd().delete(&key));
        expected.push((*kind).to_owned());
    }
    expected.sort();
    expected
}

#[test]
fn every_seeded_corruption_is_found_and_nothing_else_while_pods_come_and_go() {
    let _machine = crate::alone();
    let lab = seeded();
    let (stop, made) = (AtomicBool::new(false), AtomicU32::new(0));
    let start = Instant::now();
    std::thread::scope(|scope| {
        let load = scope.spawn(|| churn(&lab, &stop, &made));
        let _end = Stop(&stop);
        (0..SEEDS.len()).for_each(|number| store(&lab, &sound(number)));
        let (good, kinds, told) = check(&lab, &made, &[]);
        assert!(good && kinds.is_empty(), "a sound cluster: {told}");
        let expected = corrupt_all(&lab);
        let quick = (0..TURNS).any(|_| {
            let (before, start) = (made.load(Ordering::Relaxed), Instant::now());
            let (good, kinds, told) = check(&lab, &made, &[]);
            assert!(!good, "problems are an exit of 1");
            assert_eq!(kinds, expected, "{told}");
            let count = f64::from(made.load(Ordering::Relaxed) - before);
            let rate = count / start.elapsed().as_secs_f64();
            println!("{rate:.0} ADDs in a second beside the check");
            rate >= RATE
        });
        assert!(quick, "never {RATE} ADDs in a second beside a check");
        let (good, _, told) = check(&lab, &made, &["--fix", "all", "--yes"]);
        assert!(good, "all are put right: {told}");
        let (good, kinds, told) = check(&lab, &made, &[]);
        assert!(good && kinds.is_empty(), "nothing is left: {told}");
        stop.store(true, Ordering::Relaxed);
        load.join().unwrap_or_else(|_| panic!("an ADD or a DEL failed"));
    });
    let count = made.load(Ordering::Relaxed);
    println!(
        "{count} ADDs, {:.0} in a second",
        f64::from(count) / start.elapsed().as_secs_f64()
    );
    lab.cnictl(["ipam", "check", "--settle", "0"]).ok();
    let held = lab.etcd().under(&format!("{IPAM}/handle/{}.", lab.network()));
    assert_eq!(held.len(), 0, "every pod is gone");
}

/// A test that fails ends its load too.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
