//! Edge: what the kernel holds of one pod, asked for as narrowly as possible. Decides nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use shared::kernel::fact::{Link, Path};
use shared::kernel::{Kernel, KernelError};
use shared::op::{Mac, Route, Side};

use crate::wiring::Wiring;

/// What to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    /// The host interface; `None` if none of that name is known to be ours.
    pub(crate) host_if: Option<String>,
    /// The interface in the pod.
    pub(crate) pod_if: Option<String>,
    /// Addresses whose host routes matter.
    pub(crate) addresses: Vec<IpAddr>,
    /// Sysctls to read if the host interface is there (CHECK).
    pub(crate) sysctls: Vec<String>,
}

impl From<&Wiring> for Target {
    fn from(wiring: &Wiring) -> Self {
        let wanted = wiring.link_sysctls().into_iter().chain(wiring.family_sysctls());
        Self {
            host_if: Some(wiring.host_if.clone()),
            pod_if: Some(wiring.pod_if.clone()),
            addresses: wiring.addresses.clone(),
            sysctls: wanted
                .filter(|sysctl| sysctl.side == Side::Host)
                .map(|sysctl| sysctl.key)
                .collect(),
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    /// The host interface.
    pub(crate) host: Option<Link>,
    /// The pod's interface.
    pub(crate) pod: Option<Link>,
    /// The addresses of both.
    pub(crate) addresses: Vec<(Side, IpNet)>,
    /// The routes over the pod's interface.
    pub(crate) routes: Vec<Route>,
    /// The permanent neighbours on the pod's interface.
    pub(crate) neighbours: Vec<(IpAddr, Mac)>,
    /// What the host's table says about the addresses asked for.
    pub(crate) paths: BTreeMap<IpAddr, Path>,
    /// Sysctls that could be read.
    pub(crate) sysctls: Sysctls,
    /// Host interfaces that forwarding would make deaf to router advertisements.
    pub(crate) accepting_ra: Vec<String>,
}

impl Observed {
    /// A sysctl's value, if it could be read.
    pub(crate) fn sysctl(&self, side: Side, key: &str) -> Option<&str> {
        self.sysctls.get(&(side, key.to_owned())).map(String::as_str)
    }

    /// Whether this kernel speaks IPv6.
    pub(crate) fn has_ipv6(&self) -> bool {
        self.sysctl(Side::Host, V6_FORWARDING).is_some()
    }
}

pub(crate) const V4_FORWARDING: &str = "net/ipv4/ip_forward";
pub(crate) const V6_FORWARDING: &str = "net/ipv6/conf/all/forwarding";
pub(crate) const RP_FILTER: &str = "net/ipv4/conf/all/rp_filter";

const OF_HOST: [&str; 3] = [V4_FORWARDING, V6_FORWARDING, RP_FILTER];
const OF_POD: [&str; 5] = [
    V4_FORWARDING,
    V6_FORWARDING,
    "net/ipv6/conf/all/disable_ipv6",
    "net/ipv6/conf/default/disable_ipv6",
    "net/ipv6/conf/lo/disable_ipv6",
];

/// Sysctls, each with the side it was read on.
pub(crate) type Sysctls = BTreeMap<(Side, String), String>;

/// Those of the pod, where nobody else is at work: they can be read before they are needed.
pub(crate) fn of_pod(kernel: &Kernel) -> Result<Sysctls, KernelError> {
    let mut all = Sysctls::new();
    if kernel.has_pod() {
        read(kernel, &mut all, Side::Pod, OF_POD.map(str::to_owned).to_vec())?;
    }
    Ok(all)
}

/// Looks. A side whose namespace is not open, or whose name is not given, has no interface.
pub(crate) async fn observe(kernel: &Kernel, target: &Target) -> Result<Observed, KernelError> {
    observe_with(kernel, target, of_pod(kernel)?).await
}

/// The same, where the pod's sysctls were read before.
pub(crate) async fn observe_with(
    kernel: &Kernel,
    target: &Target,
    of_pod: Sysctls,
) -> Result<Observed, KernelError> {
    let mut observed = Observed {
        sysctls: of_pod,
        ..Observed::default()
    };
    let of_host = OF_HOST.map(str::to_owned).to_vec();
    read(kernel, &mut observed.sysctls, Side::Host, of_host)?;
    if let Some(name) = &target.host_if {
        observed.host = kernel.link(Side::Host, name).await?;
    }
    if let Some(link) = &observed.host {
        read(kernel, &mut observed.sysctls, Side::Host, target.sysctls.clone())?;
        let found = kernel.addresses(Side::Host, link).await?;
        observed
            .addresses
            .extend(found.into_iter().map(|net| (Side::Host, net)));
    }
    if kernel.has_pod() {
        if let Some(name) = &target.pod_if {
            observed.pod = kernel.link(Side::Pod, name).await?;
        }
        if let Some(link) = observed.pod.clone() {
            let found = kernel.addresses(Side::Pod, &link).await?;
            observed
                .addresses
                .extend(found.into_iter().map(|net| (Side::Pod, net)));
            observed.routes = kernel.routes(Side::Pod, &link).await?;
            observed.neighbours = kernel.neighbours(Side::Pod, &link).await?;
        }
    }
    routes(kernel, &mut observed, &target.addresses).await?;
    Ok(observed)
}

/// Looks for what there is to be removed, which is interfaces and host routes: a third of the questions of [`observe`].
pub(crate) async fn remains(kernel: &Kernel, target: &Target) -> Result<Observed, KernelError> {
    let mut observed = Observed::default();
    if let Some(name) = &target.host_if {
        observed.host = kernel.link(Side::Host, name).await?;
    }
    if let (true, Some(name)) = (kernel.has_pod(), &target.pod_if) {
        observed.pod = kernel.link(Side::Pod, name).await?;
    }
    routes(kernel, &mut observed, &target.addresses).await?;
    Ok(observed)
}

/// Looks up the host's routes for addresses that only now are known.
pub(crate) async fn routes(
    kernel: &Kernel,
    observed: &mut Observed,
    addresses: &[IpAddr],
) -> Result<(), KernelError> {
    for address in addresses {
        observed.paths.insert(*address, kernel.path(*address).await?);
    }
    let v6 = addresses.iter().any(IpAddr::is_ipv6);
    if v6 && observed.sysctl(Side::Host, V6_FORWARDING) == Some("0") {
        observed.accepting_ra = kernel.accepting_ra();
    }
    Ok(())
}

fn read(kernel: &Kernel, into: &mut Sysctls, side: Side, keys: Vec<String>) -> Result<(), KernelError> {
    let values = kernel.sysctls(side, keys.clone())?;
    let read = keys.into_iter().zip(values);
    into.extend(read.filter_map(|(key, value)| Some(((side, key), value?))));
    Ok(())
}
