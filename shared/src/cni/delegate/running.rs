//! A started plugin: its pipes are served, its end awaited, its answer read.

#![expect(
    clippy::disallowed_methods,
    reason = "edge: reads the clock against a deadline"
)]

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::Value;

use super::pidfd::pidfd;
use crate::cni::error::{CniError, Code};
use crate::cni::held::RELEASE;

/// More than any answer: a plugin that prints more is broken.
const ANSWER_LONGEST: usize = 16 << 20;
/// How long a killed child may take to vanish before it is left to init.
const REAP: Duration = Duration::from_secs(1);
/// Between two looks at a child on a kernel without pidfd_open(2) (before 5.3).
const TICK: Duration = Duration::from_millis(5);

/// A plugin at work. Dropped before [`Running::wait`], it is killed: wait for it if what it does must be undone.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Binary and command, for messages.
    call: String,
    started: Instant,
    stdin: Option<ChildStdin>,
    /// What of stdin is not written yet begins here.
    written: usize,
    input: Vec<u8>,
    /// Stdin does not end with what is to be written now.
    held: bool,
    stdout: Option<ChildStdout>,
    output: Vec<u8>,
    pidfd: Option<OwnedFd>,
    reaped: bool,
}

impl Running {
    pub(super) fn adopt(mut child: Child, call: String, started: Instant) -> io::Result<Self> {
        let running = Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            pidfd: pidfd(&child),
            child,
            call,
            started,
            written: 0,
            input: Vec::new(),
            held: true,
            output: Vec::new(),
            reaped: false,
        };
        running.stdin.as_ref().map(nonblocking).transpose()?;
        running.stdout.as_ref().map(nonblocking).transpose()?;
        Ok(running)
    }

    /// Its stdin, which stays open behind it.
    pub fn tell(&mut self, mut stdin: Vec<u8>) -> Result<(), CniError> {
        stdin.truncate(stdin.trim_ascii_end().len());
        self.input = stdin;
        self.feed().map_err(|error| self.failed(&error.to_string()))
    }

    /// What it was told.
    pub fn told(&self) -> &[u8] {
        &self.input
    }

    /// It may begin; its stdin ends.
    pub fn release(&mut self) -> Result<(), CniError> {
        self.input.push(RELEASE);
        self.held = false;
        self.feed().map_err(|error| self.failed(&error.to_string()))
    }

    /// Its answer, as soon as it is out: the plugin may still have things to do. It has ended where this is an error; else
    /// [`Running::wait_for_end`] tells whether it ended well.
    pub fn answer(&mut self, deadline: Instant) -> Result<Value, CniError> {
        let ended = self.until(deadline, |running| running.stdout.is_none());
        let answer = serde_json::from_slice::<Value>(self.output.trim_ascii());
        match (ended, answer) {
            (Ok(true), Ok(answer)) if CniError::from_answer(&answer).is_none() => Ok(answer),
            _ => self.outcome(deadline),
        }
    }

    /// Waits until it has ended: an error where that is not with success.
    pub fn wait_for_end(mut self, deadline: Instant) -> Result<(), CniError> {
        self.outcome(deadline).map(|_| ())
    }

    /// The plugin's answer: its stdout as JSON, null where it printed nothing. A plugin that failed gives its own
    /// error object, one that is not done at the deadline is killed.
    pub fn wait(mut self, deadline: Instant) -> Result<Value, CniError> {
        self.outcome(deadline)
    }

    fn outcome(&mut self, deadline: Instant) -> Result<Value, CniError> {
        let status = match self.finish(deadline) {
            Ok(Some(status)) => status,
            Ok(None) => {
                self.kill();
                return Err(self.too_slow());
            }
            Err(error) => {
                self.kill();
                return Err(self.failed(&error.to_string()));
            }
        };
        let answer = self.output.trim_ascii();
        match (status.success(), serde_json::from_slice::<Value>(answer)) {
            (true, _) if answer.is_empty() => Ok(Value::Null),
            (true, Ok(answer)) => Ok(answer),
            (true, Err(error)) => Err(self.failed(&format!("its answer is not JSON: {error}"))),
            (false, Ok(answer)) => {
                Err(CniError::from_answer(&answer).unwrap_or_else(|| self.failed(&status.to_string())))
            }
            (false, Err(_)) => Err(self.failed(&status.to_string())),
        }
    }

    /// Serves the pipes until it is so (true), or the deadline.
    fn until(&mut self, deadline: Instant, so: impl Fn(&Self) -> bool) -> io::Result<bool> {
        loop {
            self.feed()?;
            self.drain()?;
            if so(self) {
                return Ok(true);
            }
            // One that has ended and left its pipe to another closes nothing any more.
            let ended = self.poll(deadline)? || self.pidfd.is_none() && self.child.try_wait()?.is_some();
            if ended || Instant::now() >= deadline {
                self.drain()?;
                return Ok(so(self));
            }
        }
    }

    /// Serves the pipes until the child has ended; `None` at the deadline.
    fn finish(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        loop {
            let ended = self.poll(deadline)?;
            self.feed()?;
            self.drain()?;
            if (ended || self.stdout.is_none() || self.pidfd.is_none())
                && let Some(status) = self.child.try_wait()?
            {
                self.reaped = true;
                // Whatever it wrote before its end is in the pipe by now. A grandchild that keeps the pipe open
                // is not waited for.
                self.drain()?;
                return Ok(Some(status));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }

    /// Waits for something to do; true when the child has ended.
    fn poll(&self, deadline: Instant) -> io::Result<bool> {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = if self.pidfd.is_some() {
            left
        } else {
            left.min(TICK)
        };
        let mut fds = Vec::with_capacity(3);
        let ends = self.pidfd.as_ref().map(AsFd::as_fd);
        fds.extend(ends.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        let reads = self.stdout.as_ref().map(AsFd::as_fd);
        fds.extend(reads.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        let writes = self.stdin.as_ref().filter(|_| self.written < self.input.len());
        let writes = writes.map(AsFd::as_fd);
        fds.extend(writes.map(|fd| PollFd::new(fd, PollFlags::POLLOUT)));
        match poll(&mut fds, up_to(left)) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let first = fds.first().and_then(PollFd::any).unwrap_or(false);
        Ok(self.pidfd.is_some() && first)
    }

    /// Writes what the pipe takes now and closes it after the last byte. A plugin need not read.
    fn feed(&mut self) -> io::Result<()> {
        while let Some(stdin) = &mut self.stdin {
            let rest = self.input.get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                if !self.held {
                    self.stdin = None;
                }
                break;
            }
            match stdin.write(rest) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.stdin = None,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there now and closes the pipe at its end.
    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = [0; 8192];
        while let Some(stdout) = &mut self.stdout {
            match stdout.read(&mut buffer) {
                Ok(0) => self.stdout = None,
                Ok(count) => self.output.extend(buffer.iter().take(count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.output.len() > ANSWER_LONGEST {
                return Err(io::Error::other("its answer does not end"));
            }
        }
        Ok(())
    }

    /// As on a kernel without pidfd_open(2).
    #[cfg(test)]
    pub(super) fn on_an_old_kernel(mut self) -> Self {
        self.pidfd = None;
        self
    }

    fn kill(&mut self) {
        if self.reaped || self.child.kill().is_err() {
            return;
        }
        // A child in an uninterruptible call dies later: the caller's own deadline counts for more.
        self.stdin = None;
        self.stdout = None;
        let until = Instant::now() + REAP;
        while Instant::now() < until {
            match self.child.try_wait() {
                Ok(None) => {}
                Ok(Some(_)) | Err(_) => break,
            }
            if self.poll(until).is_err() {
                break;
            }
        }
        self.reaped = true;
    }

    fn too_slow(&self) -> CniError {
        let waited = self.started.elapsed().as_millis();
        let msg = format!("plugin {}: no answer after {waited} ms, killed", self.call);
        CniError::new(Code::TryAgainLater, msg)
    }

    fn failed(&self, why: &str) -> CniError {
        let start: Vec<u8> = self.output.iter().copied().take(200).collect();
        let error = CniError::new(Code::IpamPluginFailed, format!("plugin {}: {why}", self.call));
        if start.is_empty() {
            return error;
        }
        error.details(format!("it printed {:?}", String::from_utf8_lossy(&start)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn up_to(left: Duration) -> PollTimeout {
    // Rounded up: a poll that ends early would spin through the last millisecond.
    let millis = left.as_micros().div_ceil(1000);
    PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
}

fn nonblocking<T: AsFd>(pipe: &T) -> io::Result<()> {
    fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(())
}
