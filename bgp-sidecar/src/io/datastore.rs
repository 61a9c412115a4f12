//! Edge: what the datastore says, now and whenever it changes. Nothing is lost while it is away: the last data stays.
//!
//! ```text
//! open ──► list (one revision) ──► watch after it ──► a change at once, many 100 ms together ──► Update::Data
//!            ▲                       │ compacted, ended: list anew; only the outcome counts
//!            └── pause, up to 5 s ◄──┴ no answer: Update::Away, once
//! ```
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use shared::store::config::{self, Choice, Dirs};
use shared::store::embedded::Embedded;
use shared::store::open::{self, Store};
use shared::store::{self, StoreError};
use shared::txn::Revision;
use tokio::sync::Notify;

use crate::cluster::Data;
use crate::settings::Settings;

mod worker;

use worker::{Link, Opener, Worker};

/// etcd says nothing for so long: look whether it is there.
const SILENCE: Duration = Duration::from_secs(30);

/// What [`Datastore::next`] delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Update {
    /// Everything in scope, as it is at this revision or a later one.
    Data(Arc<Data>, Revision),
    /// It does not answer, and this is why; said once. The last data goes on counting.
    Away(String),
}

type Running<D> = Pin<Box<dyn Future<Output = (Worker<D>, Update)>>>;

/// The datastore as this node sees it.
pub(crate) struct Datastore<D: store::Datastore = Store> {
    running: Running<D>,
    link: Rc<Link<D>>,
}

impl Datastore {
    /// The store that the settings name; nothing is dialled. With what is odd about the settings.
    pub(crate) fn open(settings: &Settings, node: &str) -> Result<(Self, Vec<String>), String> {
        let (choice, warnings) = choose(settings)?;
        Ok((Self::opened(choice, node)?, warnings))
    }

    /// The same for a look, which makes nothing: no store, and no mark that this node uses etcd.
    pub(crate) fn look(settings: &Settings, node: &str) -> Result<(Self, Vec<String>), String> {
        let (mut choice, warnings) = choose(settings)?;
        let there = open::is_there(&choice);
        match &mut choice {
            Choice::Etcd(config) => config.marker = None,
            Choice::Embedded(_) if there => {}
            Choice::Embedded(config) => {
                let path = config.path.display();
                return Err(format!(
                    "there is no embedded store in {path} yet: the first start makes it"
                ));
            }
        }
        Ok((Self::opened(choice, node)?, warnings))
    }

    fn opened(choice: Choice, node: &str) -> Result<Self, String> {
        let first = open::open(&choice, Duration::MAX).map_err(|error| error.to_string())?;
        let (opener, silence): (Opener<Store>, _) = match first {
            Store::Embedded(one) => (embedded(one), None),
            // Anew means new certificates, too.
            Store::Etcd(_) => {
                let opener = move || open::open(&choice, Duration::MAX);
                (Box::new(opener), Some(SILENCE))
            }
        };
        Self::of(opener, node, silence).map_err(|error| error.to_string())
    }
}

impl<D: store::Datastore + 'static> Datastore<D> {
    /// Opened so, now and after each failure. `silence`: after that long without an event the watch is renewed.
    pub(crate) fn of(opener: Opener<D>, node: &str, silence: Option<Duration>) -> Result<Self, StoreError> {
        let link = Rc::new(Link {
            store: RefCell::new(Rc::new(opener()?)),
            anew: Notify::new(),
        });
        let worker = Worker::new(opener, Rc::clone(&link), node, silence);
        Ok(Self {
            running: Box::pin(worker.next()),
            link,
        })
    }

    /// What is new. May be dropped while it waits: nothing is lost.
    pub(crate) async fn next(&mut self) -> Update {
        let (worker, update) = (&mut self.running).await;
        self.running = Box::pin(worker.next());
        update
    }

    /// For reads and Txns of others; ask anew each time.
    pub(crate) fn store(&self) -> Rc<D> {
        Rc::clone(&self.link.store.borrow())
    }

    /// Opens the store anew, with the certificates that there are now.
    pub(crate) fn renew(&self) {
        self.link.anew.notify_one();
    }
}

impl<D: store::Datastore + 'static> Datastore<D> {
    /// For a task of its own: the store as it is at that moment, [`Datastore::store`] each time.
    pub(crate) fn current(&self) -> impl Fn() -> Rc<D> + use<D> {
        let link = Rc::clone(&self.link);
        move || Rc::clone(&link.store.borrow())
    }
}

/// A process opens its files once: of others in their place it can only say that they are there.
fn embedded(store: Embedded) -> Opener<Store> {
    let file = PathBuf::from(store.identity()).join("data.mdb");
    let inode = |file: &PathBuf| file.metadata().ok().map(|there| there.ino());
    let opened = inode(&file);
    Box::new(move || match inode(&file) == opened {
        true => Ok(Store::Embedded(store.clone())),
        false => Err(StoreError::Config(format!(
            "{} was replaced or removed: restart the sidecar",
            file.display()
        ))),
    })
}

/// Which store, as the plugins choose it.
pub(crate) fn choose(settings: &Settings) -> Result<(Choice, Vec<String>), String> {
    let dirs = Dirs {
        state: settings.state_dir.clone(),
        run: settings.run_dir.clone(),
    };
    let environment = BTreeMap::new();
    let chosen = config::choose(&settings.netconf, &environment, open::used_etcd(&dirs));
    let (choice, warnings) = chosen.map_err(|error| error.to_string())?;
    Ok((choice, warnings.iter().map(ToString::to_string).collect()))
}

#[cfg(test)]
pub(super) mod etcd;
#[cfg(test)]
mod tests;
