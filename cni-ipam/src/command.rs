//! The verbs, each as one straight line from configuration to answer.
#![expect(clippy::disallowed_methods, reason = "edge: reads the clock once per call")]

use std::cell::RefCell;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use jiff::Timestamp;
use shared::cni::result::{IpConfig, Route};
use shared::cni::{AddResult, Attachment, CniError, Code, Env, NetConf, Plugin};
use shared::ipam::{AssignRequest, Lease, assign, check};
use shared::log::Log;
use shared::model::clusterinformation::ClusterInformation;
use shared::state::attachment::{self, Side};
use shared::state::{hint, lock};
use shared::store::open::Store;
use shared::store::transact;
use shared::txn::{Decision, Snapshot};

use crate::config::{Config, datastore};
use crate::{config, error, gc, release, status};

/// The plugin; what is left to do after the answer is kept inside.
#[derive(Default)]
pub(crate) struct CniIpam {
    finished: RefCell<Option<Call>>,
}

/// One call: its settings, its store, and the time it began.
pub(crate) struct Call {
    pub(crate) config: Config,
    pub(crate) node: String,
    pub(crate) store: Store,
    pub(crate) log: Log,
    pub(crate) now: Timestamp,
    pub(crate) started: Instant,
    pub(crate) limit: Duration,
    runtime: tokio::runtime::Runtime,
}

impl Call {
    /// Reads the configuration and opens the store (which dials nothing yet).
    fn begin(
        verb: &'static str,
        env: &Env,
        conf: &NetConf,
        about: Option<&Attachment>,
    ) -> Result<Self, CniError> {
        let config = Config::new(conf, env)?;
        let log = Log::new(config.log.clone(), error::fields(verb, conf, about));
        let naming = &config.naming;
        let node = shared::state::nodename::resolve(
            naming.nodename.as_deref(),
            naming.file.as_deref(),
            naming.hostname.as_deref(),
        );
        let node = node.map_err(|error| error::state(&error))?.name;
        let (choice, warnings) = datastore(conf, env, shared::store::open::used_etcd(&config.dirs))?;
        for warning in &warnings {
            log.warning(&warning.to_string(), &[]);
        }
        let limit = match verb {
            "ADD" => config.timeouts.add,
            "DEL" => config::budget(env, config.timeouts.del),
            "GC" => config.timeouts.gc,
            _ => config.timeouts.check,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| CniError::new(Code::IoFailure, error.to_string()))?;
        let store = {
            let _inside = runtime.enter();
            shared::store::open::open(&choice, limit).map_err(error::store)?
        };
        Ok(Self {
            config,
            node,
            store,
            log,
            now: Timestamp::now(),
            started: Instant::now(),
            limit,
            runtime,
        })
    }

    /// Runs the call's asynchronous part to its end.
    pub(crate) fn run<T>(&self, part: impl Future<Output = T>) -> T {
        self.runtime.block_on(part)
    }

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
    pub(crate) fn turn(&self, container: &str, ifname: &str) -> Result<lock::Lock, CniError> {
        let words = [self.config.network.as_str(), container, ifname];
        let held = lock::attachment(&self.config.dirs, Side::Ipam, words, self.deadline());
        held.map_err(|error| error::state(&error))?.ok_or_else(|| {
            let text = format!("another call for container {container} {ifname} is still running; try again");
            CniError::new(Code::TryAgainLater, text)
        })
    }

    /// Writes the one line of this call.
    fn tell(&self, message: &str, error: Option<&CniError>, addresses: &str) {
        let took = format!("{}ms", self.started.elapsed().as_millis());
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

impl CniIpam {
    /// Runs one verb and keeps the call for what follows the answer.
    fn serve<T>(
        &self,
        call: Call,
        describe: impl FnOnce(&T) -> String,
        verb: impl FnOnce(&Call) -> Result<T, CniError>,
    ) -> Result<T, CniError> {
        let outcome = verb(&call);
        match &outcome {
            Ok(value) => call.tell("done", None, &describe(value)),
            Err(error) => call.tell("failed", Some(error), ""),
        }
        self.finished.replace(outcome.is_ok().then_some(call));
        outcome
    }
}

impl Plugin for CniIpam {
    fn uses_netns(&self) -> bool {
        false
    }

    fn add(&self, env: &Env, attachment: &Attachment, conf: &NetConf) -> Result<AddResult, CniError> {
        let call = Call::begin("ADD", env, conf, Some(attachment))?;
        let mut request = call.config.request(conf, attachment, &call.node, call.now)?;
        request.uid = uuid::Uuid::new_v4().to_string();
        self.serve(call, addresses, |call| {
            let leases = call.run(add(call, attachment, &mut request))?;
            Ok(result(&leases, &request))
        })
    }

    fn del(&self, env: &Env, attachment: &Attachment, conf: &NetConf) -> Result<(), CniError> {
        let call = Call::begin("DEL", env, conf, Some(attachment))?;
        self.serve(call, nothing, |call| call.run(release::del(call, attachment)))
    }

    fn check(&self, env: &Env, attachment: &Attachment, conf: &NetConf) -> Result<(), CniError> {
        let call = Call::begin("CHECK", env, conf, Some(attachment))?;
        self.serve(call, nothing, |call| call.run(check(call, attachment, conf)))
    }

    fn gc(&self, env: &Env, _: &[PathBuf], conf: &NetConf) -> Result<(), CniError> {
        let Some(valid) = &conf.valid_attachments else {
            return Ok(());
        };
        let call = Call::begin("GC", env, conf, None)?;
        self.serve(call, nothing, |call| call.run(gc::gc(call, valid)))
    }

    fn status(&self, env: &Env, _: &[PathBuf], conf: &NetConf) -> Result<(), CniError> {
        status::status(env, conf)
    }

    fn flag(&self, _: &Env, flag: &str, _: &[u8]) -> Option<ExitCode> {
        let version = format!(
            "cni-ipam {} ({})\n",
            env!("CARGO_PKG_VERSION"),
            env!("MANX_COMMIT")
        );
        matches!(flag, "-v" | "--version").then(|| match std::io::stdout().write_all(version.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        })
    }

    fn after_answer(&self) {
        // A store that did not answer this call will not answer the next moment either.
        if let Some(call) = self.finished.take().filter(|call| call.store.requests() > 0) {
            call.run(release::replay(&call));
        }
    }
}

async fn add(
    call: &Call,
    attachment: &Attachment,
    request: &mut AssignRequest,
) -> Result<Vec<Lease>, CniError> {
    let _turn = call.turn(&attachment.container_id, &attachment.ifname)?;
    let dirs = &call.config.dirs;
    let store = call.store.identity();
    let hints = hint::read(dirs, &store, &call.node);
    request.hint_blocks.clone_from(&hints.blocks);
    let id = call.id(&attachment.container_id, &attachment.ifname);
    let earlier = attachment::read(dirs, Side::Ipam, &id).ok().flatten();
    let mut file = earlier.unwrap_or(attachment::Attachment {
        id,
        ..attachment::Attachment::default()
    });
    let reads = assign::reads(request).key(ClusterInformation::only_key());
    let leases = {
        let _host = lock::host(&call.config.lock_file, call.deadline());
        let decided = transact(&call.store, reads, |snapshot| {
            let decision = assign::decide(snapshot, request).map_err(|error| error::ipam(&error))?;
            if let Decision::Commit(_, leases) = &decision {
                note(&mut file, snapshot, request, leases);
                attachment::write(dirs, Side::Ipam, &file).map_err(|error| error::state(&error))?;
            }
            Ok(decision)
        });
        decided.await.map_err(error::transact)?
    };
    let _ = hint::write(
        dirs,
        &store,
        &call.node,
        &hints.used(leases.iter().map(|lease| lease.block)),
    );
    Ok(leases)
}

/// Notes what the next commit will hold, so that a DEL finds it whatever becomes of this process.
fn note(file: &mut attachment::Attachment, snapshot: &Snapshot, request: &AssignRequest, leases: &[Lease]) {
    file.cluster = error::cluster(snapshot);
    if !file.handles.contains(&request.handle) {
        file.handles.push(request.handle.clone());
    }
    for lease in leases {
        if !file.blocks.contains(&lease.block) {
            file.blocks.push(lease.block);
        }
        if !file.addresses.contains(&lease.address) {
            file.addresses.push(lease.address);
        }
        file.sequences.insert(lease.address, lease.sequence);
    }
}

/// Calico's result: each address with its block's length (a specific one alone), and a route to itself.
fn result(leases: &[Lease], request: &AssignRequest) -> AddResult {
    let alone = |lease: &Lease| IpNet::from(lease.address);
    let within = |lease: &Lease| {
        let length = lease.block.prefix_len();
        if request.specific.is_empty() {
            IpNet::new(lease.address, length).unwrap_or(alone(lease))
        } else {
            alone(lease)
        }
    };
    AddResult {
        ips: leases
            .iter()
            .map(|lease| IpConfig {
                address: within(lease),
                gateway: None,
                interface: None,
            })
            .collect(),
        routes: leases.iter().map(|lease| Route::to(alone(lease))).collect(),
        ..AddResult::default()
    }
}

async fn check(call: &Call, attachment: &Attachment, conf: &NetConf) -> Result<(), CniError> {
    let handle = config::handle(&call.config.network, attachment);
    let expected = previous(conf)?;
    let missing = transact(&call.store, check::reads(&handle, &[]), |snapshot| {
        check::decide(snapshot, &handle, &expected).map_err(|error| error::ipam(&error))
    });
    let missing = missing.await.map_err(error::transact)?;
    if missing.is_empty() {
        return Ok(());
    }
    let missing: Vec<String> = missing.iter().map(IpAddr::to_string).collect();
    Err(CniError::new(
        Code::AddressNotHeld,
        format!("handle {handle} does not hold {}", missing.join(", ")),
    )
    .details("the address was released while the pod runs; start the pod anew"))
}

/// The addresses of `prevResult`.
fn previous(conf: &NetConf) -> Result<Vec<IpAddr>, CniError> {
    let Some(text) = &conf.prev_result else {
        return Ok(Vec::new());
    };
    let value = serde_json::from_str(text.get())
        .map_err(|error| CniError::new(Code::DecodeFailure, format!("prevResult: {error}")))?;
    let result = AddResult::parse(conf.cni_version, &value)?;
    Ok(result.ips.iter().map(|ip| ip.address.addr()).collect())
}

fn addresses(result: &AddResult) -> String {
    let texts: Vec<String> = result
        .ips
        .iter()
        .map(|ip| ip.address.addr().to_string())
        .collect();
    texts.join(",")
}

fn nothing(_: &()) -> String {
    String::new()
}
