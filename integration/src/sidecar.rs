//! Edge: our daemon on a node, known by its configuration, its signals and what the kernel has of it.

mod routes;
mod upgrade;

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::fabric::{Folder, Speaks};
use crate::lab::Lab;
use crate::node::Node;
use crate::process::{Answer, Cmd};
use crate::require;
use crate::wait::eventually;

use routes::bare;
pub use routes::{KernelRoute, kernel_routes};

/// The protocol number of its routes.
pub const PROTOCOL: &str = "77";
/// Metric of the way to a peer behind a gateway.
pub const WAY: u64 = 1536;
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
    program: PathBuf,
    conf: PathBuf,
    folder: Folder,
    around: Around,
    /// The capabilities it has of root's, in setpriv's words; all of them without.
    rights: Option<String>,
}

/// What a sidecar finds around it.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// Its environment.
    pub env: Vec<(String, String)>,
    /// Files that it sees in the place of others.
    pub files: Vec<(PathBuf, PathBuf)>,
}

impl Around {
    /// With these variables.
    pub fn variables(pairs: &[(&str, &str)]) -> Self {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            env: pairs.iter().map(pair).collect(),
            ..Self::default()
        }
    }
}

impl<'a> Sidecar<'a> {
    /// Starts it on a node with `more` in its configuration. It is not ready yet: what it does is waited for.
    pub fn start(lab: &Lab, node: &'a Node, more: &Value) -> Self {
        Self::start_in(lab, node, more, &Around::default())
    }

    /// One that does not run yet: [`Self::run`].
    pub fn idle(lab: &Lab, node: &'a Node, more: &Value) -> Self {
        Self::made(lab, node, more, (&Around::default(), None))
    }

    /// The same with variables.
    pub fn start_with(lab: &Lab, node: &'a Node, more: &Value, variables: &[(&str, &str)]) -> Self {
        Self::start_in(lab, node, more, &Around::variables(variables))
    }

    /// The same with something around it.
    pub fn start_in(lab: &Lab, node: &'a Node, more: &Value, around: &Around) -> Self {
        let mut sidecar = Self::made(lab, node, more, (around, None));
        sidecar.run();
        sidecar
    }

    /// The same, with these capabilities only (`-all,+net_admin`) and no way to more.
    pub fn confined(lab: &Lab, node: &'a Node, more: &Value, rights: &str) -> Self {
        let mut sidecar = Self::made(lab, node, more, (&Around::default(), Some(rights.to_owned())));
        sidecar.run();
        sidecar
    }

    fn made(lab: &Lab, node: &'a Node, more: &Value, (around, rights): (&Around, Option<String>)) -> Self {
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
        let store = lab.datastore_of_sidecar(node);
        let fields = [&store, more].into_iter().filter_map(Value::as_object);
        for (field, value) in fields.flatten() {
            conf[field] = value.clone();
        }
        eprintln!("{}: {conf} on {:?}", node.name, lab.kind);
        // JSON is YAML.
        let conf = folder.write("sidecar.yaml", &conf.to_string());
        Self {
            node,
            daemon: None,
            program: require::dist("bgp-sidecar"),
            conf,
            folder,
            around: around.clone(),
            rights,
        }
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

    /// SIGSTOP (true) or SIGCONT (false).
    pub fn freeze(&self, frozen: bool) {
        self.daemon.iter().for_each(|daemon| daemon.freeze(frozen));
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
        let program = &self.program;
        let command = match &self.rights {
            None => Cmd::new(program),
            Some(rights) => Cmd::new(require::tool("setpriv"))
                .args(["--no-new-privs", "--bounding-set", rights])
                .args([program]),
        };
        let mut command = command
            .no_env()
            .args(["--config"])
            .args([&self.conf])
            .args(words)
            .within(self.node.netns());
        for (name, value) in &self.around.env {
            command = command.env(name, value);
        }
        for (place, file) in &self.around.files {
            command = command.sees(place, file);
        }
        command
    }

    /// Waits until it has ended by itself, with a failure; what it said.
    pub fn refuses(&mut self) -> String {
        let what = format!("bgp-sidecar on {} ends by itself", self.node.name);
        let status = eventually(&what, || self.daemon.as_mut().and_then(Daemon::ended));
        assert!(!status.success(), "{status}: {}", self.log());
        self.daemon = None;
        self.log()
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
        let _speaks = Speaks(|| self.node.netns().try_ip("route").told());
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

/// A file of the repository below `conf/`, its text.
pub fn shipped(path: &str) -> String {
    let path = require::file(&format!("conf/{path}"));
    read(&path)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
