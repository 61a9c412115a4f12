//! The verbs, each as one straight line from configuration to answer.
#![expect(clippy::disallowed_methods, reason = "edge: a random uid")]

use std::cell::RefCell;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use shared::cni::{AddResult, Attachment, CniError, Code, Env, NetConf, Plugin};
use shared::ipam::check;
use shared::store::transact;

use crate::call::Call;
use crate::{assign, config, error, gc, release, status};

/// The plugin; what is left to do after the answer is kept inside.
#[derive(Default)]
pub(crate) struct CniIpam {
    finished: RefCell<Option<Call>>,
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
            let leases = call.run(assign::add(call, attachment, &mut request))?;
            Ok(assign::result(&leases, &request))
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
