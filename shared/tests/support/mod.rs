//! What the datastore tests need of the world: real etcd members, conditions that come true.
#![expect(clippy::disallowed_methods, reason = "tests: servers, clocks, files")]
#![allow(dead_code, reason = "each test binary uses its part")]

use std::hash::{BuildHasher, RandomState};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shared::store::config::EtcdConfig;
use shared::store::etcd::Etcd;
use shared::store::{Datastore, StoreError};
use shared::txn::{Reads, Snapshot};
use tempfile::TempDir;

pub(crate) mod certificates;
pub(crate) mod proxy;

/// Longer than anything here takes on a slow machine; a hang fails instead of hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Asks until the answer is yes.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Something takes less than `limit`: not every time, where other programs keep the processor busy, but once.
pub(crate) async fn quick(what: &str, limit: Duration, mut run: impl AsyncFnMut()) {
    let start = Instant::now();
    loop {
        let begin = Instant::now();
        run().await;
        let took = begin.elapsed();
        if took < limit {
            return;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "never within {limit:?}, now {took:?}: {what}"
        );
    }
}

/// Panics when the future takes too long.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

/// The ports of every member: each has an address of its own, and nothing else in the world uses these (they lie below
/// the ports that a kernel gives to outgoing connections).
const CLIENTS: u16 = 12379;
const PEERS: u16 = 12380;

/// An address of this machine that nobody else uses: one of the sixteen million of 127.0.0.0/8.
pub(crate) fn own_address() -> Ipv4Addr {
    let random = RandomState::new().hash_one(std::process::id());
    let [a, b, c, ..] = random.to_le_bytes();
    // 127.0.x.x is where everybody else is, and .0 and .255 look like networks.
    Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254))
}

/// Where nobody listens.
pub(crate) fn dead_endpoint(scheme: &str) -> String {
    format!("{scheme}://{}:{CLIENTS}", own_address())
}

/// An etcd member of our own; killed when dropped, and when the thread that started it ends.
pub(crate) struct Member {
    child: Child,
    args: Vec<String>,
    pub(crate) url: String,
    _data: TempDir,
}

impl Member {
    fn spawn(args: &[String]) -> Child {
        Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "etcd"])
            .args(args)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setpriv and etcd are installed")
    }

    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again on its data.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.child = Self::spawn(&self.args);
    }

    pub(crate) fn signal(&self, name: &str) {
        run("kill", &[&format!("-{name}"), &self.pid()]);
        let begin = Instant::now();
        while name == "STOP" && !self.is_stopped() {
            assert!(begin.elapsed() < PATIENCE, "etcd does not stop");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether every thread is stopped: the signal reaches them one by one, and until then they work on.
    fn is_stopped(&self) -> bool {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        tasks.flatten().all(|task| {
            let state = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            state.is_empty() || state.contains(") T ")
        })
    }

    pub(crate) fn endpoint(&self) -> String {
        self.url
            .trim_start_matches("http://")
            .trim_start_matches("https://")
            .to_owned()
    }

    /// `etcdctl` against this member.
    pub(crate) fn ctl(&self, args: &[&str]) -> String {
        let us = ["--endpoints", &self.url, "--command-timeout", "60s"];
        run("etcdctl", &[&us, args].concat())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a tool to its end; it must succeed.
pub(crate) fn run(tool: &str, args: &[&str]) -> String {
    let output = Command::new(tool)
        .args(args)
        .env("ETCDCTL_API", "3")
        .output()
        .expect(tool);
    assert!(
        output.status.success(),
        "{tool} {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A cluster of `size` plain members. `extra` is for what clients see.
pub(crate) fn cluster(size: usize, extra: &[&str]) -> Vec<Member> {
    let hosts: Vec<Ipv4Addr> = (0..size).map(|_| own_address()).collect();
    cluster_at(&hosts, "http", extra)
}

/// A member at each address.
pub(crate) fn cluster_at(hosts: &[Ipv4Addr], scheme: &str, extra: &[&str]) -> Vec<Member> {
    let peer = |host: &Ipv4Addr| format!("http://{host}:{PEERS}");
    let name = |number: usize| format!("m{number}");
    let initial: Vec<String> = hosts
        .iter()
        .enumerate()
        .map(|(number, host)| format!("{}={}", name(number), peer(host)))
        .collect();
    let member = |(number, host): (usize, &Ipv4Addr)| {
        let data = tempfile::tempdir().unwrap();
        let url = format!("{scheme}://{host}:{CLIENTS}");
        let mut args: Vec<String> = [
            ("--name", name(number)),
            ("--data-dir", data.path().display().to_string()),
            ("--listen-client-urls", url.clone()),
            ("--advertise-client-urls", url.clone()),
            ("--listen-peer-urls", peer(host)),
            ("--initial-advertise-peer-urls", peer(host)),
            ("--initial-cluster", initial.join(",")),
            ("--log-level", "error".to_owned()),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect();
        args.extend(extra.iter().map(|arg| (*arg).to_owned()));
        Member {
            child: Member::spawn(&args),
            args,
            url,
            _data: data,
        }
    };
    hosts.iter().enumerate().map(member).collect()
}

/// One plain member that answers.
pub(crate) async fn single() -> Member {
    let member = cluster(1, &[]).remove(0);
    answers(&[&member]).await;
    member
}

/// Three plain members, each of which answers.
pub(crate) async fn three() -> Vec<Member> {
    let members = cluster(3, &[]);
    answers(&members.iter().collect::<Vec<_>>()).await;
    members
}

/// Waits until each of these plain members answers.
pub(crate) async fn answers(members: &[&Member]) {
    for member in members {
        eventually(&format!("{} answers", member.url), async || {
            let config = EtcdConfig::new(vec![member.url.clone()]);
            read(&config, PATIENCE).await.is_ok()
        })
        .await;
    }
}

/// One read of nothing by a client of its own.
pub(crate) async fn read(config: &EtcdConfig, limit: Duration) -> Result<Snapshot, StoreError> {
    Etcd::new(config.clone(), limit).read(&Reads::new()).await
}

/// How these members are reached, by a client that waits for a busy machine.
pub(crate) fn config(members: &[Member]) -> EtcdConfig {
    let endpoints = members.iter().map(|member| member.url.clone()).collect();
    let mut config = EtcdConfig::new(endpoints);
    (config.connect_timeout, config.request_timeout) = (PATIENCE, PATIENCE);
    config
}

/// A client of these members, as patient as can be.
pub(crate) fn client(members: &[Member]) -> Etcd {
    Etcd::new(config(members), PATIENCE)
}
