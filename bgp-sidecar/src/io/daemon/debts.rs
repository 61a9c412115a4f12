//! What the plugins of this node owe to the datastore, carried out beside the loop: after the start, when the datastore
//! comes back, and at once when a plugin leaves a new file (inotify).
#![expect(clippy::disallowed_methods, reason = "edge: the clock")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use shared::gate;
use shared::inotify::{AddWatchFlags, Notices};
use shared::log::Log;
use shared::owed::Payer;
use shared::state::attachment::Side;
use shared::state::spool;
use shared::store::config::Dirs;
use shared::store::open::Store;
use shared::store::{Datastore as _, StoreError};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::start::dirs;
use super::words::log;
use crate::io::datastore::Datastore;
use crate::settings::{LogLevel, Settings};
use crate::shown::Spool;

/// What of one plugin is paid at a time.
const MOST: usize = 100;
/// A payment that takes longer is given up, and begun anew: the datastore is about to be found missing.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause after a payment that left something to be paid: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// The task; gone with its value.
pub(super) struct Debts {
    task: JoinHandle<()>,
    known: Rc<RefCell<Spool>>,
    again: Rc<Notify>,
    level: Rc<Cell<LogLevel>>,
}

impl Debts {
    /// Begins at once.
    pub(super) fn start(settings: &Settings, node: &str, datastore: &Datastore) -> Self {
        let debtor = Debtor {
            dirs: dirs(settings),
            node: node.to_owned(),
            settings: settings.clone(),
            known: Rc::default(),
            again: Rc::default(),
            level: Rc::new(Cell::new(settings.log_level.unwrap_or(LogLevel::Info))),
            told: BTreeSet::new(),
        };
        let (known, again) = (Rc::clone(&debtor.known), Rc::clone(&debtor.again));
        let level = Rc::clone(&debtor.level);
        let task = tokio::task::spawn_local(debtor.serve(datastore.current()));
        Self {
            task,
            known,
            again,
            level,
        }
    }

    /// What is owed now.
    pub(super) fn known(&self) -> Spool {
        self.known.borrow().clone()
    }

    /// The datastore is back.
    pub(super) fn again(&self) {
        self.again.notify_one();
    }

    /// How much is told from now on.
    pub(super) fn level(&self, level: LogLevel) {
        self.level.set(level);
    }
}

impl Drop for Debts {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether another payment will help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Nothing is owed to this cluster.
    Nothing,
    /// Something is: the datastore does not answer, or a call about the container is running.
    Something,
}

struct Debtor {
    dirs: Dirs,
    node: String,
    settings: Settings,
    known: Rc<RefCell<Spool>>,
    again: Rc<Notify>,
    level: Rc<Cell<LogLevel>>,
    /// Files of other clusters, each told once.
    told: BTreeSet<String>,
}

impl Debtor {
    async fn serve(mut self, store: impl Fn() -> std::rc::Rc<Store>) {
        let mut folder = None;
        let mut pause = PAUSES.0;
        loop {
            if folder.is_none() {
                folder = self.listen();
            }
            let left = self.pay(&store()).await;
            let wait = match left {
                Left::Nothing => self.settings.audit,
                Left::Something => pause,
            };
            pause = match left {
                Left::Nothing => PAUSES.0,
                Left::Something => (pause * 2).min(PAUSES.1),
            };
            tokio::select! {
                () = self.again.notified() => pause = PAUSES.0,
                gone = heard(folder.as_ref()) => {
                    if gone {
                        folder = None;
                    }
                    pause = PAUSES.0;
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Hears of files from now on; the directory is made for that. Without it the audit finds them.
    fn listen(&self) -> Option<Notices> {
        let wanted = AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ONLYDIR
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF;
        let listen = || {
            let folder = spool::make(&self.dirs).map_err(|error| error.to_string())?;
            let told = |error| format!("inotify on {}: {error}", folder.display());
            let notices = Notices::open().map_err(told)?;
            notices.watch(&folder, wanted).map_err(told)?;
            Ok::<_, String>(notices)
        };
        match listen() {
            Ok(notices) => Some(notices),
            Err(error) => {
                let text = "the spool cannot be watched: new files are found later";
                self.log().warning(text, &[("error", &error)]);
                None
            }
        }
    }

    fn log(&self) -> Log {
        log(&self.settings, &self.node, self.level.get())
    }

    /// Everything that is owed to this cluster, as far as it goes.
    async fn pay(&mut self, store: &Store) -> Left {
        let depth = self.count();
        if depth == 0 {
            self.known.borrow_mut().foreign.clear();
            return Left::Nothing;
        }
        let paid = tokio::time::timeout(PATIENCE, self.pay_all(store)).await;
        let left = match paid {
            Ok(Ok(left)) => left,
            Ok(Err(_)) | Err(_) => Left::Something,
        };
        self.count();
        left
    }

    fn count(&self) -> usize {
        let depth = spool::depth(&self.dirs);
        self.known.borrow_mut().depth = u64::try_from(depth).unwrap_or(u64::MAX);
        depth
    }

    async fn pay_all(&mut self, store: &Store) -> Result<Left, StoreError> {
        let snapshot = store.read(&gate::readiness()).await?;
        // A datastore that has lost everything is no cluster that anything is owed to.
        let Some(cluster) = gate::cluster(&snapshot) else {
            return Ok(Left::Something);
        };
        let log = self.log();
        let payer = Payer {
            store,
            identity: store.identity(),
            node: &self.node,
            dirs: &self.dirs,
            log: &log,
            now: jiff::Timestamp::now(),
            host_lock: None,
        };
        let mut left = Left::Nothing;
        // Addresses last, as in DEL: a record never names an address that is another's.
        for side in [Side::Net, Side::Ipam] {
            payer.set_aside(side);
            loop {
                let settled = payer.settle(side, MOST).await?;
                self.known.borrow_mut().carried_out += u64::try_from(settled.paid).unwrap_or_default();
                if settled.kept > 0 || settled.away {
                    left = Left::Something;
                }
                if settled.paid == 0 || settled.away {
                    break;
                }
            }
        }
        let others = spool::owed_to_others(&self.dirs, (&payer.identity, Some(&cluster)));
        self.tell(&log, &others, &cluster);
        Ok(left)
    }

    /// What stays because it is another cluster's.
    fn tell(&mut self, log: &Log, others: &[spool::Spooled], here: &str) {
        let one = |spooled: &spool::Spooled| {
            let held = &spooled.owed.attachment;
            let whose = held.cluster.as_ref().unwrap_or(&held.id.store);
            (spooled.name(), whose.clone())
        };
        let others: Vec<(String, String)> = others.iter().map(one).collect();
        for (file, whose) in others.iter().filter(|(file, _)| !self.told.contains(file)) {
            let text = "owed to another cluster, and kept: remove the file if that one is gone for good";
            log.warning(text, &[("file", file), ("cluster", whose), ("here", here)]);
        }
        self.told = others.iter().map(|(file, _)| file.clone()).collect();
        let named = others.iter().map(|(file, whose)| format!("{file}: {whose}"));
        self.known.borrow_mut().foreign = named.collect();
    }
}

/// Waits for a file that comes or goes; whether the directory itself has gone.
async fn heard(folder: Option<&Notices>) -> bool {
    let Some(notices) = folder else {
        return std::future::pending().await;
    };
    let gone = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_IGNORED;
    match notices.next().await {
        Ok(events) => events.iter().any(|event| event.mask.intersects(gone)),
        Err(_) => true,
    }
}
