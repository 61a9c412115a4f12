//! A kernel of its own for each test: a thread in a fresh network namespace, and what `ip` does there. Needs root.
#![expect(clippy::disallowed_methods, reason = "tests start `ip`, and read /proc/sys")]

mod hears;
mod routes;
mod sees;

use std::future::Future;
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use ipnet::IpNet;
use nix::sched::{CloneFlags, unshare};
use tokio::time::timeout;

use super::{Kernel, Noticed};
use crate::fib::{Hop, Kind, LEARNED, Op, Plan, Route, Routes, diff};

/// Two links with a network of each family: 10.0.0.0/24 and fd00:0::/64 on `east`, 10.0.1.0/24 and fd00:1::/64 on
/// `west`; nothing is in flight when the test begins.
fn alone<F: Future<Output = ()>>(test: impl FnOnce(Kernel) -> F + Send + 'static) {
    let body = move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("root");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            ip("link set lo up");
            for (number, name) in ["east", "west"].into_iter().enumerate() {
                ip(&format!("link add {name} type veth peer name {name}-far"));
                for end in [name, &format!("{name}-far")] {
                    std::fs::write(format!("/proc/sys/net/ipv6/conf/{end}/accept_dad"), "0").unwrap();
                    ip(&format!("link set {end} up"));
                }
                ip(&format!("address add 10.0.{number}.1/24 dev {name}"));
                ip(&format!("address add fd00:{number}::1/64 dev {name} nodad"));
            }
            let mut kernel = Kernel::open().await.unwrap();
            while timeout(Duration::from_millis(700), kernel.next()).await.is_ok() {}
            test(kernel).await;
        });
    };
    if let Err(failure) = std::thread::spawn(body).join() {
        std::panic::resume_unwind(failure);
    }
}

/// What `ip` prints; it must succeed.
fn ip(args: &str) -> String {
    let output = Command::new("ip")
        .args(args.split_whitespace())
        .output()
        .expect("ip");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {args}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn hop(text: &str) -> Hop {
    let (gateway, link) = text.split_once('%').unwrap();
    Hop {
        gateway: (!gateway.is_empty()).then(|| addr(gateway)),
        interface: Some(link.into()),
    }
}

/// `10.0.0.2%east`, by a space each.
fn via(hops: &str) -> Kind {
    Kind::via(hops.split(' ').map(hop))
}

fn route(destination: &str, kind: Kind) -> Route {
    Route {
        destination: net(destination),
        metric: LEARNED,
        kind,
    }
}

fn there(destination: &str, kind: Kind) -> Op {
    Op::Replace(route(destination, kind))
}

/// All are done, and the kernel holds just these.
async fn reach(kernel: &Kernel, wanted: &Routes) {
    let plan = diff(wanted, &kernel.look().await.unwrap().ours, None);
    for ops in [plan.put, plan.learned, plan.remove, plan.after_withdrawal] {
        assert_eq!(kernel.apply(&ops).await, []);
    }
    let ours = kernel.look().await.unwrap().ours;
    assert_eq!(diff(wanted, &ours, None), Plan::default(), "{ours:?}");
}

fn table(routes: impl IntoIterator<Item = Route>) -> Routes {
    let entry = |route: Route| ((route.destination, route.metric), route.kind);
    routes.into_iter().map(entry).collect()
}

async fn heard(kernel: &mut Kernel) -> Option<Noticed> {
    timeout(Duration::from_secs(2), kernel.next()).await.ok()
}
