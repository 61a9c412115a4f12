//! Host routes of this node's pods, put back beside the loop: when an interface came up or somebody deleted one, at the start,
//! and at every audit.
//!
//! The interface's lock is held while a route is put, and nobody waits for it here: a call of `cni-net` is at work there
//! then, and knows better.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use shared::kernel::{Kernel, KernelError};
use shared::log::Log;
use shared::op::{Op, Side as Namespace};
use shared::state::attachment::{self, Attachment, Side};
use shared::state::lock;
use shared::store::Datastore as _;
use shared::store::config::Dirs;
use shared::store::open::Store;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::start::dirs;
use super::words::log;
use crate::cluster::Data;
use crate::endpoints::{self, Plan, Witness};
use crate::io::datastore::Datastore;
use crate::settings::{LogLevel, Settings};

/// How long the datastore may take to say whose an interface is.
const PATIENCE: Duration = Duration::from_secs(2);
/// Until what could not be done is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// The task; gone with its value.
pub(super) struct Mender {
    task: JoinHandle<()>,
    asked: Rc<Asked>,
}

/// What the loop tells the task.
#[derive(Default)]
struct Asked {
    /// Interfaces to look at.
    interfaces: RefCell<BTreeSet<String>>,
    /// All of them.
    all: Cell<bool>,
    wake: Notify,
    /// The last data of the datastore.
    data: RefCell<Arc<Data>>,
    /// Routes put back so far.
    mended: Cell<u64>,
    level: Cell<Option<LogLevel>>,
}

impl Mender {
    /// Begins when it is told to.
    pub(super) fn start(settings: &Settings, node: &str, datastore: &Datastore) -> Self {
        let asked = Rc::new(Asked::default());
        let work = Work {
            dirs: dirs(settings),
            node: node.to_owned(),
            settings: settings.clone(),
            asked: Rc::clone(&asked),
            told: BTreeSet::new(),
        };
        let task = tokio::task::spawn_local(work.serve(datastore.current()));
        Self { task, asked }
    }

    /// Looks at these interfaces.
    pub(super) fn look(&self, interfaces: Vec<String>) {
        if !interfaces.is_empty() {
            self.asked.interfaces.borrow_mut().extend(interfaces);
            self.asked.wake.notify_one();
        }
    }

    /// Looks at every interface.
    pub(super) fn look_at_all(&self) {
        self.asked.all.set(true);
        self.asked.wake.notify_one();
    }

    /// What the datastore says now.
    pub(super) fn data(&self, data: &Arc<Data>) {
        self.asked.data.replace(Arc::clone(data));
    }

    /// How much is told from now on.
    pub(super) fn level(&self, level: LogLevel) {
        self.asked.level.set(Some(level));
    }

    /// Routes put back so far.
    pub(super) fn mended(&self) -> u64 {
        self.asked.mended.get()
    }
}

impl Drop for Mender {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What became of one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looked {
    /// Nothing is left to do.
    Done,
    /// A call is at work there, or the kernel was not asked: soon again.
    Again,
}

struct Work {
    dirs: Dirs,
    node: String,
    settings: Settings,
    asked: Rc<Asked>,
    /// Addresses that somebody else holds, each told once.
    told: BTreeSet<(IpAddr, String)>,
}

impl Work {
    async fn serve(mut self, store: impl Fn() -> Rc<Store>) {
        loop {
            self.asked.wake.notified().await;
            let mut interfaces = std::mem::take(&mut *self.asked.interfaces.borrow_mut());
            if self.asked.all.take() {
                interfaces.extend(self.claimed());
            }
            let mut again = Vec::new();
            for interface in interfaces {
                if self.interface(&store(), &interface).await == Looked::Again {
                    again.push(interface);
                }
            }
            if !again.is_empty() {
                let asked = Rc::clone(&self.asked);
                asked.interfaces.borrow_mut().extend(again);
                tokio::task::spawn_local(async move {
                    tokio::time::sleep(AGAIN).await;
                    asked.wake.notify_one();
                });
            }
        }
    }

    /// Every interface that a file of this node names.
    fn claimed(&self) -> BTreeSet<String> {
        let files = endpoints::routed(attachment::everything(&self.dirs, Side::Net), &self.node);
        files.into_iter().filter_map(|file| file.host_interface).collect()
    }

    fn files(&self, interface: &str) -> Vec<Attachment> {
        let files = attachment::claims(&self.dirs, Side::Net, &self.node, interface);
        endpoints::routed(files, &self.node)
    }

    async fn interface(&mut self, store: &Store, interface: &str) -> Looked {
        let files = self.files(interface);
        if files.is_empty() {
            return Looked::Done;
        }
        let kernel = match Kernel::open(None) {
            Ok(kernel) => kernel,
            Err(error) => return self.failed(interface, &error),
        };
        // Most often nothing is missing, and the datastore need not be asked.
        let all: Vec<IpAddr> = files.iter().flat_map(|file| file.addresses.clone()).collect();
        match look(&kernel, interface, &all).await {
            Ok(plan) if plan == Plan::default() => return Looked::Done,
            Ok(_) => {}
            Err(error) => return self.failed(interface, &error),
        }
        let due = self.due(store, &files, interface).await;
        if due.is_empty() {
            return Looked::Done;
        }
        let words = ["host interface", self.node.as_str(), interface];
        let Ok(Some(turn)) = lock::attachment_if_free(&self.dirs, Side::Net, words) else {
            return Looked::Again;
        };
        let still = self.files(interface) == files;
        let looked = match look(&kernel, interface, &due).await {
            Ok(plan) if still => self.mend(&kernel, interface, plan).await,
            Ok(_) => Looked::Again,
            Err(error) => self.failed(interface, &error),
        };
        if self.files(interface).is_empty() {
            turn.retire();
        }
        looked
    }

    async fn due(&self, store: &Store, files: &[Attachment], interface: &str) -> Vec<IpAddr> {
        let reads = endpoints::reads(files);
        let read = tokio::time::timeout(PATIENCE, store.read(&reads)).await;
        match read {
            Ok(Ok(snapshot)) => endpoints::due(files, interface, Witness::Records(&snapshot)),
            Ok(Err(_)) | Err(_) => {
                let data = Arc::clone(&self.asked.data.borrow());
                endpoints::due(files, interface, Witness::Last(&data))
            }
        }
    }

    async fn mend(&mut self, kernel: &Kernel, interface: &str, plan: Plan) -> Looked {
        let log = self.log();
        for (address, holder) in plan.held {
            if self.told.insert((address, holder.clone())) {
                let text = "another holds the route of a pod of this node; nothing is done about it";
                let address = address.to_string();
                let fields = [
                    ("address", address.as_str()),
                    ("interface", interface),
                    ("holder", &holder),
                ];
                log.warning(text, &fields);
            }
        }
        for op in &plan.ops {
            if let Err(error) = kernel.apply(op).await {
                return self.failed(interface, &error);
            }
            self.asked.mended.set(self.asked.mended.get() + 1);
            let route = if let Op::AddRoute { route, .. } = op {
                route.destination.to_string()
            } else {
                op.to_string()
            };
            let text = "the route to a pod was gone, and is back";
            log.warning(text, &[("route", &route), ("interface", interface)]);
        }
        Looked::Done
    }

    /// An interface that is going away takes its routes along; anything else is tried at the next audit.
    fn failed(&self, interface: &str, error: &KernelError) -> Looked {
        let error = error.to_string();
        let text = "the route to a pod cannot be looked after";
        self.log()
            .debug(text, &[("interface", interface), ("error", &error)]);
        Looked::Done
    }

    fn log(&self) -> Log {
        let level = self.asked.level.get().or(self.settings.log_level);
        log(&self.settings, &self.node, level.unwrap_or(LogLevel::Info))
    }
}

/// What an interface lacks of these addresses' routes.
async fn look(kernel: &Kernel, interface: &str, addresses: &[IpAddr]) -> Result<Plan, KernelError> {
    let Some(link) = kernel.link(Namespace::Host, interface).await? else {
        return Ok(Plan::default());
    };
    let mut paths = BTreeMap::new();
    for address in addresses {
        paths.insert(*address, kernel.path(*address).await?);
    }
    Ok(endpoints::plan(&link, addresses, &paths))
}
