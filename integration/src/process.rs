//! Edge: other programs. Each is started in a namespace of choice, dies with the thread that started it, is bounded in time,
//! and leaves a line in the test's log.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::daemon::Daemon;
use crate::wait::PATIENCE;

mod place;

/// A command before it is started.
pub struct Cmd {
    inner: Command,
    label: String,
    stdin: Vec<u8>,
    limit: Duration,
    quiet: bool,
}

/// A started command.
pub struct Running {
    child: Child,
    label: String,
    since: Instant,
    limit: Duration,
    quiet: bool,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
}

/// What a command said and how it ended.
pub struct Answer {
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
    /// From start to end, both pipes closed.
    pub took: Duration,
    label: String,
}

impl Cmd {
    /// A program by path or by name.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let inner = Command::new(&program);
        let label = Path::new(program.as_ref())
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Self {
            inner,
            label,
            stdin: Vec::new(),
            limit: PATIENCE,
            quiet: false,
        }
        .env("LC_ALL", "C")
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        for arg in args {
            self.label = format!("{} {}", self.label, arg.as_ref().to_string_lossy());
            self.inner.arg(arg);
        }
        self
    }

    /// Sets a variable.
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.inner.env(key, value);
        self
    }

    /// Takes every variable away, the inherited ones too.
    pub fn no_env(mut self) -> Self {
        self.inner.env_clear();
        self
    }

    /// What it reads; nothing, when not given.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Another limit than [`PATIENCE`].
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// A better name in the log.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Leaves no line in the log when it succeeds.
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    fn dies_with_us(self) -> Self {
        self.before_exec(|| set_pdeathsig(Signal::SIGKILL).map_err(Into::into))
    }

    /// Starts it and returns at once.
    pub fn start(self) -> Running {
        let Self {
            mut inner,
            label,
            stdin,
            limit,
            quiet,
        } = self.dies_with_us();
        inner
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let since = Instant::now();
        let mut child = inner
            .spawn()
            .unwrap_or_else(|error| panic!("start {label}: {error}"));
        let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
        if let Some(mut pipe) = child.stdin.take() {
            // A program that ends before it has read everything is its own affair.
            drop(pipe.write_all(&stdin));
        }
        Running {
            child,
            label,
            since,
            limit,
            quiet,
            stdout,
            stderr,
        }
    }

    /// Runs it to its end.
    pub fn run(self) -> Answer {
        self.start().wait()
    }

    /// Runs it to its end, which must be good; its standard output.
    pub fn ok(self) -> String {
        self.run().ok().stdout
    }

    /// Runs it to its end, which must be good, as a runtime does: started without a copy of this process's page tables, its
    /// standard output read by this thread. How long it took.
    pub fn timed(self) -> Duration {
        let Self {
            mut inner,
            label,
            stdin,
            ..
        } = self;
        inner
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let since = Instant::now();
        let mut child = inner
            .spawn()
            .unwrap_or_else(|error| panic!("start {label}: {error}"));
        if let Some(mut pipe) = child.stdin.take() {
            drop(pipe.write_all(&stdin));
        }
        let answer = child.wait_with_output();
        let took = since.elapsed();
        let answer = answer.unwrap_or_else(|error| panic!("{label}: {error}"));
        let said = String::from_utf8_lossy(&answer.stdout);
        assert!(answer.status.success(), "{label}: {}: {said}", answer.status);
        took
    }

    /// Starts a server; what it says goes to `log`.
    pub fn serve(self, log: &Path) -> Daemon {
        let Self { mut inner, label, .. } = self.dies_with_us();
        let file = File::create(log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let copy = file
            .try_clone()
            .unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        inner.stdin(Stdio::null()).stdout(file).stderr(copy);
        let child = inner
            .spawn()
            .unwrap_or_else(|error| panic!("start {label}: {error}"));
        Daemon::new(child, label)
    }
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            drop(pipe.read_to_end(&mut bytes));
        }
        drop(sender.send(bytes));
    });
    receiver
}

impl Running {
    /// Its process number.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// SIGKILL, now. A process that has ended already does not mind.
    pub fn kill(&mut self) {
        drop(self.child.kill());
    }

    /// SIGINT: it may still say something.
    pub fn interrupt(&self) {
        let sent = nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid()), Signal::SIGINT);
        sent.unwrap_or_else(|error| panic!("SIGINT to {}: {error}", self.label));
    }

    /// Whether it has ended; its pipes may still be held.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Waits, as a runtime does, until it has ended *and* nobody holds its pipes.
    pub fn wait(mut self) -> Answer {
        let left = |since: Instant, limit: Duration| limit.saturating_sub(since.elapsed());
        let stdout = self.stdout.recv_timeout(left(self.since, self.limit));
        let stderr = self.stderr.recv_timeout(left(self.since, self.limit));
        let (Ok(stdout), Ok(stderr)) = (stdout, stderr) else {
            self.kill();
            panic!(
                "{}: still running (or its pipes held) after {:?}",
                self.label, self.limit
            );
        };
        let status = self
            .child
            .wait()
            .unwrap_or_else(|error| panic!("wait for {}: {error}", self.label));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let answer = Answer {
            status,
            stdout: text(stdout),
            stderr: text(stderr),
            took: self.since.elapsed(),
            label: self.label,
        };
        if !self.quiet || !status.success() {
            eprintln!("+ {} [{}, {:.1?}]", answer.label, answer.status, answer.took);
        }
        answer
    }
}

impl Answer {
    /// The same answer, a success.
    pub fn ok(self) -> Self {
        assert!(self.status.success(), "expected success of {}", self.told());
        self
    }

    /// Success, whatever was said.
    pub fn ok_only(self) {
        drop(self.ok());
    }

    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("expected one JSON document ({error}) from {}", self.told()))
    }

    /// Everything there is to say about it.
    pub fn told(&self) -> String {
        format!(
            "`{}`: {}\n--- stdout\n{}\n--- stderr\n{}",
            self.label, self.status, self.stdout, self.stderr
        )
    }
}
