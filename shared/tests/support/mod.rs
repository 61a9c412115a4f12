//! What the datastore tests need of the world: real etcd members, conditions that come true.
#![expect(clippy::disallowed_methods, reason = "tests: servers, clocks, files")]
#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::TcpListener;
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
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until the answer is yes.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Panics when the future takes too long.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
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
    }

    pub(crate) fn endpoint(&self) -> String {
        self.url
            .trim_start_matches("http://")
            .trim_start_matches("https://")
            .to_owned()
    }

    /// `etcdctl` against this member.
    pub(crate) fn ctl(&self, args: &[&str]) -> String {
        run("etcdctl", &[&["--endpoints", &self.url], args].concat())
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

/// A cluster of `size` members that answers. `scheme` and `extra` are for what clients see.
pub(crate) async fn cluster(size: usize, scheme: &str, extra: &[&str]) -> Vec<Member> {
    let peers: Vec<u16> = (0..size).map(|_| free_port()).collect();
    let initial: Vec<String> = peers
        .iter()
        .enumerate()
        .map(|(number, port)| format!("m{number}=http://127.0.0.1:{port}"))
        .collect();
    let mut members = Vec::new();
    for (number, peer) in peers.iter().enumerate() {
        let data = tempfile::tempdir().unwrap();
        let url = format!("{scheme}://127.0.0.1:{}", free_port());
        let peer = format!("http://127.0.0.1:{peer}");
        let mut args: Vec<String> = [
            ("--name", format!("m{number}")),
            ("--data-dir", data.path().display().to_string()),
            ("--listen-client-urls", url.clone()),
            ("--advertise-client-urls", url.clone()),
            ("--listen-peer-urls", peer.clone()),
            ("--initial-advertise-peer-urls", peer),
            ("--initial-cluster", initial.join(",")),
            ("--log-level", "error".to_owned()),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect();
        args.extend(extra.iter().map(|arg| (*arg).to_owned()));
        members.push(Member {
            child: Member::spawn(&args),
            args,
            url,
            _data: data,
        });
    }
    members
}

/// One plain member that answers.
pub(crate) async fn single() -> Member {
    let member = cluster(1, "http", &[]).await.remove(0);
    answers(&[&member]).await;
    member
}

/// Three plain members, each of which answers.
pub(crate) async fn three() -> Vec<Member> {
    let members = cluster(3, "http", &[]).await;
    answers(&members.iter().collect::<Vec<_>>()).await;
    members
}

/// Waits until each of these plain members answers.
pub(crate) async fn answers(members: &[&Member]) {
    for member in members {
        eventually(&format!("{} answers", member.url), async || {
            let config = EtcdConfig::new(vec![member.url.clone()]);
            read(&config, Duration::from_secs(3)).await.is_ok()
        })
        .await;
    }
}

/// One read of nothing by a client of its own.
pub(crate) async fn read(config: &EtcdConfig, limit: Duration) -> Result<Snapshot, StoreError> {
    Etcd::new(config.clone(), limit).read(&Reads::new()).await
}

/// A client of these members.
pub(crate) fn client(members: &[Member], limit: Duration) -> Etcd {
    let endpoints = members.iter().map(|member| member.url.clone()).collect();
    Etcd::new(EtcdConfig::new(endpoints), limit)
}
