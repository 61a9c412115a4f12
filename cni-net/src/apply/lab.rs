//! Tests only: a host and a pod of namespaces of their own, and what `ip` and `ping` say in each.
#![expect(clippy::disallowed_methods, reason = "tests start programs and open files")]

use std::fs::File;
use std::future::Future;
use std::os::fd::AsFd;
use std::process::{Command, Output};

use nix::sched::{CloneFlags, setns, unshare};
use shared::kernel::Kernel;

use crate::apply::{Applied, run};
use crate::observe::{Target, observe, routes};
use crate::plan;
use crate::wiring::Wiring;

/// A network namespace that lives as long as the value.
#[derive(Debug)]
pub(crate) struct Space(File);

impl Space {
    pub(crate) fn new() -> Self {
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET).expect("root");
            File::open("/proc/thread-self/ns/net").unwrap()
        };
        Self(std::thread::spawn(make).join().unwrap())
    }

    /// Runs a shell command inside.
    pub(crate) fn sh(&self, command: &str) -> Output {
        let (netns, command) = (self.0.try_clone().unwrap(), command.to_owned());
        let inside = move || {
            setns(netns, CloneFlags::CLONE_NEWNET).unwrap();
            sh(&command)
        };
        std::thread::spawn(inside).join().unwrap()
    }

    /// What the command prints; it must succeed.
    pub(crate) fn out(&self, command: &str) -> String {
        out(command, self.sh(command))
    }

    pub(crate) fn kernel(&self) -> Kernel {
        Kernel::open(Some(self.0.as_fd())).unwrap()
    }

    /// Where this process can find it.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        use std::os::fd::AsRawFd;
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}

fn sh(command: &str) -> Output {
    Command::new("sh").args(["-c", command]).output().unwrap()
}

fn out(command: &str, output: Output) -> String {
    assert!(
        output.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// What the command prints on the host; it must succeed.
pub(crate) fn host(command: &str) -> String {
    out(command, sh(command))
}

/// Whether the command succeeds on the host.
pub(crate) fn holds(command: &str) -> bool {
    sh(command).status.success()
}

/// Runs the test on a thread that lives in a fresh "host" namespace.
pub(crate) fn on_a_host<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let body = move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("root");
        host("ip link set lo up");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(test());
    };
    if let Err(failure) = std::thread::spawn(body).join() {
        std::panic::resume_unwind(failure);
    }
}

/// A pod's wiring with these addresses.
pub(crate) fn wiring(host_if: &str, addresses: &[&str]) -> Wiring {
    let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
    Wiring {
        addresses,
        ..Wiring::new(host_if, "eth0", 1450)
    }
}

/// ADD as the command does it: build, then look the addresses up, then the rest.
pub(crate) async fn add(kernel: &Kernel, wiring: &Wiring) -> Result<Applied, String> {
    let bare = Wiring {
        addresses: Vec::new(),
        ..wiring.clone()
    };
    let mut seen = observe(kernel, &Target::from(&bare))
        .await
        .map_err(|error| error.to_string())?;
    let ops = plan::build(&seen, &bare).map_err(|error| error.to_string())?;
    let built = run(kernel, &ops, None).await.map_err(|error| error.to_string())?;
    routes(kernel, &mut seen, &wiring.addresses)
        .await
        .map_err(|error| error.to_string())?;
    let rest = match plan::address(&seen, wiring) {
        Ok(ops) => run(kernel, &ops, None).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match rest {
        Ok(rest) => Ok(built.then(rest)),
        Err(error) => {
            built.undo(kernel).await.unwrap();
            Err(error)
        }
    }
}

/// What CHECK would say.
pub(crate) async fn check(kernel: &Kernel, wiring: &Wiring) -> Vec<String> {
    let seen = observe(kernel, &Target::from(wiring)).await.unwrap();
    plan::differences(&plan::diff(&seen, Some(wiring)).unwrap())
}

/// Everything of the host that a pod may change.
pub(crate) fn host_state() -> String {
    let keys = "net.ipv4.conf.lo.forwarding net.ipv4.conf.all.proxy_arp net.ipv6.conf.all.disable_ipv6";
    host(&format!(
        "ip -d link; ip addr; ip route show table all; ip -6 route show table all; ip neigh; sysctl {keys}"
    ))
}
