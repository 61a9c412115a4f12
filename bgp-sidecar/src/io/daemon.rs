//! The event loop. Whatever happens goes into the speaker; what the speaker answers is done, in its order.

mod heart;
mod notify;
mod orders;
mod perform;
mod start;
mod timers;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shared::log::{Level, Log, LogConfig};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::datastore::{Datastore, Update};
use super::kernel::{Kernel, Noticed};
use super::life::{Lock, Missed};
use super::snapshot::Keeper;
use super::tcp::{Net, NetEvent};
use crate::cluster::{Cluster, Data, Picture};
use crate::settings::{LogLevel, Settings};
use crate::speaker::{Ending, Event, Speaker};
use heart::Heart;
use timers::Timers;

pub(super) use orders::{check, withdraw};
pub(super) use start::run;

/// The kernel is looked at again even if nothing was heard of it.
const AUDIT: Duration = Duration::from_secs(300);
/// What could not be done (a port that is taken) is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Everything that is open.
struct Daemon {
    settings: Settings,
    node: String,
    log: Log,
    speaker: Speaker,
    cluster: Cluster,
    /// What the speaker was configured with last.
    picture: Option<Arc<Picture>>,
    net: Net,
    kernel: Kernel,
    datastore: Datastore,
    keeper: Keeper,
    heart: Heart,
    timers: Timers,
    signals: Signals,
    /// The last trouble with listening, so that it is told once.
    deaf: Option<String>,
    draining: bool,
    ready: bool,
    _lock: Lock,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    withdraw: Signal,
    drain: Signal,
}

impl Signals {
    fn new() -> Result<Self, String> {
        let of = |kind| signal(kind).map_err(|error| format!("signals: {error}"));
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
            hangup: of(SignalKind::hangup())?,
            withdraw: of(SignalKind::user_defined1())?,
            drain: of(SignalKind::user_defined2())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::End(Ending::Restart),
            _ = self.interrupt.recv() => Told::End(Ending::Restart),
            _ = self.withdraw.recv() => Told::End(Ending::Withdraw),
            _ = self.hangup.recv() => Told::Reload,
            _ = self.drain.recv() => Told::Drain,
        }
    }
}

/// What a signal says.
enum Told {
    End(Ending),
    Reload,
    Drain,
}

impl Daemon {
    /// Until it is told to end.
    async fn serve(&mut self) -> Result<Ending, String> {
        let (mut audit, mut again) = (every(AUDIT), every(AGAIN));
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
                due = self.timers.next() => {
                    for timer in due {
                        self.step(Event::Timer(timer)).await;
                    }
                }
                event = self.net.next() => self.step(event_of(event)).await,
                noticed = self.kernel.next() => self.noticed(noticed).await,
                update = self.datastore.next() => self.updated(update).await,
                missed = self.heart.next() => match missed {
                    Missed::Refused(why) => return Err(why),
                    Missed::Away(why) => self.log.debug("the key alive is not kept", &[("error", &why)]),
                },
                _ = audit.tick() => self.look().await,
                _ = again.tick() => self.listen(),
            }
            self.tell_ready();
        }
    }

    /// One event, and everything that it asks for.
    async fn step(&mut self, event: Event) {
        for action in self.speaker.step(event) {
            self.perform(action).await;
        }
    }

    async fn noticed(&mut self, noticed: Noticed) {
        if let Noticed::OursTouched(prefixes) | Noticed::Both(prefixes) = noticed {
            self.step(Event::Lost(prefixes.into_iter().collect())).await;
        }
        self.look().await;
    }

    /// Everything in the kernel, anew.
    async fn look(&mut self) {
        match self.kernel.look().await {
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
        match self.kernel.forwarding(ipv6) {
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

    async fn updated(&mut self, update: Update) {
        match update {
            Update::Data(data, revision) => {
                self.take(&data).await;
                self.keep(data, revision);
            }
            Update::Away(why) => self.log.warning(
                "the datastore is away; everything goes on as it was",
                &[("error", &why)],
            ),
        }
    }

    /// What the datastore says, acted on.
    async fn take(&mut self, data: &Data) {
        self.cluster.take(data);
        self.repaint().await;
    }

    async fn repaint(&mut self) {
        let secrets = start::secrets(&self.settings.secrets_dir, &self.cluster.secrets());
        let picture = Arc::new(self.cluster.picture(&self.settings, &secrets));
        self.configure(picture).await;
    }

    async fn configure(&mut self, picture: Arc<Picture>) {
        if self.picture.as_ref() == Some(&picture) {
            return;
        }
        self.log = log(&self.settings, &self.node, picture.log_level);
        self.picture = Some(Arc::clone(&picture));
        self.listen();
        self.step(Event::Picture(picture)).await;
    }

    /// Certificates and passwords may be others now.
    async fn reload(&mut self) {
        self.log.info("passwords and certificates are read again", &[]);
        self.datastore.renew();
        self.repaint().await;
    }

    /// Where the picture says, as far as it is possible; again whenever it was not.
    fn listen(&mut self) {
        let Some(picture) = &self.picture else { return };
        let own = picture.local.as_ref().map(|local| local.addresses.clone());
        let addresses = match self.settings.listen_address {
            Some(address) => vec![address],
            None if picture.bind_node_ip => own.unwrap_or_default(),
            None => Vec::new(),
        };
        match self.net.listen(&addresses, picture.listen_port) {
            Ok(()) => self.deaf = None,
            Err(error) if self.deaf.as_ref() != Some(&error) => {
                self.log.error("no peer can connect", &[("error", &error)]);
                self.deaf = Some(error);
            }
            Err(_) => {}
        }
    }

    /// Whoever started us, and STATUS, may go on: something is announced, or nobody is there to hear it.
    fn tell_ready(&mut self) {
        if self.ready || self.picture.is_none() || !self.speaker.is_settled() {
            return;
        }
        self.ready = true;
        let peers = self.speaker.peers().len().to_string();
        self.log.info("ready", &[("peers", &peers)]);
        notify::systemd("READY=1");
        if let Err(error) = notify::ready(&self.settings.run_dir, &self.settings.boot_id_file) {
            self.log
                .warning("run_dir/ready cannot be written", &[("error", &error)]);
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
        if let Some(error) = self.keeper.close() {
            self.log
                .warning("the snapshot could not be written", &[("error", &error)]);
        }
        drop((self.net, self.heart, self.datastore));
        let tasks = tokio::runtime::Handle::current().metrics();
        let out = async {
            while tasks.num_alive_tasks() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(LAST, out).await;
    }
}

fn event_of(event: NetEvent) -> Event {
    match event {
        NetEvent::Accepted { from, .. } => Event::Accepted(from),
        NetEvent::Connected(key) => Event::Connected(key),
        NetEvent::Failed(key, failure) => Event::Failed(key, failure),
        NetEvent::Octets(key, side, octets) => Event::Octets(key, side, octets),
        NetEvent::Closed(key, side, failure) => Event::Closed(key, side, failure),
    }
}

fn every(time: Duration) -> Interval {
    let mut interval = interval(time);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

fn log(settings: &Settings, node: &str, level: LogLevel) -> Log {
    let level = match level {
        LogLevel::Error => Level::Error,
        LogLevel::Warning => Level::Warning,
        LogLevel::Info => Level::Info,
        LogLevel::Debug | LogLevel::Trace => Level::Debug,
    };
    let config = LogConfig {
        level,
        json: settings.log_json,
        ..LogConfig::default()
    };
    Log::new(config, vec![("node", node.to_owned())])
}

/// The values of secrets' keys, by the names of both.
type Secrets = BTreeMap<(String, String), Vec<u8>>;

/// A file below a directory, without the line's end.
fn secret(path: &Path) -> Option<Vec<u8>> {
    #[expect(clippy::disallowed_methods, reason = "edge: a mounted Secret")]
    let mut value = std::fs::read(path).ok()?;
    while value.last().is_some_and(|octet| matches!(octet, b'\n' | b'\r')) {
        value.pop();
    }
    Some(value)
}
