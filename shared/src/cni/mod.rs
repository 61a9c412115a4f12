//! The CNI protocol (SPEC 0.3.0 to 1.1.0): one call read from environment and stdin, one answer on stdout.
//!
//! ```text
//! env, stdin ── request::parse ──> Request ── Plugin ──> result or error ── respond ──> stdout, exit status
//! ```
//!
//! Imports nothing of ours. *Not implemented*: UPDATE (never specified), and being a runtime beyond one
//! delegated plugin ([`delegate`]).

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

pub mod config;
#[cfg(feature = "edge")]
pub mod delegate;
pub mod error;
pub mod held;
pub mod request;
pub mod result;
pub mod timeouts;
pub mod version;

pub use config::NetConf;
pub use error::{CniError, Code};
pub use request::{Args, Attachment, Env, Request};
pub use result::AddResult;
pub use version::SpecVersion;

/// What a plugin does for each verb.
pub trait Plugin {
    /// ADD.
    fn add(&self, env: &Env, attachment: &Attachment, conf: &NetConf) -> Result<AddResult, CniError>;
    /// DEL.
    fn del(&self, env: &Env, attachment: &Attachment, conf: &NetConf) -> Result<(), CniError>;
    /// CHECK.
    fn check(&self, env: &Env, attachment: &Attachment, conf: &NetConf) -> Result<(), CniError>;
    /// GC, with `CNI_PATH`.
    fn gc(&self, env: &Env, path: &[PathBuf], conf: &NetConf) -> Result<(), CniError>;
    /// STATUS, with `CNI_PATH`.
    fn status(&self, env: &Env, path: &[PathBuf], conf: &NetConf) -> Result<(), CniError>;

    /// Whether ADD and CHECK need `CNI_NETNS`.
    fn uses_netns(&self) -> bool;

    /// A first argument `-v`, `--version` (stdin is empty) or `-t`; `None` goes on as if it were not there.
    fn flag(&self, _env: &Env, _flag: &str, _stdin: &[u8]) -> Option<ExitCode> {
        None
    }

    /// A call that was answered, for whoever counts them.
    fn answered(&self, _env: &Env, _conf: &NetConf, _call: Answered) {}

    /// What can wait until the runtime has its answer.
    fn after_answer(&self) {}
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// `ADD`, `DEL`, `CHECK` or `GC`: what a runtime asks without being asked to look.
    pub verb: &'static str,
    /// The error's code; 0 is a success.
    pub code: u32,
    /// From the start to the answer.
    pub took: Duration,
}

/// One call from start to end: the only place that reads stdin, and the only one that writes to stdout.
#[expect(clippy::disallowed_methods, reason = "edge: how long the call took")]
pub fn serve(plugin: &impl Plugin) -> ExitCode {
    let begun = Instant::now();
    answer_for_panics();
    let mut env = Env::of_process();
    #[cfg(feature = "edge")]
    if delegate::die_with_caller(&env).is_err() {
        // Nobody is there to hear of it.
        return ExitCode::FAILURE;
    }
    let flag = std::env::args_os()
        .nth(1)
        .and_then(|flag| flag.into_string().ok());
    if let Some(flag) = flag.as_deref().filter(|flag| matches!(*flag, "-v" | "--version"))
        && let Some(code) = plugin.flag(&env, flag, &[])
    {
        return code;
    }
    let stdin = stdin(&env);
    if let (Some("-t"), Ok(stdin)) = (flag.as_deref(), &stdin)
        && let Some(code) = plugin.flag(&env, "-t", stdin)
    {
        return code;
    }
    env.spend(begun.elapsed());
    let request = match stdin {
        Ok(stdin) => request::parse(&env, &stdin, plugin.uses_netns()),
        Err(error) => Err(request::Refused {
            version: SpecVersion::UNKNOWN,
            error,
        }),
    };
    let (version, outcome) = carry_out(plugin, &env, &request);
    let code = outcome.as_ref().err().map_or(0, |error| error.code.number());
    let said = say(&rendered(version, outcome));
    tell(plugin, &env, &request, (begun, code));
    plugin.after_answer();
    ExitCode::from(if said && code == 0 { 0 } else { 1 })
}

/// Carries a request out: what goes to stdout (may be nothing), and the exit status.
pub fn respond(plugin: &impl Plugin, env: &Env, request: &Result<Request, request::Refused>) -> (String, u8) {
    let (version, outcome) = carry_out(plugin, env, request);
    let exit = u8::from(outcome.is_err());
    (rendered(version, outcome), exit)
}

fn rendered(version: SpecVersion, outcome: Result<String, CniError>) -> String {
    outcome.unwrap_or_else(|error| error.render(version))
}

fn carry_out(
    plugin: &impl Plugin,
    env: &Env,
    request: &Result<Request, request::Refused>,
) -> (SpecVersion, Result<String, CniError>) {
    match request {
        Err(refused) => (refused.version, Err(refused.error.clone())),
        Ok(Request::Add(attachment, conf)) => {
            let version = conf.cni_version;
            let result = plugin.add(env, attachment, conf);
            (version, result.map(|result| result.render(version).to_string()))
        }
        Ok(Request::Del(attachment, conf)) => (conf.cni_version, quiet(plugin.del(env, attachment, conf))),
        Ok(Request::Check(attachment, conf)) => {
            (conf.cni_version, quiet(plugin.check(env, attachment, conf)))
        }
        Ok(Request::Gc(path, conf)) => (conf.cni_version, quiet(plugin.gc(env, path, conf))),
        Ok(Request::Status(path, conf)) => (conf.cni_version, quiet(plugin.status(env, path, conf))),
        Ok(Request::Version(version)) => (*version, Ok(versions(*version))),
    }
}

/// Tells the plugin what became of a call that counts. One that was held begins with its release.
fn tell(
    plugin: &impl Plugin,
    env: &Env,
    request: &Result<Request, request::Refused>,
    (begun, code): (Instant, u32),
) {
    let asked = if held::is_held(env) {
        held::released_at()
    } else {
        Some(begun)
    };
    if let (Some((verb, conf)), Some(asked)) = (request.as_ref().ok().and_then(counted), asked) {
        let took = asked.elapsed();
        plugin.answered(env, conf, Answered { verb, code, took });
    }
}

fn counted(request: &Request) -> Option<(&'static str, &NetConf)> {
    match request {
        Request::Add(_, conf) => Some(("ADD", conf)),
        Request::Del(_, conf) => Some(("DEL", conf)),
        Request::Check(_, conf) => Some(("CHECK", conf)),
        Request::Gc(_, conf) => Some(("GC", conf)),
        Request::Status(..) | Request::Version(_) => None,
    }
}

/// A panic is an answer too, and not a silent abort: the runtime gets an error object that says where it was.
fn answer_for_panics() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        default(panic);
        let error = CniError::new(
            Code::IoFailure,
            format!("internal error, please report it: {panic}"),
        );
        say(&error.render(SpecVersion::UNKNOWN));
        leave();
    }));
}

#[expect(
    clippy::disallowed_methods,
    reason = "edge: a panic ends the process, in whatever thread"
)]
fn leave() {
    std::process::exit(1);
}

fn quiet(outcome: Result<(), CniError>) -> Result<String, CniError> {
    outcome.map(|()| String::new())
}

fn versions(asked: SpecVersion) -> String {
    let supported: Vec<&str> = SpecVersion::ALL.into_iter().map(SpecVersion::as_str).collect();
    let mut object = Map::new();
    object.insert("cniVersion".into(), asked.as_str().into());
    object.insert("supportedVersions".into(), supported.into());
    Value::Object(object).to_string()
}

/// All of stdin. A terminal counts as empty: somebody started the plugin by hand and waits for an answer.
fn stdin(env: &Env) -> Result<Vec<u8>, CniError> {
    let mut stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        return Ok(Vec::new());
    }
    let mut bytes = Vec::new();
    let read = match held::is_held(env) {
        true => held::read_value(&mut stdin),
        false => stdin.read_to_end(&mut bytes).map(|_| bytes),
    };
    read.map_err(|error| CniError::new(Code::IoFailure, format!("stdin: {error}")))
}

/// Prints the answer and closes stdout, so that the runtime has it before anything that comes later.
fn say(answer: &str) -> bool {
    let mut stdout = std::io::stdout().lock();
    let end = if answer.is_empty() { "" } else { "\n" };
    let said = write!(stdout, "{answer}{end}").and_then(|()| stdout.flush());
    #[cfg(feature = "edge")]
    delegate::close_stdout();
    said.is_ok()
}

#[cfg(test)]
mod tests;
