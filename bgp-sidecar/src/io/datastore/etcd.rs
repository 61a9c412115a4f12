//! What tests need of a real etcd, and what the datastore is when it is one.
#![expect(clippy::disallowed_methods, reason = "tests: a server")]

use std::hash::{BuildHasher as _, RandomState};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use shared::model::key::{Key, Plural};
use shared::store::Datastore as _;
use shared::store::open::Store;
use shared::txn::{Txn, Write};
use tokio::time::timeout;

use super::{Datastore, Update};
use crate::settings::Settings;

/// An etcd of our own at an address of our own; killed when dropped, and with the thread that started it.
pub(crate) struct Member {
    child: Option<Child>,
    address: String,
    data: tempfile::TempDir,
}

impl Member {
    pub(crate) fn start() -> Self {
        let [a, b, c, ..] = RandomState::new().hash_one(std::process::id()).to_le_bytes();
        let mut member = Self {
            child: None,
            address: format!("127.{}.{b}.{}", a.max(1), c.clamp(1, 254)),
            data: tempfile::tempdir().unwrap(),
        };
        member.go("one");
        member
    }

    /// Goes on with the data of this name.
    pub(crate) fn go(&mut self, name: &str) {
        let (client, peer) = (self.url(), format!("http://{}:12380", self.address));
        let data = self.data.path().join(name);
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "etcd", "--name", "one", "--data-dir"])
            .arg(data)
            .args([
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
            ])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            .args(["--initial-cluster", &format!("one={peer}")])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setpriv and etcd are installed");
        self.child = Some(child);
        for _ in 0..3000 {
            if TcpStream::connect(format!("{}:12379", self.address)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("etcd does not start");
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn url(&self) -> String {
        format!("http://{}:12379", self.address)
    }

    pub(crate) fn settings(&self, root: &Path) -> Settings {
        let none = std::collections::BTreeMap::new();
        let document = json!({
            "etcd_endpoints": self.url(),
            "state_dir": root.join("state"),
            "run_dir": root.join("run"),
        });
        crate::settings::load(&document, &none, &none).unwrap().0
    }

    pub(crate) fn store(&self, root: &Path) -> Store {
        let (choice, _) = super::choose(&self.settings(root)).unwrap();
        shared::store::open::open(&choice, Duration::MAX).unwrap()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn test<F: Future<Output = ()>>(body: F) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(body);
}

async fn put(store: &Store, key: &Key, value: &str) {
    let mut txn = Txn::default();
    txn.write(Write::Put(key.clone(), value.as_bytes().to_vec()));
    // A member that has just started may not have its leader yet.
    for _ in 0..100 {
        if store.commit(&txn).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("etcd does not answer");
}

async fn next(datastore: &mut Datastore) -> Update {
    let limit = Duration::from_secs(120);
    timeout(limit, datastore.next()).await.expect("in time")
}

fn value(update: &Update, key: &Key) -> Option<String> {
    match update {
        Update::Data(data, _) => data
            .get(key)
            .map(|value| String::from_utf8_lossy(value).into_owned()),
        Update::Away(why) => panic!("{why}"),
    }
}

#[test]
fn etcd_is_followed_lost_once_and_caught_up_with_and_so_is_another_in_its_place() {
    test(async {
        let root = tempfile::tempdir().unwrap();
        let mut member = Member::start();
        let store = member.store(root.path());
        let node = Key::resource(Plural::Nodes, "a");
        put(&store, &node, "1").await;
        let (mut datastore, _) = Datastore::open(&member.settings(root.path()), "a").unwrap();
        assert_eq!(value(&next(&mut datastore).await, &node).as_deref(), Some("1"));
        let net = "10.0.0.0/26".parse().unwrap();
        put(&store, &Key::ipam_config(), r#"{"strict_affinity":true}"#).await;
        next(&mut datastore).await;
        put(&store, &Key::block(net), "b1").await;
        put(&store, &Key::affinity("a", net), "{}").await;
        let update = next(&mut datastore).await;
        assert_eq!(value(&update, &Key::block(net)).as_deref(), Some("b1"));
        put(&store, &Key::block(net), "b2").await;
        let update = next(&mut datastore).await;
        assert_eq!(value(&update, &Key::block(net)).as_deref(), Some("b2"));
        member.kill();
        assert!(matches!(next(&mut datastore).await, Update::Away(_)), "once");
        member.go("one");
        put(&store, &node, "2").await;
        let mut update = next(&mut datastore).await;
        if value(&update, &node).as_deref() == Some("1") {
            update = next(&mut datastore).await;
        }
        assert_eq!(value(&update, &node).as_deref(), Some("2"));
        member.kill();
        assert!(matches!(next(&mut datastore).await, Update::Away(_)));
        member.go("empty");
        let Update::Data(data, _) = next(&mut datastore).await else {
            panic!("away twice");
        };
        assert!(data.is_empty(), "whoever judges it sees it as it is: {data:?}");
    });
}
