//! Running another plugin: found along CNI_PATH, given its stdin, waited for until a deadline.
//!
//! ```text
//! find ── path ──> start ── fork, exec, as much stdin as the pipe takes ──> Running
//!                  (the caller works on)                                       │ wait: poll stdin, stdout, exit
//!                                                       stdout as JSON, or the child's own error object
//! ```
//!
//! A plugin of ours can be started before anybody knows that it will be needed ([`Delegate::hold`], [`super::held`]): it prepares
//! itself on another processor and touches nothing until it is released.
//!
//! One child and no thread. The child dies with the *thread* that started it (prctl(2), PR_SET_PDEATHSIG): start
//! it from the main thread, or from one that lives until `wait`. Our own plugin asks for that itself, as soon as it runs
//! ([`die_with_caller`]): then it need not be forked, which copies the page tables of a process that has its store open.

#![expect(clippy::disallowed_methods, reason = "edge: starts and times a child process")]

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::error::{CniError, Code};
use super::held;
use super::request::{Attachment, Env};

mod pidfd;
mod running;

pub use running::Running;

/// The plugin that keeps [`die_with_caller`].
const OWN: &str = "cni-ipam";
/// Tells it the process that calls it.
const DIE_WITH: &str = "MANX_DIE_WITH";

/// Starting other plugins.
#[derive(Clone, Copy, Debug)]
pub struct Delegate;

impl Delegate {
    /// The first executable file of this name in these directories.
    pub fn find(path: &[PathBuf], kind: &str) -> Result<PathBuf, CniError> {
        if kind.is_empty() || kind == "." || kind == ".." || kind.contains(['/', '\\', '\0']) {
            let msg = format!("plugin type {kind:?} is not a file name");
            return Err(CniError::new(Code::InvalidConfig, msg));
        }
        if path.is_empty() {
            let msg = format!("CNI_PATH is missing: nowhere to look for plugin {kind:?}");
            return Err(CniError::new(Code::InvalidEnvironment, msg));
        }
        let runs = |file: &PathBuf| {
            file.metadata()
                .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        };
        let found = path.iter().map(|dir| dir.join(kind)).find(runs);
        found.ok_or_else(|| {
            let dirs: Vec<String> = path.iter().map(|dir| dir.display().to_string()).collect();
            let msg = format!("no executable plugin {kind:?} in CNI_PATH {}", dirs.join(":"));
            CniError::new(Code::IpamPluginFailed, msg)
        })
    }

    /// Starts a plugin with this environment, its `CNI_*` variables replaced by what is said here.
    #[expect(
        clippy::too_many_arguments,
        reason = "the protocol's own parameters, each once"
    )]
    pub fn start(
        binary: &Path,
        command: &str,
        attachment: Option<&Attachment>,
        cni_path: &[PathBuf],
        env: &Env,
        stdin: Vec<u8>,
    ) -> Result<Running, CniError> {
        let mut running = spawn(
            binary,
            command,
            plugin(binary, command, attachment, cni_path, env),
        )?;
        running.tell(stdin)?;
        running.release()?;
        Ok(running)
    }

    /// The same for a plugin that can be held: it has no stdin yet, and begins only when it is released. `None` for any
    /// other plugin: it would take the end of its stdin for the word to go.
    pub fn hold(
        binary: &Path,
        command: &str,
        attachment: Option<&Attachment>,
        cni_path: &[PathBuf],
        env: &Env,
    ) -> Option<Running> {
        let mut child = plugin(binary, command, attachment, cni_path, env);
        child.env(held::VARIABLE, "1");
        is_own(binary).then(|| spawn(binary, command, child).ok())?
    }
}

fn is_own(binary: &Path) -> bool {
    binary.file_name() == Some(OWN.as_ref())
}

fn plugin(
    binary: &Path,
    command: &str,
    attachment: Option<&Attachment>,
    cni_path: &[PathBuf],
    env: &Env,
) -> Command {
    let mut child = Command::new(binary);
    child
        .env_clear()
        .envs(env.vars().iter().filter(|(key, _)| !is_parameter(key)))
        .envs(parameters(command, attachment, cni_path))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    if is_own(binary) {
        child.env(DIE_WITH, std::process::id().to_string());
    } else {
        die_with_parent(&mut child);
    }
    child
}

fn spawn(binary: &Path, command: &str, mut child: Command) -> Result<Running, CniError> {
    let child = child
        .spawn()
        .map_err(|error| failed(binary, command, &format!("cannot start: {error}")))?;
    let call = format!("{} {command}", binary.display());
    Running::adopt(child, call, Instant::now()).map_err(|error| failed(binary, command, &error.to_string()))
}

fn is_parameter(key: &str) -> bool {
    const PARAMETERS: [&str; 6] = [
        "CNI_COMMAND",
        "CNI_CONTAINERID",
        "CNI_NETNS",
        "CNI_IFNAME",
        "CNI_ARGS",
        "CNI_PATH",
    ];
    PARAMETERS.contains(&key)
}

fn parameters(
    command: &str,
    attachment: Option<&Attachment>,
    cni_path: &[PathBuf],
) -> Vec<(&'static str, OsString)> {
    let dirs: Vec<OsString> = cni_path.iter().map(|dir| dir.into()).collect();
    let mut list = vec![
        ("CNI_COMMAND", command.into()),
        ("CNI_PATH", dirs.join(":".as_ref())),
    ];
    if let Some(attachment) = attachment {
        list.push(("CNI_CONTAINERID", attachment.container_id.as_str().into()));
        list.push(("CNI_IFNAME", attachment.ifname.as_str().into()));
        list.push(("CNI_ARGS", attachment.args.raw().into()));
        // Set even when empty, as libcni does: some plugins tell "empty" from "not there".
        let netns = attachment.netns.as_deref().unwrap_or(Path::new(""));
        list.push(("CNI_NETNS", netns.into()));
    }
    list
}

/// For our own plugin, at its start: ends it when the process that called it ends, or has ended already.
pub(super) fn die_with_caller(env: &Env) -> io::Result<()> {
    use nix::sys::{prctl, signal::Signal};

    let Some(caller) = env.vars().get(DIE_WITH) else {
        return Ok(());
    };
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    // The caller may have died before the line above: then its signal will never come.
    if nix::unistd::getppid().to_string() == *caller {
        Ok(())
    } else {
        Err(io::Error::from(nix::errno::Errno::ESRCH))
    }
}

/// Nobody must go on allocating for a caller that is gone and cannot release.
#[expect(unsafe_code, reason = "edge: pre_exec runs between fork and exec")]
fn die_with_parent(child: &mut Command) {
    use nix::sys::{prctl, signal::Signal};

    let parent = nix::unistd::getpid();
    let prepare = move || {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have died before the line above: then its signal will never come.
        if nix::unistd::getppid() == parent {
            Ok(())
        } else {
            Err(io::Error::from(nix::errno::Errno::ESRCH))
        }
    };
    // SAFETY: only prctl(2) and getppid(2) are called, both safe after fork, and nothing allocates.
    unsafe { child.pre_exec(prepare) };
}

fn failed(binary: &Path, command: &str, why: &str) -> CniError {
    let msg = format!("plugin {} {command}: {why}", binary.display());
    CniError::new(Code::IpamPluginFailed, msg)
}

/// Lets go of stdout: a runtime that reads to its end need not wait for what comes after the answer.
/// Descriptor 1 stays taken, so that no file opened later becomes stdout.
pub(super) fn close_stdout() {
    let null = std::fs::OpenOptions::new().write(true).open("/dev/null");
    if let Ok(null) = null {
        // A descriptor that cannot be replaced closes when the process ends.
        let _ = nix::unistd::dup2_stdout(null);
    }
}

#[cfg(test)]
mod tests;
