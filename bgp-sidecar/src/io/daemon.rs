//! The event loop. Whatever happens goes into the speaker; what the speaker answers is done, in its order.

mod again;
mod answers;
mod backlog;
mod debts;
mod heart;
mod labels;
mod listen;
mod mender;
mod notify;
mod orders;
mod passwords;
mod past;
mod perform;
mod pictures;
mod pools;
mod register;
mod signals;
mod start;
mod stuck;
mod timers;
mod words;

use std::sync::Arc;
use std::time::Duration;

use shared::log::Log;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::calls::Calls;
use super::datastore::Datastore;
use super::http::Http;
use super::kernel::{Kernel, Noticed};
use super::life::{Lock, Missed};
use super::snapshot::Keeper;
use super::tcp::Net;
use crate::cluster::{Cluster, Picture};
use crate::fsm::Failure;
use crate::settings::Settings;
use crate::shown::Facts;
use crate::speaker::{Action, Ending, Event, Speaker};
use again::Again;
use backlog::Backlog;
use debts::Debts;
use heart::Heart;
use labels::Labels;
use mender::Mender;
use passwords::Passwords;
use pools::Counter;
use register::Entry;
use signals::{Signals, Told};
use stuck::Stuck;
use timers::Timers;

pub(super) use orders::{check, withdraw};
pub(super) use start::run;

/// Everything that is open.
struct Daemon {
    settings: Settings,
    node: String,
    log: Log,
    speaker: Speaker,
    cluster: Cluster,
    /// What the speaker was configured with last.
    picture: Option<Arc<Picture>>,
    past: past::Past,
    net: Net,
    kernel: Kernel,
    backlog: Backlog,
    datastore: Datastore,
    keeper: Keeper,
    heart: Heart,
    debts: Debts,
    mender: Mender,
    calls: Calls,
    counter: Counter,
    /// Where an API server is asked.
    labels: Option<Labels>,
    http: Option<Http>,
    facts: Facts,
    timers: Timers,
    stuck: Stuck,
    again: Again,
    signals: Signals,
    passwords: Passwords,
    /// The last trouble with listening, so that it is told once.
    deaf: Option<String>,
    /// The last look at the kernel failed.
    blind: bool,
    strangers: u64,
    /// The sessions' changes that were noted last.
    noted: u64,
    draining: bool,
    ready: bool,
    /// This node's record.
    entry: Entry,
    /// An earlier boot's key was met.
    rebooted: bool,
    _lock: Lock,
}

impl Daemon {
    /// Until it is told to end.
    async fn serve(&mut self) -> Result<Ending, String> {
        let mut audit = every(self.settings.audit);
        loop {
            tokio::select! {
                told = self.signals.next() => match told {
                    Told::End(ending) => return Ok(ending),
                    Told::Reload => self.reload().await,
                    Told::Drain => {
                        self.draining = !self.draining;
                        self.step(Event::Drain(self.draining)).await;
                    }
                },
                () = self.timers.wait() => self.ran_out().await,
                event = self.net.next() => drop(self.heard_of(event).await),
                // Branches are tried in their order, from any one on: behind its peers the kernel mostly comes after them.
                () = std::future::ready(()), if !self.backlog.is_empty() => self.catch_up().await,
                noticed = self.kernel.next() => self.noticed(noticed).await,
                update = self.datastore.next() => self.updated(update).await,
                missed = self.heart.next() => match missed {
                    Missed::Refused(why) => return Err(why),
                    Missed::Waiting(why) => self.waits(&why),
                    Missed::Away(why) => self.log.debug("the key alive is not kept", &[("error", &why)]),
                },
                told = labels::next(&mut self.labels) => self.copied(told),
                asked = answers::next(&mut self.http) => self.answer(asked),
                () = self.passwords.next() => self.passwords_again().await,
                _ = audit.tick() => self.audit().await,
                () = self.again.wait() => self.again().await,
            }
            let undone = self.deaf.is_some() || self.net.is_waiting() || self.entry.is_owed() || self.blind;
            self.again.need(undone || self.passwords.must_look());
            self.note();
            self.tell_ready();
        }
    }

    /// One event, and everything that it asks for.
    async fn step(&mut self, event: Event) {
        let actions = self.speaker.step(event);
        self.perform_all(actions).await;
    }

    async fn perform_all(&mut self, actions: Vec<Action>) {
        for action in actions {
            self.perform(action).await;
        }
    }

    async fn noticed(&mut self, noticed: Noticed) {
        match noticed.lost {
            true => self.mender.look_at_all(),
            false => self.mender.look(noticed.up),
        }
        let ours = !noticed.ours.is_empty();
        if ours {
            self.step(Event::Lost(noticed.ours.into_iter().collect())).await;
        }
        if noticed.lost {
            self.missed().await;
        }
        // What happens to pods is no reason to read the whole table.
        if noticed.around || noticed.lost || ours {
            self.look().await;
        }
    }

    async fn audit(&mut self) {
        let strangers = self.net.strangers();
        if strangers > self.strangers {
            let count = (strangers - self.strangers).to_string();
            let text =
                "connections from no peer's address, or from farther than ttlSecurity allows, were closed";
            self.log.warning(text, &[("count", &count)]);
            self.strangers = strangers;
        }
        self.mender.look_at_all();
        self.calls.keep();
        self.passwords_again().await;
        self.look().await;
    }

    /// What is looked at every few seconds while there is reason to: a port that was taken, a peer that reads nothing, files
    /// with passwords, this node's record that could not be written, a look at the kernel that failed.
    async fn again(&mut self) {
        if self.blind {
            self.look().await;
        }
        self.listen();
        self.register_again().await;
        self.passwords_again().await;
        for (key, side) in self.stuck.find(&self.net, &self.speaker) {
            let peer = key.address.to_string();
            let text = "the peer takes nothing from us: its connection is closed (RFC 9687)";
            self.log.warning(text, &[("peer", &peer)]);
            self.net.close(key, side);
            self.step(Event::Closed(key, side, Failure::Timeout)).await;
        }
    }

    /// More was changed than was heard of: what is gone is found by looking.
    async fn missed(&mut self) {
        self.finish().await;
        // A look that fails is told of by the one that follows.
        let Ok(seen) = self.kernel.look().await else {
            return;
        };
        let held = self.speaker.kernel_routes().iter();
        let gone = held.filter(|(key, kind)| seen.ours.get(*key) != Some(kind));
        let gone = gone.map(|((destination, _), _)| destination).collect();
        self.step(Event::Lost(gone)).await;
    }

    /// Everything in the kernel, anew.
    async fn look(&mut self) {
        self.finish().await;
        let seen = self.kernel.look().await;
        self.blind = seen.is_err();
        match seen {
            Ok(seen) => self.step(Event::Kernel(seen.table, seen.ours)).await,
            Err(error) => self
                .log
                .error("the kernel's routes cannot be read", &[("error", &error)]),
        }
        self.forward();
    }

    /// What `cni-net` switches on for a host stays on.
    fn forward(&self) {
        let ipv6 = self.picture.as_ref().is_some_and(|picture| {
            let local = picture.local.as_ref().ok();
            local.is_some_and(|local| local.addresses.iter().any(std::net::IpAddr::is_ipv6))
        });
        match self.kernel.forwarding(&self.settings.sysctl_dir, ipv6) {
            Ok(written) => {
                for what in written {
                    self.log
                        .warning("forwarding was off, and is on again", &[("sysctl", &what)]);
                }
            }
            Err(error) => self
                .log
                .error("forwarding cannot be switched on", &[("error", &error)]),
        }
    }

    /// This machine has booted within its key's time. Nothing waits for that.
    fn waits(&mut self, why: &str) {
        if !std::mem::replace(&mut self.rebooted, true) {
            let text = "a key of this machine's boot before is there; everything else goes on meanwhile";
            self.log.info(text, &[("key", why)]);
        }
    }

    async fn end(mut self, ending: Ending) {
        /// What was sent goes out before the sockets close, or nobody takes it.
        const LAST: Duration = Duration::from_secs(2);
        let what = match ending {
            Ending::Restart => "ends for a moment: peers and the kernel keep the routes",
            Ending::Withdraw => "leaves for good: routes are withdrawn and removed",
        };
        self.log.info(what, &[]);
        notify::systemd("STOPPING=1");
        self.step(Event::Stop(ending)).await;
        if ending == Ending::Withdraw {
            notify::not_ready(&self.settings.run_dir);
        }
        self.calls.keep();
        if let Some(error) = self.keeper.close() {
            self.log
                .warning("the snapshot could not be written", &[("error", &error)]);
        }
        if ending == Ending::Withdraw {
            self.heart.end().await;
        }
        drop((self.net, self.datastore));
        let tasks = tokio::runtime::Handle::current().metrics();
        let out = async {
            while tasks.num_alive_tasks() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(LAST, out).await;
        if ending == Ending::Withdraw {
            self.kernel.apply(&self.speaker.last()).await;
        }
    }
}

fn every(time: Duration) -> Interval {
    let mut interval = interval(time);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
