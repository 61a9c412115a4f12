//! The verbs. This file is what they share: one call's configuration, store, log and time.
#![expect(clippy::disallowed_methods, reason = "edge: reads the clock once per call")]

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use cni_ipam::Inside;
use jiff::Timestamp;
use shared::cni::{AddResult, Answered, Attachment, CniError, Code, Env, NetConf, Plugin};
use shared::log::Log;
use shared::state::calls;
use shared::store::StoreError;
use shared::store::config::{Dirs, choose};
use shared::store::open::Store;

use crate::config::Config;
use crate::{error, status};

mod add;
mod allocator;
mod answer;
mod check;
mod del;
mod early;
mod fault;
mod gc;
mod gone;
mod ipam;
mod kubernetes;
mod later;
mod learn;
mod lease;
mod leftover;
mod obtain;
mod pair;
mod repeat;
mod seeded;
mod target;
mod turn;
mod undo;
mod verb;
mod wire;

pub(crate) use pair::mac;
pub(crate) use target::{Target, names};
use turn::Turn;
pub(crate) use verb::node;
use verb::{Patience, Verb};

/// The plugin; what is left to do after the answer is kept inside.
#[derive(Default)]
pub struct CniNet {
    finished: RefCell<Option<Call>>,
}

/// One call: its settings, its store, and the time it began.
pub(crate) struct Call {
    pub(crate) env: Env,
    pub(crate) conf: NetConf,
    pub(crate) config: Config,
    pub(crate) dirs: Dirs,
    pub(crate) node: String,
    pub(crate) store: Store,
    pub(crate) log: Log,
    pub(crate) now: Timestamp,
    started: Instant,
    limit: Duration,
    /// The datastore did not answer: nothing more is asked of it after the answer.
    away: Cell<bool>,
    /// Fault points passed, and the one that fails.
    faults: (Cell<u32>, Option<u32>),
    /// Locks of the attachment that the call is about.
    turn: RefCell<Turn>,
    /// The allocator of this call, where it works inside.
    inside: RefCell<Option<Rc<Inside>>>,
    runtime: Patience,
}

impl Call {
    /// Reads the configuration and opens the store (which dials nothing yet).
    fn begin(verb: Verb, env: &Env, conf: &NetConf, about: Option<&Attachment>) -> Result<Self, CniError> {
        let (started, now) = (Instant::now(), Timestamp::now());
        let config = verb.config(conf)?;
        let log = Log::new(
            config.log.clone(),
            shared::log::fields("cni-net", verb.word(), conf, about),
        );
        let dirs = Dirs::from(conf.raw(), env.vars()).map_err(error::config)?;
        let used_etcd = shared::store::open::used_etcd(&dirs);
        let (choice, warnings) = choose(conf.raw(), env.vars(), used_etcd).map_err(error::config)?;
        for warning in &warnings {
            log.warning(&warning.to_string(), &[]);
        }
        let node = node(&config, &choice, verb == Verb::Add)?;
        let (limit, share) = verb.limits(&config);
        let turn = Turn::of(verb, (&config, &dirs, &node, env), about, started + limit)?;
        let runtime = Patience::new()?;
        // Its time begins when the locks are held.
        let left = limit.saturating_sub(started.elapsed()).mul_f64(share);
        let store = runtime.inside(|| shared::store::open::open(&choice, left));
        let store = store.map_err(error::store)?.alone();
        let faults = (Cell::new(0), fault::armed(&config, env));
        let (env, conf) = (env.clone(), conf.clone());
        Ok(Self {
            env,
            conf,
            config,
            dirs,
            node,
            store,
            log,
            now,
            started,
            limit,
            away: Cell::new(false),
            faults,
            turn: RefCell::new(turn),
            inside: RefCell::default(),
            runtime,
        })
    }

    /// The end of this call's time.
    pub(crate) fn deadline(&self) -> Instant {
        self.started + self.limit
    }

    /// The datastore does not answer; the call goes on without it.
    pub(crate) fn silent(&self, why: &StoreError) {
        self.away.set(true);
        self.log.warning(
            "the datastore does not answer; going on without it",
            &[("error", &why.to_string())],
        );
    }

    /// A new object's uid.
    pub(crate) fn uid(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }

    /// Writes the one line of this call.
    fn tell(&self, error: Option<&CniError>) {
        let took = format!("{}ms", self.started.elapsed().as_millis());
        let requests = self.store.requests().to_string();
        let mut fields = vec![
            ("node", self.node.as_str()),
            ("took", &took),
            ("requests", &requests),
        ];
        match error {
            Some(error) => {
                let text = error.to_string();
                fields.push(("error", &text));
                self.log.error("failed", &fields);
            }
            None => self.log.info("done", &fields),
        }
    }
}

impl CniNet {
    /// Runs one verb and keeps the call for what follows the answer.
    fn serve<T>(
        &self,
        call: Call,
        verb: impl AsyncFnOnce(&Call) -> Result<T, CniError>,
    ) -> Result<T, CniError> {
        let outcome = call.runtime.block_on(Box::pin(verb(&call)));
        let outcome = outcome.unwrap_or_else(|| Err(CniError::new(Code::IoFailure, "no runtime")));
        call.let_go();
        call.tell(outcome.as_ref().err());
        self.finished.replace(outcome.is_ok().then_some(call));
        outcome
    }
}

impl Plugin for CniNet {
    fn uses_netns(&self) -> bool {
        true
    }

    fn add(&self, env: &Env, attachment: &Attachment, conf: &NetConf) -> Result<AddResult, CniError> {
        let call = Call::begin(Verb::Add, env, conf, Some(attachment))?;
        self.serve(call, async |call| add::add(call, attachment).await)
    }

    fn del(&self, env: &Env, attachment: &Attachment, conf: &NetConf) -> Result<(), CniError> {
        let call = Call::begin(Verb::Del, env, conf, Some(attachment))?;
        self.serve(call, async |call| del::del(call, attachment).await)
    }

    fn check(&self, env: &Env, attachment: &Attachment, conf: &NetConf) -> Result<(), CniError> {
        let call = Call::begin(Verb::Check, env, conf, Some(attachment))?;
        self.serve(call, async |call| check::check(call, attachment).await)
    }

    fn gc(&self, env: &Env, path: &[PathBuf], conf: &NetConf) -> Result<(), CniError> {
        let Some(valid) = &conf.valid_attachments else {
            return Ok(());
        };
        let call = Call::begin(Verb::Gc, env, conf, None)?;
        self.serve(call, async |call| gc::gc(call, path, valid).await)
    }

    fn status(&self, env: &Env, path: &[PathBuf], conf: &NetConf) -> Result<(), CniError> {
        status::status(env, path, conf)
    }

    fn flag(&self, env: &Env, flag: &str, stdin: &[u8]) -> Option<ExitCode> {
        let text = match flag {
            "-v" | "--version" => Ok(format!(
                "cni-net {} ({})\n",
                env!("CARGO_PKG_VERSION"),
                env!("MANX_COMMIT")
            )),
            "-t" => self.ready(env, stdin).map(|()| String::new()),
            _ => return None,
        };
        let said = match &text {
            Ok(text) => std::io::stdout().write_all(text.as_bytes()),
            Err(error) => writeln!(std::io::stderr(), "{error}"),
        };
        Some(if text.is_ok() && said.is_ok() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn answered(&self, env: &Env, conf: &NetConf, call: Answered) {
        if let Ok(dirs) = Dirs::from(conf.raw(), env.vars()) {
            calls::note(&dirs, "cni-net", call);
        }
    }

    fn after_answer(&self) {
        if let Some(call) = self.finished.take().filter(|call| !call.away.get()) {
            let _ = call.runtime.block_on(later::replay(&call));
        }
    }
}

impl CniNet {
    /// `-t`: whether the datastore that the configuration on stdin names is ready, within two seconds.
    fn ready(&self, env: &Env, stdin: &[u8]) -> Result<(), CniError> {
        let call = Call::begin(Verb::Ready, env, &NetConf::parse(stdin)?, None)?;
        self.serve(call, async |call| target::ready(call).await)
    }
}
