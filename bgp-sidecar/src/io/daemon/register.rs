//! This node's own record, and the first pools: what has to be found out for them, and their writing, tried until a
//! datastore that is believed has taken it.

use std::sync::Arc;
use std::time::Duration;

use shared::model::key::{Key, Plural};
use shared::store::{Datastore as Store, TransactError, transact};
use shared::txn::{Decision, Snapshot, Write};

use super::Daemon;
use super::start::now;
use crate::autodetect::{Facts, Question};
use crate::cluster::Data;
use crate::io::kernel::{Kernel, Seen};
use crate::io::{kubernetes, names};
use crate::register::{self, Registered, Request};
use crate::settings::Settings;
use crate::wire::Family;

/// What each answer may take: the datastore's, a name server's, the API server's.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a later try may take of the loop's time.
const MOMENT: Duration = Duration::from_secs(1);

/// This node's record, as far as this life of the daemon is concerned.
#[derive(Debug, Default)]
pub(super) enum Entry {
    /// Nothing that the datastore said was believed yet.
    #[default]
    Unknown,
    /// It could not be written; with what the datastore said last.
    Owed(Arc<Data>),
    Done,
}

impl Entry {
    /// What the datastore says, and is believed.
    pub(super) fn believe(&mut self, data: &Arc<Data>) {
        if !matches!(self, Self::Done) {
            *self = Self::Owed(Arc::clone(data));
        }
    }

    /// Whether it is to be written.
    pub(super) fn is_owed(&self) -> bool {
        matches!(self, Self::Owed(_))
    }
}

/// Why it was not written: what the node is told to be, or a datastore that may take it later.
enum Unwritten {
    Refused(String),
    Later(String),
}

/// Who registers, and where.
pub(super) struct Registrar<'a> {
    pub(super) settings: &'a Settings,
    pub(super) node: &'a str,
    pub(super) kernel: &'a Kernel,
}

/// What had to be found out.
pub(super) struct Found {
    ipv4: Facts,
    ipv6: Facts,
    uids: [String; 3],
}

impl Daemon {
    /// Whether anything had to be written. `data`: what the datastore says, which was judged to be believed.
    pub(super) async fn register(&mut self, seen: &Seen, data: &Arc<Data>) -> Result<bool, String> {
        self.entry = Entry::Owed(Arc::clone(data));
        let why = match self.written(seen, data).await {
            Ok(registered) => {
                self.entry = Entry::Done;
                return Ok(self.told(&registered));
            }
            Err(Unwritten::Refused(why)) => return Err(why),
            Err(Unwritten::Later(why)) => why,
        };
        let text = "this node could not be registered: tried again every few seconds";
        self.log.warning(text, &[("error", &why)]);
        Ok(false)
    }

    /// What could not be written. What would have been a reason not to start is none to end.
    pub(super) async fn register_again(&mut self) {
        let Entry::Owed(data) = &self.entry else { return };
        if self.facts.datastore.away {
            return;
        }
        let tried = async {
            // Of its own routes nothing is taken from this look: what waits for the kernel need not be there.
            let seen = self.kernel.look().await.map_err(Unwritten::Later)?;
            self.written(&seen, data).await
        };
        match tokio::time::timeout(MOMENT, tried).await {
            Ok(Ok(registered)) => {
                self.told(&registered);
                self.log.info("this node is registered", &[]);
            }
            Ok(Err(Unwritten::Refused(why))) => {
                self.log
                    .error("this node cannot be registered", &[("error", &why)]);
            }
            Ok(Err(Unwritten::Later(_))) | Err(_) => return,
        }
        self.entry = Entry::Done;
    }

    async fn written(&self, seen: &Seen, data: &Data) -> Result<Registered, Unwritten> {
        let registrar = Registrar {
            settings: &self.settings,
            node: &self.node,
            kernel: &self.kernel,
        };
        let found = registrar.find(seen, data).await;
        let request = registrar.request(&found);
        let store = self.datastore.store();
        let decide = |snapshot: &Snapshot| register::decide(snapshot, &request);
        let registered = transact(&*store, register::reads(), decide);
        match tokio::time::timeout(PATIENCE, registered).await {
            Ok(Ok(registered)) => Ok(registered),
            Ok(Err(TransactError::Decide(error))) => Err(Unwritten::Refused(error.to_string())),
            Ok(Err(TransactError::Store(error))) => Err(Unwritten::Later(error.to_string())),
            Err(_) => {
                let why = format!("the datastore has not answered within {} s", PATIENCE.as_secs());
                Err(Unwritten::Later(why))
            }
        }
    }

    fn told(&self, registered: &Registered) -> bool {
        for warning in &registered.warnings {
            self.log.warning(warning, &[]);
        }
        for what in &registered.written {
            self.log.info("written", &[("object", what)]);
        }
        !registered.written.is_empty()
    }
}

impl Registrar<'_> {
    /// What is asked of the kernel, a name server, the API server.
    pub(super) async fn find(&self, seen: &Seen, data: &Data) -> Found {
        let stored = data.get(&Key::resource(Plural::Nodes, self.node));
        let [ipv4, ipv6] = register::questions(&self.settings.identity, stored.map(|bytes| &**bytes));
        Found {
            ipv4: self.facts(seen, Family::Ipv4, ipv4).await,
            ipv6: self.facts(seen, Family::Ipv6, ipv6).await,
            uids: [uid(), uid(), uid()],
        }
    }

    pub(super) fn request<'a>(&'a self, found: &'a Found) -> Request<'a> {
        let settings = self.settings;
        Request {
            node: self.node,
            identity: &settings.identity,
            ipv4_facts: &found.ipv4,
            ipv6_facts: &found.ipv6,
            ipv4_pool: &settings.ipv4_pool,
            ipv6_pool: &settings.ipv6_pool,
            uids: found.uids.each_ref().map(String::as_str),
            kubernetes: settings.kubernetes.is_some(),
            reference: settings.kubernetes_node.as_deref(),
            now: now(),
        }
    }

    /// What would be written, in words, and in `data`, as if it were.
    pub(super) async fn foretell(&self, store: &impl Store, data: &mut Data) -> Result<Registered, String> {
        let seen = self.kernel.look().await?;
        let found = self.find(&seen, data).await;
        let read = store.read(&register::reads()).await;
        let snapshot = read.map_err(|error| error.to_string())?;
        match register::decide(&snapshot, &self.request(&found)) {
            Ok(Decision::Commit(txn, registered)) => {
                for write in txn.writes {
                    if let Write::Put(key, value) = write {
                        data.insert(key, value.into());
                    }
                }
                Ok(registered)
            }
            Ok(Decision::Done(registered)) => Ok(registered),
            Ok(Decision::Read(_)) => Err("the datastore was not read whole".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn facts(&self, seen: &Seen, family: Family, question: Option<Question>) -> Facts {
        let mut facts = Facts {
            interfaces: seen.facts.clone(),
            ..Facts::default()
        };
        match question {
            None => {}
            Some(Question::Towards(destination)) => match self.source(&destination, family).await {
                Ok(source) => facts.source = Some(source),
                Err(why) => facts.trouble = Some(why),
            },
            Some(Question::Kubernetes) => {
                match kubernetes::addresses(self.settings, self.node, PATIENCE).await {
                    Ok(addresses) => facts.internal = addresses,
                    Err(why) => facts.trouble = Some(why),
                }
            }
        }
        facts
    }

    /// From where the kernel would send to a destination.
    async fn source(&self, destination: &str, family: Family) -> Result<std::net::IpAddr, String> {
        let address = names::address(destination, family, PATIENCE).await?;
        let source = self.kernel.source_towards(address).await?;
        source.ok_or_else(|| format!("the kernel knows no way to {address}"))
    }
}

#[expect(clippy::disallowed_methods, reason = "edge: a random uid")]
fn uid() -> String {
    uuid::Uuid::new_v4().to_string()
}
