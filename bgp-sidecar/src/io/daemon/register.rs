//! This node's own record, and the first pools: what has to be found out for them, and their writing.

use std::time::Duration;

use shared::model::key::{Key, Plural};
use shared::store::{TransactError, transact};

use super::Daemon;
use super::start::now;
use crate::autodetect::{Facts, Question};
use crate::cluster::Data;
use crate::io::kernel::Seen;
use crate::io::{kubernetes, names};
use crate::register::{self, Registered, Request};
use crate::wire::Family;

/// What each answer may take: the datastore's, a name server's, the API server's.
const PATIENCE: Duration = Duration::from_secs(5);

impl Daemon {
    /// Whether anything had to be written. `data`: what the datastore says, which was judged to be believed.
    pub(super) async fn register(&self, seen: &Seen, data: &Data) -> Result<bool, String> {
        let identity = &self.settings.identity;
        let stored = data.get(&Key::resource(Plural::Nodes, &self.node));
        let [ipv4, ipv6] = register::questions(identity, stored.map(|bytes| &**bytes));
        let ipv4_facts = self.facts(seen, Family::Ipv4, ipv4).await;
        let ipv6_facts = self.facts(seen, Family::Ipv6, ipv6).await;
        let uids: Vec<String> = (0..3).map(|_| uid()).collect();
        let request = Request {
            node: &self.node,
            identity,
            ipv4_facts: &ipv4_facts,
            ipv6_facts: &ipv6_facts,
            ipv4_pool: &self.settings.ipv4_pool,
            ipv6_pool: &self.settings.ipv6_pool,
            uids: [&uids[0], &uids[1], &uids[2]],
            kubernetes: self.settings.kubernetes.is_some(),
            reference: self.settings.kubernetes_node.as_deref(),
            now: now(),
        };
        let store = self.datastore.store();
        let decide = |snapshot: &shared::txn::Snapshot| register::decide(snapshot, &request);
        let registered = transact(&*store, register::reads(), decide);
        let why = match tokio::time::timeout(PATIENCE, registered).await {
            Ok(Ok(registered)) => return Ok(self.told(&registered)),
            Ok(Err(TransactError::Decide(error))) => return Err(error.to_string()),
            Ok(Err(TransactError::Store(error))) => error.to_string(),
            Err(_) => format!("the datastore has not answered within {} s", PATIENCE.as_secs()),
        };
        self.log
            .warning("this node could not be registered", &[("error", &why)]);
        Ok(false)
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
                match kubernetes::addresses(&self.settings, &self.node, PATIENCE).await {
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
