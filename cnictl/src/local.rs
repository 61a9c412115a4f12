//! Edge: this machine as a node: its name, what its kernel holds, and waiting; and the cluster's API server.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use shared::ipam::audit::around::{Kernel, Pod, Pods};
use shared::kernel::fact::Path as Held;
use shared::kubernetes::{self, Access, Seen};
use shared::state::nodename;

/// This machine's name as a node, if it is certain to be one: `MANX_NODENAME`, `CALICO_NODENAME`, or the file that
/// Calico, the sidecar and the installer leave. With the embedded store (`alone`) there is no other node it could be.
pub fn node(env: &BTreeMap<String, String>, file: Option<&Path>, alone: bool) -> Option<String> {
    let named = env.get("MANX_NODENAME").or_else(|| env.get("CALICO_NODENAME"));
    let found = nodename::resolve(named.map(String::as_str), file, None).ok()?;
    (found.assured || alone).then_some(found.name)
}

/// What this network namespace holds of the addresses.
pub async fn kernel(addresses: &[IpAddr]) -> Result<Kernel, String> {
    let failed =
        |error: shared::kernel::KernelError| format!("{error}; nothing is freed without the kernel's word");
    let mut own = BTreeSet::new();
    let mut held = BTreeMap::new();
    for interface in nix::ifaddrs::getifaddrs().map_err(|error| format!("list addresses: {error}"))? {
        if let Some(address) = interface.address.as_ref().and_then(ip) {
            own.insert(address);
            if addresses.contains(&address) {
                held.insert(address, format!("interface {}", interface.interface_name));
            }
        }
    }
    let kernel = shared::kernel::Kernel::open(None).map_err(failed)?;
    for address in addresses {
        // A route by way of a router leads to another machine.
        if let Held::Exact(route, link) = kernel.path(*address).await.map_err(failed)?
            && route.gateway.is_none()
        {
            let over = link.map_or_else(String::new, |link| format!(" over {}", link.name));
            held.entry(*address).or_insert(format!("a route{over}"));
        }
    }
    Ok(Kernel { held, own })
}

fn ip(address: &nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::from(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::from(v6.ip())))
}

/// For the list of all pods of a large cluster.
const PATIENCE: Duration = Duration::from_secs(120);

/// The pods that the API server knows.
pub async fn pods(kubeconfig: &Path) -> Result<Pods, String> {
    let access = Access {
        kubeconfig: Some(kubeconfig.to_owned()),
        ..Access::default()
    };
    let listed = kubernetes::pods(&access, PATIENCE)
        .await
        .map_err(|error| error.to_string())?;
    let pod = |seen: Seen| {
        let pod = Pod {
            node: seen.node,
            addresses: seen.addresses,
            over: seen.over,
        };
        ((seen.namespace, seen.name), pod)
    };
    Ok(listed.into_iter().map(pod).collect())
}

/// Waits.
pub async fn pause(seconds: u32) {
    tokio::time::sleep(Duration::from_secs(u64::from(seconds))).await;
}
