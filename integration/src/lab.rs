//! A leaf, a datastore and the nodes around them. See the drawing in `lib.rs`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

mod users;

use crate::certificates::Certificates;
use crate::etcd::Etcd;
use crate::netns::Netns;
use crate::node::Node;
use crate::process::Cmd;
use crate::require;
use crate::site::{RACK, Site};

/// The leaf's own address, where servers listen.
pub const LEAF: &str = "192.168.1.1";
const RESOURCES: &str = "/calico/resources/v3/projectcalico.org";

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Which datastore a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// LMDB below the node's `state_dir`.
    Embedded,
    /// etcd, on the leaf, which asks everybody for a user, by the roles of `cnictl etcd roles`, over mTLS.
    Etcd,
}

/// One laboratory: everything a test touches, gone when dropped.
pub struct Lab {
    etcd: Option<Etcd>,
    /// `worker01`, 192.168.1.4, if nothing else was said.
    pub node: Node,
    /// The namespace of the leaf switch.
    pub leaf: Arc<Netns>,
    network: String,
    dir: TempDir,
    site: Site,
    /// What it runs on.
    pub kind: Kind,
    /// Everybody shows a certificate, and may do what its roles allow.
    users: bool,
}

impl Lab {
    /// One node, and one etcd member where the kind asks for it.
    pub fn new(kind: Kind) -> Self {
        Self::with_members(kind, 1)
    }

    /// One node and that many etcd members.
    pub fn with_members(kind: Kind, members: usize) -> Self {
        Self::open(kind, members, RACK, ("worker01", 4))
    }

    /// One node, by name and host number, on a subnet of choice, and one etcd member where the kind asks for it.
    pub fn on(kind: Kind, site: Site, first: (&str, u8)) -> Self {
        Self::open(kind, 1, site, first)
    }

    /// One node, and one etcd member where the kind asks for it, which asks nobody for a user: for what cannot show a
    /// certificate, or is about a cluster without users.
    pub fn plain(kind: Kind) -> Self {
        Self::plain_on(kind, RACK, ("worker01", 4))
    }

    /// The same, by name and host number, on a subnet of choice.
    pub fn plain_on(kind: Kind, site: Site, first: (&str, u8)) -> Self {
        Self::build(kind, 1, None, site, first)
    }

    /// On etcd by the roles of `cnictl etcd roles` and over mTLS, as in production.
    fn open(kind: Kind, members: usize, site: Site, first: (&str, u8)) -> Self {
        if kind == Kind::Embedded || !users::are_asked_for() {
            return Self::build(kind, members, None, site, first);
        }
        let tls = Some(Certificates::new(&site.gateway()));
        let mut lab = Self::build(kind, members, tls, site, first);
        lab.ask_for_users();
        lab
    }

    /// One node, and one etcd member that speaks TLS as well.
    pub fn secured() -> Self {
        let tls = Some(Certificates::new(LEAF));
        Self::build(Kind::Etcd, 1, tls, RACK, ("worker01", 4))
    }

    /// The same, by name and host number, on a subnet of choice.
    pub fn secured_on(site: Site, first: (&str, u8)) -> Self {
        let tls = Some(Certificates::new(&site.gateway()));
        Self::build(Kind::Etcd, 1, tls, site, first)
    }

    fn build(
        kind: Kind,
        members: usize,
        tls: Option<Certificates>,
        site: Site,
        (name, host): (&str, u8),
    ) -> Self {
        let leaf = Arc::new(Netns::new("leaf"));
        site.build(&leaf);
        let etcd = match kind {
            Kind::Embedded => None,
            Kind::Etcd => Some(Etcd::start(leaf.clone(), &site.gateway(), members, tls)),
        };
        let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("temporary folder: {error}"));
        let network = format!(
            "net{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let common = common(&network, etcd.as_ref());
        let node = Node::start(name, (site, host), &leaf, dir.path(), &common);
        let lab = Self {
            etcd,
            node,
            leaf,
            network,
            dir,
            site,
            kind,
            users: false,
        };
        if lab.etcd.is_some() {
            lab.apply(
                &json!({"kind": "ClusterInformation", "metadata": {"name": "default"},
                "spec": {"clusterGUID": "2ae1f9e6d5544913a36bf12874628f20", "datastoreReady": true}}),
            );
        }
        lab
    }

    /// One more node beside the first.
    pub fn add_node(&self, name: &str, host: u8) -> Node {
        self.add_node_on(self.site, name, host)
    }

    /// One more subnet of the leaf.
    pub fn add_site(&self, site: Site) {
        site.build(&self.leaf);
    }

    /// One more node, on a subnet of the leaf.
    pub fn add_node_on(&self, site: Site, name: &str, host: u8) -> Node {
        let common = common(&self.network, self.etcd.as_ref());
        let mut node = Node::start(name, (site, host), &self.leaf, self.dir.path(), &common);
        if self.users {
            self.admit(&mut node);
        }
        node
    }

    /// The leaf's address on the first node's subnet, where servers listen.
    pub fn gateway(&self) -> String {
        self.site.gateway()
    }

    /// The cluster, in a test that runs on etcd.
    pub fn etcd(&self) -> &Etcd {
        self.etcd
            .as_ref()
            .unwrap_or_else(|| panic!("this laboratory has no etcd"))
    }

    /// The cluster, to kill members of it.
    pub fn etcd_mut(&mut self) -> &mut Etcd {
        self.etcd
            .as_mut()
            .unwrap_or_else(|| panic!("this laboratory has no etcd"))
    }

    /// The name of the network in every netconf.
    pub fn network(&self) -> &str {
        &self.network
    }

    /// Stores a resource: on etcd as Calico's tools put it, in the embedded store by `cnictl`.
    pub fn apply(&self, resource: &Value) {
        match &self.etcd {
            Some(etcd) => {
                let (key, value) = stored(resource);
                etcd.put(&key, &value);
            }
            None => drop(
                self.cnictl(["apply", "-f", "-"])
                    .stdin(versioned(resource).to_string())
                    .ok(),
            ),
        }
    }

    /// An IP pool for every node and use.
    pub fn pool(&self, name: &str, cidr: &str, block_size: u8) {
        self.apply(&pool(name, cidr, block_size));
    }

    /// How addresses are given out, by Calico's own key on etcd and by the resource elsewhere.
    pub fn ipam_config(&self, strict: bool, max_blocks: u32) {
        match &self.etcd {
            Some(etcd) => etcd.put(
                "/calico/ipam/v2/config",
                &json!({"strict_affinity": strict, "auto_allocate_blocks": true, "maxBlocksPerHost": max_blocks}),
            ),
            None => self.apply(&json!({"kind": "IPAMConfiguration", "metadata": {"name": "default"},
                "spec": {"strictAffinity": strict, "autoAllocateBlocks": true, "maxBlocksPerHost": max_blocks}})),
        }
    }

    /// `cnictl` on this laboratory's datastore, run on the node.
    pub fn cnictl<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Cmd {
        self.cnictl_as("operator", arguments)
    }

    /// The same as one of the users, where they are asked for.
    fn cnictl_as<'a>(&self, user: &str, arguments: impl IntoIterator<Item = &'a str>) -> Cmd {
        let state = self.node.state_dir().display().to_string();
        let mut command = Cmd::new(require::dist("cnictl"));
        command = match &self.etcd {
            Some(etcd) => command
                .args(["--datastore-type", "etcdv3", "--etcd-endpoints"])
                .args([&self.shown_endpoints(etcd)]),
            None => command.args(["--datastore-type", "embedded"]),
        };
        if self.users {
            command = command.args(self.shown(user));
        }
        command
            .args(["--state-dir", &state])
            .args(arguments)
            .within(self.node.netns())
    }

    /// A path in the laboratory's own folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// What the netconfs of all nodes say alike.
fn common(network: &str, etcd: Option<&Etcd>) -> Value {
    match etcd {
        Some(etcd) => {
            json!({"name": network, "datastore_type": "etcdv3", "etcd_endpoints": etcd.endpoints()})
        }
        None => json!({"name": network, "datastore_type": "embedded"}),
    }
}

/// A pool resource, its encapsulation off.
pub fn pool(name: &str, cidr: &str, block_size: u8) -> Value {
    json!({"kind": "IPPool", "metadata": {"name": name}, "spec": {
        "cidr": cidr, "blockSize": block_size, "ipipMode": "Never", "vxlanMode": "Never",
        "nodeSelector": "all()", "allowedUses": ["Workload", "Tunnel"], "assignmentMode": "Automatic"}})
}

fn versioned(resource: &Value) -> Value {
    let mut whole = json!({"apiVersion": "projectcalico.org/v3"});
    for (field, value) in resource.as_object().into_iter().flatten() {
        whole[field] = value.clone();
    }
    whole
}

/// The key and the document that Calico's own tools would store.
fn stored(resource: &Value) -> (String, Value) {
    let mut whole = versioned(resource);
    whole["metadata"]["uid"] = json!("6c2a4b0e-8f0b-4c0e-9a61-3b1f0a4d9d11");
    whole["metadata"]["creationTimestamp"] = json!("2026-11-22T09:00:00Z");
    let kind = whole["kind"].as_str().unwrap_or_default().to_lowercase();
    let name = whole["metadata"]["name"].as_str().unwrap_or_default();
    (format!("{RESOURCES}/{kind}s/{name}"), whole)
}
