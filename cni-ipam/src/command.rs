//! The verbs, each as one straight line from configuration to answer.
use std::cell::RefCell;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use shared::cni::{AddResult, Answered, Attachment, CniError, Code, Env, NetConf, Plugin};
use shared::ipam::check;
use shared::state::calls;
use shared::store::config::Dirs;
use shared::store::transact;

use crate::call::Call;
use crate::process::Process;
use crate::{assign, config, error, gc, owed, release, status};

/// The plugin; what is left to do after the answer is kept inside.
#[derive(Default)]
pub struct CniIpam {
    finished: RefCell<Option<Process>>,
}

impl CniIpam {
    /// Runs one verb and keeps the call for what follows the answer.
    fn serve<T>(
        &self,
        call: Process,
        describe: impl FnOnce(&T) -> String,
        verb: impl FnOnce(&Process) -> Result<T, CniError>,
    ) -> Result<T, CniError> {
        let outcome = verb(&call);
        call.tell_outcome(&outcome.as_ref().map(describe));
        self.finished.replace(outcome.is_ok().then_some(call));
        outcome
    }
}

impl Plugin for CniIpam {
    fn uses_netns(&self) -> bool {
        false
    }

    fn add(&self, env: &Env, attachment: &Attachment, conf: &NetConf) -> Result<AddResult, CniError> {
        let call = Process::begin("ADD", env, conf, Some(attachment))?;
        call.wait_while_held(env)?;
        self.serve(call, addresses, |call| {
            call.run(assign::answer(call, attachment, conf))
        })
    }

    fn del(&self, env: &Env, attachment: &Attachment, conf: &NetConf) -> Result<(), CniError> {
        let call = Process::begin("DEL", env, conf, Some(attachment))?;
        call.wait_while_held(env)?;
        self.serve(call, nothing, |call| {
            call.run(release::del(call, attachment, env))
        })
    }

    fn check(&self, env: &Env, attachment: &Attachment, conf: &NetConf) -> Result<(), CniError> {
        let call = Process::begin("CHECK", env, conf, Some(attachment))?;
        self.serve(call, nothing, |call| call.run(check(call, attachment, conf)))
    }

    fn gc(&self, env: &Env, _: &[PathBuf], conf: &NetConf) -> Result<(), CniError> {
        let Some(valid) = &conf.valid_attachments else {
            return Ok(());
        };
        let call = Process::begin("GC", env, conf, None)?;
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

    fn answered(&self, env: &Env, conf: &NetConf, call: Answered) {
        if let Ok(dirs) = Dirs::from(conf.raw(), env.vars()) {
            calls::note(&dirs, "cni-ipam", call);
        }
    }

    fn after_answer(&self) {
        // A store that did not answer this call will not answer the next moment either.
        if let Some(call) = self.finished.take().filter(|call| call.store.requests() > 0) {
            let _ = call.run(async {
                owed::replay(&call).await;
                Ok(())
            });
        }
    }
}

async fn check(call: &Call, attachment: &Attachment, conf: &NetConf) -> Result<(), CniError> {
    let handle = config::handle(&call.config.network, attachment);
    let expected = previous(conf, &attachment.ifname)?;
    let missing = transact(&call.store, check::reads(&handle, &expected), |snapshot| {
        check::decide(snapshot, &handle, &expected).map_err(|error| error::ipam(&error))
    });
    let missing = missing.await.map_err(error::transact)?;
    if missing.is_empty() {
        return Ok(());
    }
    let missing: Vec<String> = missing.iter().map(IpAddr::to_string).collect();
    let text = format!("handle {handle} does not hold {}", missing.join(", "));
    Err(CniError::new(Code::AddressNotHeld, text)
        .details("the address was released while the pod runs; start the pod anew"))
}

/// The addresses of `prevResult` that are this interface's: another plugin's, on another interface, are not ours.
fn previous(conf: &NetConf, ifname: &str) -> Result<Vec<IpAddr>, CniError> {
    let refuse = |code, what: String| CniError::new(code, format!("prevResult: {what}"));
    let Some(text) = &conf.prev_result else {
        return Err(refuse(
            Code::InvalidConfig,
            "missing; CHECK compares with what ADD answered".to_owned(),
        ));
    };
    let value =
        serde_json::from_str(text.get()).map_err(|error| refuse(Code::DecodeFailure, error.to_string()))?;
    let result = AddResult::parse(conf.cni_version, &value)?;
    let ours = |index: usize| {
        result
            .interfaces
            .get(index)
            .is_none_or(|interface| interface.name == ifname)
    };
    let ips = result.ips.iter().filter(|ip| ip.interface.is_none_or(ours));
    let ips: Vec<IpAddr> = ips.map(|ip| ip.address.addr()).collect();
    if ips.is_empty() {
        return Err(refuse(
            Code::InvalidConfig,
            format!("it has no address of {ifname}"),
        ));
    }
    Ok(ips)
}

/// An answer's addresses, as the log has them.
pub(crate) fn addresses(result: &AddResult) -> String {
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
