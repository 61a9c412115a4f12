//! One call: what was asked, the store it speaks to, and the time it has.
#![expect(clippy::disallowed_methods, reason = "edge: reads the clock once per call")]

use std::time::{Duration, Instant};

use jiff::Timestamp;
use shared::cni::timeouts::Timeouts;
use shared::cni::{Attachment, CniError, Code, Env, NetConf, held};
use shared::log::Log;
use shared::state::attachment::{self, Side};
use shared::state::lock;
use shared::store::open::Store;

use crate::config::Config;
use crate::{config, error};

/// One call: its settings, its store, and the time it began.
pub(crate) struct Call {
    pub(crate) config: Config,
    pub(crate) node: String,
    pub(crate) store: Store,
    pub(crate) log: Log,
    pub(crate) now: Timestamp,
    pub(crate) started: Instant,
    pub(crate) limit: Duration,
}

/// What is known of a call before it has a store: nothing was opened, and nothing was touched.
pub(crate) struct Asked {
    pub(crate) config: Config,
    pub(crate) log: Log,
    node: String,
}

impl Asked {
    /// Reads the configuration.
    pub(crate) fn of(
        verb: &'static str,
        env: &Env,
        conf: &NetConf,
        about: Option<&Attachment>,
    ) -> Result<Self, CniError> {
        let config = Config::new(conf, env)?;
        let log = Log::new(
            config.log.clone(),
            shared::log::fields("cni-ipam", verb, conf, about),
        );
        let naming = &config.naming;
        let node = shared::state::nodename::resolve(
            naming.nodename.as_deref(),
            naming.file.as_deref(),
            naming.hostname.as_deref(),
        );
        let node = node.map_err(|error| error::state(&error))?.name;
        if let ("ADD", Some(attachment)) = (verb, about) {
            // Before the store is opened: a call that is refused leaves no trace.
            look_at(conf, attachment, (&node, &log))?;
        }
        Ok(Self { config, log, node })
    }

    /// The time of the whole call.
    pub(crate) fn limit(&self, verb: &str, env: &Env) -> Duration {
        limit(verb, env, self.config.timeouts)
    }

    /// With its store, whose time has begun.
    pub(crate) fn on(self, store: Store, limit: Duration) -> Call {
        Call {
            config: self.config,
            node: self.node,
            store,
            log: self.log,
            now: Timestamp::now(),
            started: Instant::now(),
            limit,
        }
    }
}

impl Call {
    /// What an attachment file of this call is about.
    pub(crate) fn id(&self, container: &str, ifname: &str) -> attachment::Id {
        attachment::Id {
            store: self.store.identity(),
            node: self.node.clone(),
            network: self.config.network.clone(),
            container: container.to_owned(),
            ifname: ifname.to_owned(),
        }
    }

    /// The end of this call's time.
    pub(crate) fn deadline(&self) -> Instant {
        self.started + self.limit
    }

    /// Takes this attachment's turn.
    pub(crate) async fn turn(&self, container: &str, ifname: &str) -> Result<lock::Lock, CniError> {
        let words = [self.config.network.as_str(), container, ifname];
        let held = lock::attachment_meanwhile(&self.config.dirs, Side::Ipam, words, self.deadline()).await;
        held.map_err(|error| error::state(&error))?.ok_or_else(|| {
            let text = format!("another call for container {container} {ifname} is still running; try again");
            CniError::new(Code::TryAgainLater, text)
        })
    }

    /// Writes the one line of this call.
    pub(crate) fn tell_outcome(&self, outcome: &Result<String, &CniError>) {
        match outcome {
            Ok(addresses) => self.tell("done", None, addresses),
            Err(error) => self.tell("failed", Some(error), ""),
        }
    }

    fn tell(&self, message: &str, error: Option<&CniError>, addresses: &str) {
        let asked = held::released_at().unwrap_or(self.started);
        let took = format!("{}ms", asked.elapsed().as_millis());
        let requests = self.store.requests().to_string();
        let mut fields = vec![
            ("node", self.node.as_str()),
            ("took", &took),
            ("requests", &requests),
        ];
        if !addresses.is_empty() {
            fields.push(("addresses", addresses));
        }
        match error {
            Some(error) => {
                fields.push(("error", &error.msg));
                self.log.error(message, &fields);
            }
            None => self.log.info(message, &fields),
        }
    }
}

/// What an ADD may not ask for, or asks for in vain.
fn look_at(conf: &NetConf, attachment: &Attachment, (node, log): (&str, &Log)) -> Result<(), CniError> {
    Config::refuse(conf, attachment, node)?;
    if Config::is_untold(conf, attachment)? {
        let text = "kubernetes.kubeconfig is set, but only cni-net asks the API server: annotations are not read, and a \
                    pool's namespaceSelector sees no labels";
        log.warning(text, &[]);
    }
    Ok(())
}

/// The time of the whole call: the verb's own, or what the calling plugin has left of its own.
fn limit(verb: &str, env: &Env, timeouts: Timeouts) -> Duration {
    let own = match verb {
        "ADD" => timeouts.add,
        "DEL" => timeouts.del,
        "GC" => timeouts.gc,
        _ => timeouts.check,
    };
    config::budget(env, own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_verb_takes_longer_than_its_caller_has() {
        let seconds = Duration::from_secs;
        let timeouts = Timeouts {
            add: seconds(25),
            del: seconds(4),
            check: seconds(10),
            gc: seconds(11),
        };
        let told = |left: &str| Env([("MANX_TIME_LEFT_MS".to_owned(), left.to_owned())].into());
        for (verb, own) in [("ADD", 25), ("DEL", 4), ("CHECK", 10), ("GC", 11)] {
            assert_eq!(
                limit(verb, &told("700"), timeouts),
                Duration::from_millis(700),
                "{verb}"
            );
            assert_eq!(limit(verb, &told("3600000"), timeouts), seconds(own), "{verb}");
            assert_eq!(limit(verb, &Env::default(), timeouts), seconds(own), "{verb}");
        }
    }
}
