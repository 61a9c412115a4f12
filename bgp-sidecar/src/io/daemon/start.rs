//! The way to the first picture: the lock, the kernel, the datastore or what is left of it, the node's own record.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shared::log::Log;
use shared::store::config::Dirs;
use shared::txn::Revision;

use super::debts::Debts;
use super::heart::Heart;
use super::labels::Labels;
use super::mender::Mender;
use super::pools::Counter;
use super::register::Entry;
use super::signals::Signals;
use super::words::{Secrets, log, secret};
use super::{Daemon, answers, past};
use crate::cluster::{Cluster, Data};
use crate::io::calls::Calls;
use crate::io::datastore::{Datastore, Update};
use crate::io::kernel::{Kernel, Seen};
use crate::io::life::{self, Identity, Lock, Missed};
use crate::io::snapshot::{Keeper, Name, Saved};
use crate::io::tcp::Net;
use crate::origin::Verdict;
use crate::settings::{ImportPolicy, LogLevel, Settings};
use crate::speaker::{Event, Speaker, Start};

/// What a datastore may take at the start before the snapshot is used.
const PATIENCE: Duration = Duration::from_secs(5);

/// The plugins go by the file.
fn name_node(settings: &Settings, node: &str, log: &Log) {
    if let Err(error) = life::write_node_name(&settings.nodename_file, node) {
        log.warning(
            "the node's name cannot be kept for the plugins",
            &[("error", &error)],
        );
    }
}

/// The snapshot, where there is one that can be used.
fn load(name: &Name, log: &Log) -> Option<Saved> {
    name.load().unwrap_or_else(|error| {
        log.warning("the snapshot cannot be used", &[("error", &error)]);
        None
    })
}

/// What is open before the kernel is. Where the rest fails, the lock goes after what it guards.
struct Opened {
    keeper: Keeper,
    datastore: Datastore,
    identity: Identity,
    lock: Lock,
    log: Log,
    node: String,
}

/// The daemon, from its start to its end.
pub(in crate::io) async fn run(settings: Settings, warnings: &[String]) -> Result<(), String> {
    let named = life::node_name(&settings)?;
    let node = named.name;
    let log = log(&settings, &node, settings.log_level.unwrap_or(LogLevel::Info));
    for warning in warnings {
        log.warning(warning, &[]);
    }
    let lock = life::lock(&settings.run_dir, &node)?;
    let identity = Identity::read(&settings)?;
    let (datastore, odd) = Datastore::open(&settings, &node)?;
    odd.iter().for_each(|text| log.warning(text, &[]));
    name_node(&settings, &node, &log);
    let name = Name::new(&settings.state_dir, &node, &datastore.store().identity());
    let kept = load(&name, &log);
    let keeper = Keeper::start(name).map_err(|error| format!("snapshot: {error}"))?;
    let opened = Opened {
        keeper,
        datastore,
        identity,
        lock,
        log,
        node,
    };
    let before = kept.as_ref().map_or(Revision(0), |kept| kept.revision);
    let mut daemon = Daemon::open(settings, opened, before).await?;
    daemon.begin(kept).await?;
    let ended = daemon.serve().await;
    daemon.finish().await;
    daemon.end(ended?).await;
    Ok(())
}

impl Daemon {
    /// Opens the rest, and starts what runs beside the loop. `before`: the snapshot's revision.
    async fn open(settings: Settings, opened: Opened, before: Revision) -> Result<Self, String> {
        Ok(Self {
            cluster: Cluster::new(&opened.node),
            picture: None,
            past: past::Past::new(before),
            net: Net::new(),
            kernel: Kernel::open().await?,
            counter: Counter::start(opened.identity.clone(), &opened.datastore),
            heart: Heart::start(&opened.node, opened.identity, &opened.datastore),
            debts: Debts::start(&settings, &opened.node, &opened.datastore),
            mender: Mender::start(&settings, &opened.node, &opened.datastore),
            calls: Calls::open(dirs(&settings)),
            labels: Labels::start(&settings, &opened.node, &opened.datastore),
            signals: Signals::new()?,
            timers: super::Timers::default(),
            stuck: super::Stuck::default(),
            again: super::Again::default(),
            noted: 0,
            strangers: 0,
            http: answers::open(&settings, &opened.log),
            facts: answers::facts(&opened.node),
            passwords: super::Passwords::default(),
            deaf: None,
            blind: false,
            backlog: super::Backlog::default(),
            draining: false,
            ready: false,
            entry: Entry::default(),
            rebooted: false,
            _lock: opened.lock,
            datastore: opened.datastore,
            keeper: opened.keeper,
            speaker: speaker(&settings, &opened.node),
            log: opened.log,
            node: opened.node,
            settings,
        })
    }

    /// The kernel first, so that nothing that is there is lost; then the datastore, or the last of it.
    async fn begin(&mut self, kept: Option<Saved>) -> Result<(), String> {
        let seen = self.kernel.look().await?;
        let facts = seen.clone();
        self.step(Event::Kernel(seen.table, seen.ours)).await;
        let first = tokio::time::timeout(PATIENCE, self.datastore.next()).await;
        if let Ok(Update::Data(..)) = &first {
            self.be_alone().await?;
        }
        let (data, revision) = match (first, kept) {
            (Ok(Update::Data(data, revision)), None) => (data, revision),
            (Ok(Update::Data(data, revision)), Some(kept)) => match self.judge(&kept.data, &data, revision) {
                Verdict::Accept => (data, revision),
                Verdict::Refuse(why) => {
                    self.log.error(&why, &[]);
                    self.take(&kept.data).await;
                    return Ok(());
                }
            },
            (Ok(Update::Away(why)), Some(kept)) => return self.go_on(kept, &why).await,
            (Err(_), Some(kept)) => return self.go_on(kept, "no answer").await,
            (Ok(Update::Away(why)), None) => return self.wait(facts, &why).await,
            (Err(_), None) => return self.wait(facts, "no answer").await,
        };
        self.enter(&facts, (data, revision)).await
    }

    /// Nothing is written and nobody is spoken to before it is known whether another machine speaks for this node.
    async fn be_alone(&mut self) -> Result<(), String> {
        let answer = async {
            loop {
                match self.heart.beat().await {
                    // The next one may know.
                    Some(Missed::Away(_)) => {}
                    known => return known,
                }
            }
        };
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Some(Missed::Refused(why))) => return Err(why),
            Ok(Some(Missed::Waiting(why))) => self.waits(&why),
            // A datastore that takes no lease: a refusal comes when it does.
            Ok(None | Some(Missed::Away(_))) | Err(_) => {}
        }
        Ok(())
    }

    /// The first picture of a datastore that answers: with this node's own record in it.
    async fn enter(&mut self, facts: &Seen, first: (Arc<Data>, Revision)) -> Result<(), String> {
        /// What our own write takes to come back.
        const ECHO: Duration = Duration::from_secs(2);
        let written = self.register(facts, &first.0).await?;
        let echo = match written {
            true => tokio::time::timeout(ECHO, self.datastore.next()).await.ok(),
            false => None,
        };
        let (data, revision) = match echo {
            Some(Update::Data(data, revision)) => (data, revision),
            Some(Update::Away(_)) | None => first,
        };
        self.heard(true);
        self.take(&data).await;
        self.stored(&data);
        self.keep(data, revision);
        Ok(())
    }

    /// A first start without a datastore: nothing can be known before it answers.
    async fn wait(&mut self, facts: Seen, why: &str) -> Result<(), String> {
        let text = "the datastore does not answer, and there is no snapshot: waiting for it";
        self.log.warning(text, &[("error", why)]);
        loop {
            if let Update::Data(data, revision) = self.datastore.next().await {
                self.be_alone().await?;
                return self.enter(&facts, (data, revision)).await;
            }
        }
    }

    async fn go_on(&mut self, kept: Saved, why: &str) -> Result<(), String> {
        let time = kept.time.to_string();
        self.log.warning(
            "the datastore does not answer: going on from the snapshot",
            &[("error", why), ("of", &time)],
        );
        self.heard(false);
        self.take(&kept.data).await;
        Ok(())
    }

    pub(super) fn keep(&mut self, data: Arc<Data>, revision: Revision) {
        self.past = past::Past::new(revision);
        self.keeper.save(Saved {
            guid: self.picture.as_ref().and_then(|picture| picture.guid.clone()),
            revision,
            time: now(),
            data,
        });
    }
}

/// What passwords refer to, from files `<dir>/<name>/<key>`; one that cannot be read is missing.
pub(super) fn secrets(dir: &Path, wanted: &std::collections::BTreeSet<(String, String)>) -> Secrets {
    let read = |(name, key): &(String, String)| {
        let value = secret(&dir.join(name).join(key))?;
        Some(((name.clone(), key.clone()), value))
    };
    wanted.iter().filter_map(read).collect()
}

/// This node's directories.
pub(super) fn dirs(settings: &Settings) -> Dirs {
    Dirs {
        state: settings.state_dir.clone(),
        run: settings.run_dir.clone(),
    }
}

fn speaker(settings: &Settings, node: &str) -> Speaker {
    Speaker::new(Start {
        seed: seed(node),
        import_all: settings.import_policy == ImportPolicy::All,
        exception_routes: settings.exception_routes,
    })
}

/// Of the node's name (FNV-1a).
fn seed(node: &str) -> u64 {
    node.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[expect(clippy::disallowed_methods, reason = "edge: the clock")]
pub(super) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
