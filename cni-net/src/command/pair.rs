//! The kernel's part of ADD: the pair while the IPAM plugin works, its addresses afterwards.

use std::net::IpAddr;
use std::os::fd::AsFd as _;

use shared::cni::{AddResult, CniError, Code, NetConf};
use shared::kernel::Kernel;
use shared::op::{Mac, Op, Side};

use super::{Call, Target};
use crate::apply::{self, Applied};
use crate::netns::Netns;
use crate::observe::{self, Observed, Sysctls};
use crate::wiring::Wiring;
use crate::{error, mtu, plan};

/// A pod's pair of interfaces on its way.
pub(super) struct Pair {
    kernel: Kernel,
    wiring: Wiring,
    observed: Observed,
    plan: Vec<Op>,
    applied: Applied,
    /// The pod end's Ethernet address, once it exists.
    pub(super) mac: String,
}

/// What `Pair::plan` wants to know.
pub(super) struct Wish<'a> {
    pub(super) netns: &'a Netns,
    /// What came of opening the kernel before.
    pub(super) ready: Option<Result<Ready, CniError>>,
    pub(super) mtu: Option<u32>,
    pub(super) wiring: Wiring,
}

/// The kernel, and what it said of the pod.
pub(super) struct Ready {
    kernel: Kernel,
    of_pod: Sysctls,
}

impl Ready {
    /// Opens it.
    pub(super) fn new(netns: &Netns) -> Result<Self, CniError> {
        let kernel = Kernel::open(Some(netns.as_fd())).map_err(error::kernel)?;
        let of_pod = observe::of_pod(&kernel).map_err(error::kernel)?;
        Ok(Self { kernel, of_pod })
    }
}

impl Call {
    /// What the configuration wants of the pair. `spoofs`: the record allows foreign source addresses.
    pub(super) fn wiring(&self, target: &Target<'_>, spoofs: bool) -> Result<Wiring, CniError> {
        let mac = mac(&self.conf)?;
        Ok(Wiring {
            queues: self.config.queues,
            pod_routes: crate::hostlocal::routes(&self.conf)?,
            mac,
            allow_ip_forwarding: self.config.allow_ip_forwarding,
            rp_filter: self.config.manage_rp_filter.then_some(!spoofs),
            manage_forwarding: self.config.manage_forwarding,
            ..Wiring::new(&target.host_interface, &target.attachment.ifname, 0)
        })
    }

    /// Whether the host gets a route to the pod. Calico's rule: an allocator that returns no route says that somebody else
    /// leads packets there; and where a data plane makes the interface, it makes the routes, too.
    pub(super) fn leads(&self, target: &Target<'_>, ipam: &AddResult) -> bool {
        let silent = target.workload.is_pod() && self.config.uses_calico_ipam() && ipam.routes.is_empty();
        self.config.remote.is_none() && !silent
    }

    /// The MTU of the interface that the default route uses, else Ethernet's.
    pub(super) async fn uplink_mtu(&self, kernel: &Kernel) -> Result<u32, CniError> {
        let Some(name) = mtu::default_interface() else {
            return Ok(mtu::ETHERNET);
        };
        let link = kernel.link(Side::Host, &name).await.map_err(error::kernel)?;
        Ok(link.map_or(mtu::ETHERNET, |link| link.mtu))
    }
}

impl Pair {
    /// Looks at what is there and plans; refuses before anything is touched.
    pub(super) async fn plan(call: &Call, target: &Target<'_>, wish: Wish<'_>) -> Result<Self, CniError> {
        let Ready { kernel, of_pod } = wish.ready.unwrap_or_else(|| Ready::new(wish.netns))?;
        let mut wiring = wish.wiring;
        wiring.mtu = match wish.mtu {
            Some(mtu) => mtu,
            None => call.uplink_mtu(&kernel).await?,
        };
        let observed = observe::observe_with(&kernel, &(&wiring).into(), of_pod)
            .await
            .map_err(error::kernel)?;
        call.refuse_foreign(target, observed.host.is_some())?;
        let plan = plan::build(&observed, &wiring).map_err(error::plan)?;
        Ok(Self {
            kernel,
            wiring,
            observed,
            plan,
            applied: Applied::default(),
            mac: String::new(),
        })
    }

    /// Whether an interface of the name is there, an older container's of the same pod: it goes when this pair comes.
    pub(super) fn takes_over(&self) -> bool {
        self.observed.host.is_some()
    }

    /// Refuses addresses that [`Pair::address`] would refuse, while nothing is touched yet.
    pub(super) async fn foresee(&mut self, addresses: &[IpAddr]) -> Result<(), CniError> {
        self.wiring.addresses = addresses.to_vec();
        observe::routes(&self.kernel, &mut self.observed, addresses)
            .await
            .map_err(error::kernel)?;
        plan::address(&self.observed, &self.wiring)
            .map(|_| ())
            .map_err(error::plan)
    }

    /// The MTU of both ends.
    pub(super) fn mtu(&self) -> u32 {
        self.wiring.mtu
    }

    /// Makes the pair.
    pub(super) async fn build(&mut self, call: &Call) -> Result<(), CniError> {
        let plan = std::mem::take(&mut self.plan);
        self.carry_out(call, &plan).await?;
        let name = &self.wiring.pod_if;
        let link = self.kernel.link(Side::Pod, name).await.map_err(error::kernel)?;
        let mac = link.and_then(|link| link.mac).ok_or_else(|| {
            CniError::new(
                Code::KernelRefused,
                format!("interface {name} vanished from the pod while it was built"),
            )
        })?;
        self.mac = mac.to_string();
        Ok(())
    }

    /// Gives it addresses and routes. Without `host_routes` somebody else leads packets to the pod.
    pub(super) async fn address(
        &mut self,
        call: &Call,
        addresses: &[IpAddr],
        host_routes: bool,
    ) -> Result<(), CniError> {
        self.wiring.addresses = addresses.to_vec();
        observe::routes(&self.kernel, &mut self.observed, addresses)
            .await
            .map_err(error::kernel)?;
        let mut plan = plan::address(&self.observed, &self.wiring).map_err(error::plan)?;
        if !host_routes {
            plan.retain(|op| !is_host_route(op));
        }
        self.carry_out(call, &plan).await?;
        for text in plan::warnings(&self.observed, &self.wiring)
            .iter()
            .chain(&self.applied.warnings)
        {
            call.log.warning(text, &[]);
        }
        Ok(())
    }

    async fn carry_out(&mut self, call: &Call, ops: &[Op]) -> Result<(), CniError> {
        let told = |op: &Op| call.log.debug("kernel", &[("op", &op.to_string())]);
        ops.iter().for_each(told);
        let groups = ops.chunks(if call.expects_faults() {
            1
        } else {
            ops.len().max(1)
        });
        for group in groups {
            let applied = apply::run(&self.kernel, group, None)
                .await
                .map_err(error::apply)?;
            self.applied = std::mem::take(&mut self.applied).then(applied);
            if let [op] = group {
                call.step(&op.to_string())?;
            }
        }
        Ok(())
    }

    /// Takes back whatever was done.
    pub(super) async fn undo(self) -> Result<(), CniError> {
        let undone = self.applied.undo(&self.kernel).await;
        undone.map_err(|error| CniError::new(Code::KernelRefused, error.to_string()))
    }
}

/// The Ethernet address that the runtime asks for.
pub(crate) fn mac(conf: &NetConf) -> Result<Option<Mac>, CniError> {
    let mac = conf.runtime.mac.as_deref().map(str::parse::<Mac>).transpose();
    mac.map_err(|error| CniError::new(Code::InvalidConfig, format!("runtimeConfig.mac: {error}")))
}

pub(super) fn is_host_route(op: &Op) -> bool {
    matches!(
        op,
        Op::AddRoute { side: Side::Host, .. } | Op::DelRoute { side: Side::Host, .. }
    )
}
