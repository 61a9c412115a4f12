//! Why there is no plan: each names the object and the way out.

use std::net::IpAddr;

use shared::op::Route;

/// Why there is no plan.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum PlanError {
    /// CNI_IFNAME is there already, and it is not the end of a pair that goes away.
    #[error(
        "interface {ifname} exists in the pod's network namespace; run DEL for the container that has it, or \
         use another CNI_IFNAME"
    )]
    InterfaceExists {
        /// CNI_IFNAME.
        ifname: String,
    },
    /// CHECK: CNI_IFNAME is there, and its other end is not.
    #[error(
        "host interface {host_if} {state}: {ifname} in the pod leads nowhere; run DEL for this container and ADD \
         it again"
    )]
    Unpaired {
        /// The name of the end that should be there.
        host_if: String,
        /// CNI_IFNAME.
        ifname: String,
        /// What is wrong with the host end.
        state: &'static str,
    },
    /// The host name is in use by something that is no pod's.
    #[error("host interface {host_if} exists and is a {kind}, not a pod's; rename or delete it")]
    HostInterfaceTaken {
        /// The wanted name.
        host_if: String,
        /// What it is.
        kind: String,
    },
    /// The address already leads elsewhere, to something alive.
    #[error(
        "address {address} is wanted by {wanted_by} and in use by {holder} (route {route}); look for the \
         endpoint behind {holder} (cnictl get workloadendpoint -A) and delete it, or release the address there"
    )]
    DuplicateAddress {
        /// The address.
        address: IpAddr,
        /// The interface, or router, that has it.
        holder: String,
        /// The host interface it was meant for.
        wanted_by: String,
        /// The route that says so.
        route: Box<Route>,
    },
    /// An IPv6 address on a kernel that does not speak it.
    #[error("address {address}: this kernel has no IPv6; boot without ipv6.disable=1 or use IPv4 pools only")]
    NoIpv6 {
        /// The address.
        address: IpAddr,
    },
}

impl PlanError {
    /// The number of `shared::cni::Code`.
    pub(crate) fn code(&self) -> u32 {
        match self {
            PlanError::NoIpv6 { .. } => 170,
            PlanError::DuplicateAddress { .. } => 171,
            PlanError::Unpaired { .. } => 172,
            PlanError::InterfaceExists { .. } => 174,
            PlanError::HostInterfaceTaken { .. } => 175,
        }
    }
}
