//! Edge: our daemon on a node, known by its configuration, its signals and what the kernel has of it.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::fabric::Folder;
use crate::json::text;
use crate::lab::Lab;
use crate::node::Node;
use crate::process::{Answer, Cmd};
use crate::require;
use crate::wait::eventually;

/// The protocol number of its routes.
pub const PROTOCOL: &str = "77";
/// Metric of what it learned.
pub const LEARNED: u64 = 2048;
/// Metric of the way to an address that another node has borrowed.
pub const LENT: u64 = 3072;
/// Metric of a blackhole for a block.
pub const BLACKHOLE: u64 = 4096;

/// A running `bgp-sidecar`.
pub struct Sidecar<'a> {
    node: &'a Node,
    daemon: Option<Daemon>,
    conf: PathBuf,
    variables: Vec<(String, String)>,
    folder: Folder,
    /// The capabilities it has of root's, in setpriv's words; all of them without.
    rights: Option<String>,
}

/// A route of its in the kernel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelRoute {
    /// To here; `ip` leaves the length of a single address out.
    pub destination: String,
    /// `unicast` or `blackhole`.
    pub kind: String,
    /// The next hops, sorted.
    pub gateways: Vec<String>,
    /// Its metric.
    pub metric: u64,
}

impl<'a> Sidecar<'a> {
    /// Starts it on a node with `more` in its configuration. It is not ready yet: what it does is waited for.
    pub fn start(lab: &Lab, node: &'a Node, more: &Value) -> Self {
        Self::start_with(lab, node, more, &[])
    }

    /// The same with variables.
    pub fn start_with(lab: &Lab, node: &'a Node, more: &Value, variables: &[(&str, &str)]) -> Self {
        Self::made(lab, node, more, (variables, None))
    }

    /// The same, with these capabilities only (`-all,+net_admin`) and no way to more.
    pub fn confined(lab: &Lab, node: &'a Node, more: &Value, rights: &str) -> Self {
        Self::made(lab, node, more, (&[], Some(rights.to_owned())))
    }

    fn made(
        lab: &Lab,
        node: &'a Node,
        more: &Value,
        (variables, rights): (&[(&str, &str)], Option<String>),
    ) -> Self {
        let folder = Folder::new(&format!("bgp-sidecar on {}", node.name));
        let identity = |what: &str, text: String| folder.write(what, &text).display().to_string();
        let machine = node.name.bytes().map(u64::from).sum::<u64>();
        let mut conf = json!({
            "nodename": node.name,
            "nodename_file": node.state_dir().join("nodename").display().to_string(),
            "state_dir": node.state_dir(), "run_dir": node.run_dir(),
            "machine_id_file": identity("machine-id", format!("{machine:032x}\n")),
            "boot_id_file": identity("boot-id", format!("9a3c1b52-7d0e-4a55-8a6b-{machine:012x}\n")),
            "metrics_address": "none", "connect_retry_time": "1s", "log_level": "debug",
        });
        let store = node.conf();
        for field in ["datastore_type", "etcd_endpoints"] {
            if let Some(value) = store.get(field) {
                conf[field] = value.clone();
            }
        }
        for (field, value) in more.as_object().into_iter().flatten() {
            conf[field] = value.clone();
        }
        eprintln!("{}: {conf} on {:?}", node.name, lab.kind);
        // JSON is YAML.
        let conf = folder.write("sidecar.yaml", &conf.to_string());
        let mut sidecar = Self {
            node,
            daemon: None,
            conf,
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            folder,
            rights,
        };
        sidecar.run();
        sidecar
    }

    /// Its node.
    pub fn node(&self) -> &'a Node {
        self.node
    }

    /// Starts it again, after [`Self::stop`] or [`Self::kill`].
    pub fn run(&mut self) {
        assert!(self.daemon.is_none(), "it runs");
        let log = self.folder.log("bgp-sidecar");
        self.daemon = Some(self.command(&[]).serve(&log));
    }

    /// SIGTERM, and waits for its end: it means to come back.
    pub fn stop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.signal(Signal::SIGTERM);
            self.ends(&mut daemon);
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.daemon = None;
    }

    /// Leaves for good: the order beside the running daemon, which then ends.
    pub fn withdraw(&mut self) {
        self.order(&["--withdraw"]).ok_only();
        if let Some(mut daemon) = self.daemon.take() {
            self.ends(&mut daemon);
        }
    }

    /// Another order to the program, with its configuration.
    pub fn order(&self, words: &[&str]) -> Answer {
        self.command(words).run()
    }

    /// A signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(daemon) = &self.daemon {
            daemon.signal(signal);
        }
    }

    /// Its process number.
    pub fn pid(&self) -> i32 {
        let pid = self.daemon.as_ref().map(Daemon::pid);
        pid.unwrap_or_else(|| panic!("it does not run"))
    }

    /// Fails if it has ended by itself.
    pub fn must_live(&mut self) {
        let ended = self.daemon.as_mut().and_then(Daemon::ended);
        assert!(
            ended.is_none(),
            "bgp-sidecar on {} ended: {ended:?}",
            self.node.name
        );
    }

    /// KiB of memory that it has at the moment.
    pub fn resident(&self) -> u64 {
        let resident = self.daemon.as_ref().and_then(Daemon::resident);
        resident.unwrap_or_else(|| panic!("bgp-sidecar on {} does not run", self.node.name))
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.daemon.as_mut().and_then(Daemon::ended).is_some()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.folder.told()
    }

    fn ends(&self, daemon: &mut Daemon) {
        let what = format!("bgp-sidecar on {} ends", self.node.name);
        eventually(&what, || daemon.ended());
    }

    fn command(&self, words: &[&str]) -> Cmd {
        let program = require::dist("bgp-sidecar");
        let command = match &self.rights {
            None => Cmd::new(program),
            Some(rights) => Cmd::new(require::tool("setpriv"))
                .args(["--no-new-privs", "--bounding-set", rights])
                .args([program]),
        };
        let set = |command: Cmd, (name, value): &(String, String)| command.env(name, value);
        self.variables
            .iter()
            .fold(command.no_env(), set)
            .args(["--config"])
            .args([&self.conf])
            .args(words)
            .within(self.node.netns())
    }

    /// Its routes in the kernel, of both families.
    pub fn routes(&self) -> Vec<KernelRoute> {
        kernel_routes(self.node)
    }

    /// Its route to a destination with a metric.
    pub fn route(&self, destination: &str, metric: u64) -> Option<KernelRoute> {
        let is_it = |route: &KernelRoute| route.destination == bare(destination) && route.metric == metric;
        self.routes().into_iter().find(is_it)
    }

    /// Waits for a learned route by these next hops.
    pub fn installs(&self, destination: &str, gateways: &[&str]) -> KernelRoute {
        let what = format!("{} has {destination} via {gateways:?}", self.node.name);
        eventually(&what, || {
            let route = self.route(destination, LEARNED)?;
            (route.gateways == gateways).then_some(route)
        })
    }

    /// Waits for the blackhole of a block.
    pub fn discards(&self, block: &str) {
        let what = format!("{} has blackhole {block}", self.node.name);
        eventually(&what, || {
            let route = self.route(block, BLACKHOLE)?;
            (route.kind == "blackhole").then_some(())
        });
    }

    /// Waits until it has no route of its to a destination.
    pub fn forgets(&self, destination: &str) {
        let what = format!("{} has no route to {destination}", self.node.name);
        eventually(&what, || {
            let routes = self.routes();
            let none = routes.iter().all(|route| route.destination != bare(destination));
            none.then_some(())
        });
    }
}

/// The daemon's routes on a node, whether it runs or not.
pub fn kernel_routes(node: &Node) -> Vec<KernelRoute> {
    let mut routes: Vec<_> = ["-4", "-6"]
        .iter()
        .flat_map(|family| {
            node.netns()
                .ip_json(&format!("{family} route show proto {PROTOCOL}"))
        })
        .map(|route| kernel_route(&route))
        .collect();
    routes.sort();
    routes
}

fn kernel_route(route: &Value) -> KernelRoute {
    let hops = route["nexthops"].as_array().into_iter().flatten();
    let mut gateways: Vec<_> = std::iter::once(route)
        .chain(hops)
        .map(|hop| text(hop, "/gateway").to_owned())
        .filter(|gateway| !gateway.is_empty())
        .collect();
    gateways.sort();
    let kind = match text(route, "/type") {
        "" => "unicast",
        kind => kind,
    };
    KernelRoute {
        destination: bare(text(route, "/dst")).to_owned(),
        kind: kind.to_owned(),
        gateways,
        metric: route["metric"].as_u64().unwrap_or_default(),
    }
}

/// Without the length of a single address.
fn bare(destination: &str) -> &str {
    let single = if destination.contains(':') { "/128" } else { "/32" };
    destination.strip_suffix(single).unwrap_or(destination)
}

/// A file of the repository below `conf/`, its text.
pub fn shipped(path: &str) -> String {
    let path = require::file(&format!("conf/{path}"));
    read(&path)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
