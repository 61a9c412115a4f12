//! Two fresh namespaces per test, and what `ip` prints in each.

use std::fs::File;
use std::future::Future;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::process::Command;

use ipnet::IpNet;
use nix::sched::{CloneFlags, setns, unshare};
use shared::kernel::{Kernel, Outcome};
use shared::op::{Mac, Need, Op, Side, Sysctl, Veth};

pub(crate) const CALI: &str = "cali0.1";
pub(crate) const ETH0: &str = "eth0";

/// Runs the test on a thread that lives in a fresh "host" namespace, with a fresh "pod".
pub(crate) fn between<F: Future<Output = ()>>(test: impl FnOnce(Kernel, Pod) -> F + Send + 'static) {
    let body = move || {
        let pod = Pod(fresh());
        unshare(CloneFlags::CLONE_NEWNET).expect("root");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let kernel = Kernel::open(Some(pod.0.as_fd())).unwrap();
            test(kernel, pod).await;
        });
    };
    if let Err(failure) = std::thread::spawn(body).join() {
        std::panic::resume_unwind(failure);
    }
}

fn fresh() -> File {
    let make = || {
        unshare(CloneFlags::CLONE_NEWNET).expect("root");
        File::open("/proc/thread-self/ns/net").unwrap()
    };
    std::thread::spawn(make).join().unwrap()
}

pub(crate) struct Pod(File);

impl Pod {
    /// What `ip` prints in the pod.
    pub(crate) fn ip(&self, args: &str) -> String {
        let (netns, args) = (self.0.try_clone().unwrap(), args.to_owned());
        let inside = move || {
            setns(netns, CloneFlags::CLONE_NEWNET).unwrap();
            ip(&args)
        };
        std::thread::spawn(inside).join().unwrap()
    }
}

/// What `ip` prints on the host; it must succeed.
pub(crate) fn ip(args: &str) -> String {
    let output = Command::new("ip")
        .args(args.split_whitespace())
        .output()
        .expect("ip");
    assert!(
        output.status.success(),
        "ip {args}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub(crate) fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn veth() -> Veth {
    Veth {
        host: CALI.into(),
        pod: ETH0.into(),
        mtu: 1450,
        queues: 1,
        host_mac: Mac([0xee; 6]),
        pod_mac: Some(Mac([2, 0, 0, 0, 0, 5])),
    }
}

pub(crate) fn sysctl(side: Side, key: &str, value: &str, need: Need) -> Sysctl {
    Sysctl {
        side,
        key: key.into(),
        value: value.into(),
        was: None,
        need,
    }
}

/// A pair that is up.
pub(crate) fn up() -> [Op; 3] {
    [
        Op::AddVeth(veth()),
        Op::SetUp {
            side: Side::Host,
            link: CALI.into(),
        },
        Op::SetUp {
            side: Side::Pod,
            link: ETH0.into(),
        },
    ]
}

pub(crate) async fn all(kernel: &Kernel, ops: &[Op]) {
    for op in ops {
        assert_eq!(kernel.apply(op).await.unwrap(), Outcome::Done, "{op}");
    }
}

/// Applies, looks for the text where it must appear, applies the inverse, and finds everything as it was.
pub(crate) async fn there_and_back(kernel: &Kernel, op: Op, look: impl Fn() -> String, appears: &str) {
    let before = look();
    assert!(
        !before.contains(appears),
        "{op}: {appears:?} is there before:\n{before}"
    );
    all(kernel, std::slice::from_ref(&op)).await;
    let after = look();
    assert!(after.contains(appears), "{op}: no {appears:?} in\n{after}");
    let undone = kernel.apply(&op.inverse().unwrap()).await.unwrap();
    assert!(
        matches!(undone, Outcome::Done | Outcome::Removed(_)),
        "{op}: {undone:?}"
    );
    assert_eq!(look(), before, "{op}");
}
