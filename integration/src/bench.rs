//! Measuring ADD and DEL of many pods, ours beside the reference plugins, in rounds that take turns: what else the machine does
//! meanwhile hits all of them alike.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::apiserver::{ApiServer, notes};
use crate::json::with;
use crate::lab::{Kind, Lab};
use crate::node::{Node, Pod};
use crate::plugin::Call;
use crate::race::usage;

/// Who is measured.
pub struct Contestant {
    /// As printed.
    pub name: &'static str,
    lab: Lab,
    conf: Value,
    _run: Option<TempDir>,
    _server: Option<ApiServer>,
}

/// What one contestant did in one way.
#[derive(Clone, Debug, Default)]
pub struct Times {
    calls: Vec<Duration>,
    walls: Vec<Duration>,
}

/// The verbs of one round, in order.
pub const VERBS: [&str; 2] = ["ADD", "DEL"];

impl Contestant {
    /// `cni-net` with its allocator on a store of this kind.
    pub fn ours(name: &'static str, kind: Kind) -> Self {
        Self::on(name, Lab::plain(kind))
    }

    /// On etcd, and `cni-net` starts `cni-ipam`.
    pub fn program(name: &'static str) -> Self {
        let mut own = Self::on(name, Lab::plain(Kind::Etcd));
        own.conf = with(own.conf, "exec_ipam", true);
        own
    }

    /// The same on an etcd that is spoken to with client certificates.
    pub fn secured(name: &'static str) -> Self {
        Self::on(name, Lab::secured())
    }

    /// On etcd, and pod and namespace are read from an API server, with an annotation that names the pool.
    pub fn kubernetes(name: &'static str, pods: &[String]) -> Self {
        let mut own = Self::on(name, Lab::plain(Kind::Etcd));
        let server = ApiServer::start(&own.lab);
        server.namespace("default", json!({}), notes(&[("ipv4pools", r#"["bench"]"#)]));
        pods.iter().for_each(|pod| server.pod(pod, &[]));
        own.conf = server.conf(own.conf);
        own._server = Some(server);
        own
    }

    fn on(name: &'static str, lab: Lab) -> Self {
        lab.pool("bench", "10.99.0.0/16", 26);
        // `/run` of a node is a tmpfs: so is the folder that stands for it here. Etcd and the stores stay on the disk.
        let run = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|error| panic!("/dev/shm: {error}"));
        let conf = with(lab.node.conf(), "run_dir", run.path().display().to_string());
        let lock = run.path().join("ipam.lock").display().to_string();
        let conf = with(conf, "ipam_lock_file", lock);
        Self {
            name,
            lab,
            conf,
            _run: Some(run),
            _server: None,
        }
    }

    /// Debian's `ptp` or `bridge` with `host-local`.
    pub fn reference(name: &'static str, kind: &str) -> Self {
        let lab = Lab::new(Kind::Embedded);
        let conf = json!({"cniVersion": "1.0.0", "name": lab.network(), "type": kind, "bridge": "bench0",
            "isGateway": true,
            "ipam": {"type": "host-local", "subnet": "10.98.0.0/16", "dataDir": lab.path("host-local")}});
        Self {
            name,
            lab,
            conf,
            _run: None,
            _server: None,
        }
    }

    /// The most that one ADD had in memory, KiB: `cni-net` and the `cni-ipam` that it started.
    pub fn peak(&self, pod: &Pod) -> [u64; 2] {
        let mut call = self.node().call("ADD", &self.conf, pod).quiet().start();
        let children = format!("/proc/{0}/task/{0}/children", call.pid());
        let mut peak = [0; 2];
        while !call.has_ended() {
            let child = fs::read_to_string(&children).unwrap_or_default();
            let child = child.split_whitespace().next().and_then(|pid| pid.parse().ok());
            for (peak, pid) in peak.iter_mut().zip([Some(call.pid()), child]) {
                *peak = pid.and_then(usage::peak).unwrap_or_default().max(*peak);
            }
        }
        call.wait().ok_only();
        self.node().call("DEL", &self.conf, pod).quiet().run().ok_only();
        peak
    }

    fn node(&self) -> &Node {
        &self.lab.node
    }

    /// Returns when the kernel is done with what was removed before, whoever removed it: the deletion of a link waits for
    /// all of that. Without it each would pay for what the one before has left.
    fn quiet(&self) {
        let netns = self.node().netns();
        netns.ip("link add quiet type veth");
        netns.ip("link del quiet");
    }

    /// One verb for all pods, `ways` at a time.
    pub fn run(&self, verb: &str, pods: &[Pod], ways: usize, times: &mut Times) {
        let next = AtomicUsize::new(0);
        let calls = Mutex::new(Vec::with_capacity(pods.len()));
        let plugin = self.conf["type"].as_str().unwrap_or_default().to_owned();
        let work = || {
            while let Some(pod) = pods.get(next.fetch_add(1, Ordering::Relaxed)) {
                let took = Call::new(&plugin, verb, &self.conf).about(pod).timed();
                calls
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner())
                    .push(took);
            }
        };
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..ways {
                scope.spawn(|| self.node().netns().enter(work));
            }
        });
        times.walls.push(start.elapsed());
        times.calls.extend(
            calls
                .into_inner()
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
        );
    }
}

impl Times {
    /// The quickest round of all pods.
    pub fn best_wall(&self) -> Duration {
        self.walls.iter().min().copied().unwrap_or_default()
    }

    /// The round in the middle.
    pub fn median_wall(&self) -> Duration {
        at(&self.walls, 0.5)
    }

    /// One call in the middle.
    pub fn median(&self) -> Duration {
        at(&self.calls, 0.5)
    }

    /// The ratio of a round's wall time to the other's in the same round, in the middle of all rounds: what else the
    /// machine did then hit both.
    pub fn median_ratio(&self, other: &Times) -> f64 {
        let pairs = self.walls.iter().zip(&other.walls);
        let mut ratios: Vec<f64> = pairs
            .map(|(own, other)| own.as_secs_f64() / other.as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or(f64::INFINITY)
    }

    /// Minimum, median and 99th percentile of one call, and the median wall time of a round, in milliseconds.
    pub fn row(&self) -> String {
        let ms = |time: Duration| format!("{:9.2}", time.as_secs_f64() * 1e3);
        let columns = [
            at(&self.calls, 0.0),
            at(&self.calls, 0.5),
            at(&self.calls, 0.99),
            self.median_wall(),
        ];
        columns.map(ms).join(" ")
    }
}

/// What this part of them takes at most: 0.5 is the median.
pub fn at(times: &[Duration], part: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    let index = (sorted.len().saturating_sub(1) as f64 * part).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

/// Rounds of ADD and DEL of all pods; a table by verb (rows of [`VERBS`]) and contestant. One more round goes first and is
/// not counted: blocks are claimed and files are read in it.
pub fn contest(contestants: &[Contestant], pods: &[Pod], ways: usize, rounds: usize) -> [Vec<Times>; 2] {
    let mut table = [
        vec![Times::default(); contestants.len()],
        vec![Times::default(); contestants.len()],
    ];
    for round in 0..=rounds {
        for turn in 0..contestants.len() {
            let who = (turn + round) % contestants.len();
            for (verb, row) in VERBS.iter().zip(&mut table) {
                let mut uncounted = Times::default();
                let times = if round == 0 { &mut uncounted } else { &mut row[who] };
                contestants[who].quiet();
                contestants[who].run(verb, pods, ways, times);
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_of_the_rounds_and_not_of_the_extremes() {
        let times = |walls: &[u64]| Times {
            calls: Vec::new(),
            walls: walls.iter().copied().map(Duration::from_millis).collect(),
        };
        // One lucky round of five: the best wall is the shorter one, the median is not.
        let (own, other) = (times(&[10, 30, 30, 30, 30]), times(&[20, 20, 20, 20, 20]));
        assert!(own.best_wall() < other.best_wall());
        assert!((own.median_ratio(&other) - 1.5).abs() < 1e-9);
        assert!(times(&[]).median_ratio(&other).is_infinite());
    }
}
