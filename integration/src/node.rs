//! A node and the pods on it. What a runtime knows of a pod is its namespace, a container ID and an interface name.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use crate::json::list;
use crate::netns::Netns;
use crate::plugin::Call;
use crate::process::Answer;
use crate::site::Site;
use crate::wait::eventually;

/// How long an answer may take.
const PING_SECONDS: &str = "20";

static CONTAINER: AtomicU32 = AtomicU32::new(0);

/// One node of a laboratory.
pub struct Node {
    /// Its name in the datastore.
    pub name: String,
    netns: Arc<Netns>,
    dir: PathBuf,
    conf: Value,
}

/// One pod, before and after its ADD.
pub struct Pod {
    /// Its namespace.
    pub netns: Netns,
    /// The runtime's name for it.
    pub container: String,
    /// Its interface.
    pub ifname: String,
    /// CNI_ARGS.
    pub args: String,
}

impl Node {
    pub(crate) fn start(
        name: &str,
        (site, host): (Site, u8),
        leaf: &Netns,
        dir: &Path,
        common: &Value,
    ) -> Self {
        let netns = Arc::new(Netns::new(name));
        site.plug(leaf, &netns, host);
        netns.ip(&format!("route add default via {}", site.gateway()));
        let dir = dir.join(name);
        fs::create_dir_all(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        let mut conf = json!({
            "cniVersion": "1.1.0", "type": "cni-net", "nodename": name,
            "state_dir": dir.join("state"), "run_dir": dir.join("run"), "ipam_lock_file": dir.join("ipam.lock"),
            "ipam": {"type": "cni-ipam"}, "timeouts": {"add": 150, "del": 150, "check": 150, "gc": 150}
        });
        for (field, value) in common.as_object().into_iter().flatten() {
            conf[field] = value.clone();
        }
        Self {
            name: name.to_owned(),
            netns,
            dir,
            conf,
        }
    }

    /// From now on its netconf has these fields, too.
    pub(crate) fn shows(&mut self, fields: &Value) {
        for (field, value) in fields.as_object().into_iter().flatten() {
            self.conf[field] = value.clone();
        }
    }

    /// Its namespace.
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// The same, for what else is to run in it.
    pub fn shared_netns(&self) -> &Arc<Netns> {
        &self.netns
    }

    /// The netconf of this node's only network, CNI 1.1.0, with time enough for a busy machine.
    pub fn conf(&self) -> Value {
        self.conf.clone()
    }

    /// The same with the times that the plugins take when they are told none.
    pub fn hurried_conf(&self) -> Value {
        crate::json::without(self.conf(), "timeouts")
    }

    /// Where the plugins keep what outlives a boot.
    pub fn state_dir(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// Where the plugins keep what does not.
    pub fn run_dir(&self) -> PathBuf {
        self.dir.join("run")
    }

    /// A call of the plugin that the netconf names, on this node, about a pod.
    pub fn call(&self, verb: &str, conf: &Value, pod: &Pod) -> Call {
        let plugin = conf["type"].as_str().unwrap_or_default();
        Call::new(plugin, verb, conf).about(pod).within(&self.netns)
    }

    /// A call about no pod: GC, STATUS, VERSION.
    pub fn verb(&self, verb: &str, conf: &Value) -> Call {
        Call::new(conf["type"].as_str().unwrap_or_default(), verb, conf).within(&self.netns)
    }

    /// ADD, which must succeed; the result.
    pub fn add(&self, conf: &Value, pod: &Pod) -> Value {
        self.call("ADD", conf, pod).run().result()
    }

    /// DEL, which must succeed.
    pub fn del(&self, conf: &Value, pod: &Pod) {
        self.call("DEL", conf, pod).run().silent();
    }

    /// CHECK with a result of before.
    pub fn check(&self, conf: &Value, pod: &Pod, result: &Value) -> Answer {
        let conf = crate::json::with(conf.clone(), "prevResult", result.clone());
        self.call("CHECK", &conf, pod).run()
    }

    /// The interfaces of the node that are ours.
    pub fn host_interfaces(&self) -> Vec<String> {
        let mut links = self.netns.links();
        links.retain(|name| name.starts_with("cali"));
        links
    }

    /// The files that the plugins keep about attachments, by name.
    pub fn attachment_files(&self) -> Vec<String> {
        files(&self.run_dir().join("attachments"))
    }

    /// Drops every packet to etcd (true), or lets them through again: no connection is refused, none is made.
    pub fn cut_off(&self, off: bool) {
        for port in [2378, 2379] {
            self.cut_off_from(port, off);
        }
    }

    /// The same for one port of others.
    pub fn cut_off_from(&self, port: usize, off: bool) {
        let (verb, port) = (if off { "-A" } else { "-D" }, port.to_string());
        let rule = [verb, "OUTPUT", "-p", "tcp", "--dport", &port, "-j", "DROP"];
        self.netns.command("iptables").args(["-w"]).args(rule).run().ok();
    }

    /// What waits for a datastore to be released later.
    pub fn spool(&self) -> Vec<String> {
        files(&self.state_dir().join("spool"))
    }

    /// Calls once, and again where a busy machine cut it short, until nothing is owed any more. How many calls it took.
    pub fn settle(&self, conf: &Value) -> usize {
        let mut calls = 0;
        eventually("the spool is replayed", || {
            self.del(conf, &Pod::new("replays"));
            calls += 1;
            self.spool().is_empty().then_some(())
        });
        calls
    }
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

impl Pod {
    /// A new namespace and a container ID such as runtimes make.
    pub fn new(label: &str) -> Self {
        let number = CONTAINER.fetch_add(1, Ordering::Relaxed);
        let seed = format!("{}-{number}-{label}", std::process::id());
        let digest: String = Sha1::digest(seed.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let container = format!("{digest}{}", &digest[..24]);
        Self {
            netns: Netns::new(label),
            container,
            ifname: "eth0".to_owned(),
            args: String::new(),
        }
    }

    /// The same, named as Kubernetes names it.
    pub fn kubernetes(namespace: &str, name: &str) -> Self {
        let mut pod = Self::new("k8s");
        pod.args = format!(
            "K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={name};K8S_POD_INFRA_CONTAINER_ID={}",
            pod.container
        );
        pod
    }

    /// The same with a variable of CNI_ARGS.
    pub fn with_arg(mut self, arg: &str) -> Self {
        let separator = if self.args.is_empty() { "" } else { ";" };
        self.args = format!("{}{separator}{arg}", self.args);
        self
    }

    /// One echo request; whether it was answered.
    pub fn reaches(&self, address: &str) -> bool {
        ping(&self.netns, address).status.success()
    }

    /// Fails unless the address answers, and says what the pod looks like then.
    pub fn must_reach(&self, address: &str) {
        let answer = ping(&self.netns, address);
        let state = || {
            [
                self.netns.ip("address"),
                self.netns.ip("route"),
                self.netns.ip("-6 route"),
            ]
            .join("\n")
        };
        assert!(answer.status.success(), "{}\n--- pod\n{}", answer.told(), state());
    }
}

/// One echo request out of a namespace.
pub fn ping(netns: &Netns, address: &str) -> Answer {
    netns
        .command("ping")
        .args(["-n", "-c", "1", "-W", PING_SECONDS, address])
        .run()
}

/// The addresses of a result, without their lengths.
pub fn addresses(result: &Value) -> Vec<String> {
    let address = |ip: &Value| ip["address"].as_str().unwrap_or_default().to_owned();
    let bare = |text: String| text.split('/').next().unwrap_or_default().to_owned();
    list(result, "/ips").iter().map(address).map(bare).collect()
}

/// The first address of a result.
pub fn address(result: &Value) -> String {
    addresses(result)
        .into_iter()
        .next()
        .unwrap_or_else(|| panic!("no address in {result}"))
}
