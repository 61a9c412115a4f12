//! A plugin called as runtimes call it: a verb and parameters in the environment, the netconf on standard input.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::netns::Netns;
use crate::node::Pod;
use crate::process::{Answer, Cmd, Running};
use crate::require::{self, REFERENCE_PLUGINS, dist};

/// One call of a plugin, before it is made.
pub struct Call {
    command: Cmd,
    env: BTreeMap<String, String>,
    stdin: Vec<u8>,
}

/// The error object of the CNI specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The specification's below 100, ours from there.
    pub code: u64,
    /// What went wrong.
    pub msg: String,
    /// More about it.
    pub details: String,
}

impl Call {
    /// A plugin of ours, or one of Debian's where we have none of that name.
    pub fn new(plugin: &str, verb: &str, conf: &Value) -> Self {
        let ours = ["cni-net", "cni-ipam"].contains(&plugin);
        let binary = if ours {
            dist(plugin)
        } else {
            PathBuf::from(REFERENCE_PLUGINS).join(plugin)
        };
        let env = [
            ("CNI_COMMAND", verb.to_owned()),
            ("CNI_PATH", cni_path()),
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
        ];
        Self {
            command: Cmd::new(binary).label(format!("{plugin} {verb}")).no_env(),
            env: env
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
            stdin: conf.to_string().into_bytes(),
        }
    }

    /// The same under `strace`, which writes the named system calls of all its processes to a file.
    pub fn traced(plugin: &str, verb: &str, conf: &Value, (calls, log): (&str, &Path)) -> Self {
        let call = Self::new(plugin, verb, conf);
        let trace = format!("trace={calls}");
        let command = Cmd::new(require::tool("strace"))
            .args(["-f", "-y", "-qq", "-s", "4096", "-e", &trace, "-o"])
            .args([log, &dist(plugin)])
            .no_env();
        Self { command, ..call }
    }

    /// The parameters of an attachment.
    pub fn about(self, pod: &Pod) -> Self {
        let call = self
            .env("CNI_CONTAINERID", &pod.container)
            .env("CNI_NETNS", &pod.netns.path().display().to_string())
            .env("CNI_IFNAME", &pod.ifname);
        if pod.args.is_empty() {
            call
        } else {
            call.env("CNI_ARGS", &pod.args)
        }
    }

    /// Sets a variable.
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Takes a variable away.
    pub fn without(mut self, key: &str) -> Self {
        self.env.remove(key);
        self
    }

    /// Other bytes than the netconf on standard input.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// An argument on the command line.
    pub fn arg(mut self, argument: &str) -> Self {
        self.command = self.command.args([argument]);
        self
    }

    /// The namespace of the node that calls.
    pub fn within(mut self, netns: &Netns) -> Self {
        self.command = self.command.within(netns);
        self
    }

    /// Fails when it takes longer.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.command = self.command.limit(limit);
        self
    }

    /// Leaves no line in the log when it succeeds.
    pub fn quiet(mut self) -> Self {
        self.command = self.command.quiet();
        self
    }

    /// Starts it and returns at once.
    pub fn start(self) -> Running {
        let set = |command: Cmd, (key, value): (&String, &String)| command.env(key, value);
        self.env.iter().fold(self.command, set).stdin(self.stdin).start()
    }

    /// Makes the call.
    pub fn run(self) -> Answer {
        self.start().wait()
    }

    /// Makes the call in the namespace of this thread; how long it took, see [`Cmd::timed`].
    pub fn timed(self) -> Duration {
        let set = |command: Cmd, (key, value): (&String, &String)| command.env(key, value);
        self.env.iter().fold(self.command, set).stdin(self.stdin).timed()
    }
}

/// Ours first, Debian's behind.
pub fn cni_path() -> String {
    let ours = dist("cni-net");
    format!("{}:{REFERENCE_PLUGINS}", ours.parent().unwrap_or(&ours).display())
}

impl Answer {
    /// Success with a result on standard output.
    pub fn result(self) -> Value {
        let answer = self.ok();
        let value = answer.json();
        assert!(
            value.get("code").is_none(),
            "an error object with exit 0: {}",
            answer.told()
        );
        value
    }

    /// Success with nothing on standard output.
    pub fn silent(self) {
        let answer = self.ok();
        assert!(
            answer.stdout.trim().is_empty(),
            "expected no output from {}",
            answer.told()
        );
    }

    /// Failure with the specification's error object on standard output.
    pub fn failure(self) -> Failure {
        assert!(!self.status.success(), "expected a failure of {}", self.told());
        let value = self.json();
        let code = value["code"]
            .as_u64()
            .unwrap_or_else(|| panic!("no code in {}", self.told()));
        let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let failure = Failure {
            code,
            msg: text("msg"),
            details: text("details"),
        };
        assert!(
            code > 0 && !failure.msg.is_empty(),
            "an empty error object from {}",
            self.told()
        );
        assert_eq!(
            self.stdout.trim().lines().count(),
            1,
            "more than the error object on stdout: {}",
            self.told()
        );
        failure
    }
}

impl Failure {
    /// Fails unless every text stands in the message or the details.
    pub fn says(&self, texts: &[&str]) {
        let whole = format!("{} {}", self.msg, self.details);
        for text in texts {
            assert!(whole.contains(text), "expected {text:?} in {self:?}");
        }
    }
}
