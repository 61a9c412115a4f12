//! One instruction, one message (or one file): which flags it carries and which refusals mean that there was
//! nothing to do.

use std::os::fd::AsRawFd;

use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL, NLM_F_REPLACE};
use rtnetlink::packet_route::RouteNetlinkMessage as Message;
use rtnetlink::packet_route::link::LinkAttribute;

use super::socket::Refusal;
use super::{Kernel, KernelError, Outcome, decode, detach, encode, sysctl};
use crate::op::{Op, Route, Side, Sysctl, Veth};

impl Kernel {
    /// Carries out one instruction.
    pub async fn apply(&self, op: &Op) -> Result<Outcome, KernelError> {
        match op {
            Op::AddVeth(veth) => self.add_veth(op, veth).await,
            Op::SetSysctl(sysctl) => self.set_sysctl(op, sysctl),
            Op::AddRoute { side, route } => self.add_route(op, *side, route).await,
            Op::DelRoute { side, route } => self.del_route(op, *side, route).await,
            Op::DelLink { side, link }
            | Op::SetUp { side, link }
            | Op::SetDown { side, link }
            | Op::SetMtu { side, link, .. }
            | Op::SetMac { side, link, .. }
            | Op::AddAddress { side, link, .. }
            | Op::DelAddress { side, link, .. }
            | Op::AddNeighbour { side, link, .. }
            | Op::DelNeighbour { side, link, .. } => self.on_link(op, *side, link).await,
        }
    }

    async fn add_veth(&self, op: &Op, veth: &Veth) -> Result<Outcome, KernelError> {
        let netns = self.pod(op)?.1.netns().as_raw_fd();
        let message = Message::NewLink(encode::veth(veth, netns));
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        self.host
            .change(message, flags)
            .await
            .map_err(|refusal| refusal.during(op))?;
        Ok(Outcome::Done)
    }

    fn set_sysctl(&self, op: &Op, sysctl: &Sysctl) -> Result<Outcome, KernelError> {
        let written = match sysctl.side {
            Side::Host => sysctl::write(sysctl)?,
            Side::Pod => self.pod(op)?.1.run(|| sysctl::write(sysctl))??,
        };
        Ok(written.map_or(Outcome::Done, Outcome::Warning))
    }

    async fn add_route(&self, op: &Op, side: Side, route: &Route) -> Result<Outcome, KernelError> {
        let oif = match &route.link {
            Some(link) => Some(
                self.index(side, link)
                    .await?
                    .ok_or_else(|| no_link(op, side, link))?,
            ),
            None => None,
        };
        let message = Message::NewRoute(encode::route(route, oif));
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        let answer = self.socket(side, op)?.change(message, flags).await;
        answer.map_err(|refusal| refusal.during(op))?;
        Ok(Outcome::Done)
    }

    async fn del_route(&self, op: &Op, side: Side, route: &Route) -> Result<Outcome, KernelError> {
        let oif = match &route.link {
            Some(link) => match self.index(side, link).await? {
                Some(index) => Some(index),
                None => return Ok(Outcome::Nothing),
            },
            None => None,
        };
        let message = Message::DelRoute(encode::route_gone(route, oif));
        // The echo says what exactly went: the pattern may leave protocol and metric open.
        let answer = self.socket(side, op)?.change(message, NLM_F_ECHO).await;
        let removed = match answer {
            Ok(removed) => removed,
            Err(refusal) => return nothing(refusal, &[libc::ESRCH, libc::ENODEV], op),
        };
        let echoed = |message| {
            let Message::DelRoute(gone) = message else {
                return None;
            };
            decode::route(&gone)
        };
        let name = |(_, gone): (Option<u32>, Route)| Route {
            link: route.link.clone(),
            ..gone
        };
        let removed: Vec<Route> = removed.into_iter().filter_map(echoed).map(name).collect();
        Ok(if removed.is_empty() {
            Outcome::Done
        } else {
            Outcome::Removed(removed)
        })
    }

    /// The instructions about one interface that must be there, unless they delete.
    async fn on_link(&self, op: &Op, side: Side, link: &str) -> Result<Outcome, KernelError> {
        let socket = self.socket(side, op)?;
        let Some(index) = self.index(side, link).await? else {
            let gone = matches!(
                op,
                Op::DelLink { .. } | Op::DelAddress { .. } | Op::DelNeighbour { .. }
            );
            return if gone {
                Ok(Outcome::Nothing)
            } else {
                Err(no_link(op, side, link))
            };
        };
        let Some((message, flags, tolerated)) = on_link(op, index) else {
            return Ok(Outcome::Nothing);
        };
        let answer = match (op, side) {
            (Op::DelLink { .. }, Side::Host) if self.detaches => detach::delete(index).map(|()| Vec::new()),
            _ => socket.change(message, flags).await,
        };
        if let Op::DelLink { .. } = op {
            self.indices.borrow_mut().clear();
        }
        match answer {
            Ok(_) => Ok(Outcome::Done),
            Err(refusal) => nothing(refusal, tolerated, op),
        }
    }
}

/// Message, flags, and the refusals that only say there was nothing to do.
fn on_link(op: &Op, index: u32) -> Option<(Message, u16, &'static [i32])> {
    const NEW: u16 = NLM_F_CREATE | NLM_F_EXCL;
    const NEW_OR_OLD: u16 = NLM_F_CREATE | NLM_F_REPLACE;
    Some(match op {
        Op::DelLink { .. } => (Message::DelLink(encode::link(index)), 0, &[libc::ENODEV]),
        Op::SetUp { .. } => (Message::SetLink(encode::link_up(index, true)), 0, &[]),
        Op::SetDown { .. } => (Message::SetLink(encode::link_up(index, false)), 0, &[]),
        Op::SetMtu { mtu, .. } => (
            Message::SetLink(encode::link_with(index, LinkAttribute::Mtu(*mtu))),
            0,
            &[],
        ),
        Op::SetMac { mac, .. } => {
            let address = LinkAttribute::Address(mac.0.to_vec());
            (Message::SetLink(encode::link_with(index, address)), 0, &[])
        }
        Op::AddAddress { address, .. } => {
            // The kernel makes link-local addresses by itself, perhaps the very same one.
            let own = matches!(address, ipnet::IpNet::V6(net) if net.addr().is_unicast_link_local());
            let flags = if own { NEW_OR_OLD } else { NEW };
            (Message::NewAddress(encode::address(index, *address)), flags, &[])
        }
        Op::DelAddress { address, .. } => (
            Message::DelAddress(encode::address(index, *address)),
            0,
            &[libc::EADDRNOTAVAIL, libc::ENODEV],
        ),
        Op::AddNeighbour { address, mac, .. } => (
            Message::NewNeighbour(encode::neighbour(index, *address, *mac)),
            NEW_OR_OLD,
            &[],
        ),
        Op::DelNeighbour { address, mac, .. } => (
            Message::DelNeighbour(encode::neighbour(index, *address, *mac)),
            0,
            &[libc::ENOENT, libc::ENODEV],
        ),
        Op::AddVeth(_) | Op::AddRoute { .. } | Op::DelRoute { .. } | Op::SetSysctl(_) => return None,
    })
}

fn no_link(op: &Op, side: Side, link: &str) -> KernelError {
    KernelError::NoLink {
        what: op.to_string(),
        side,
        link: link.to_owned(),
    }
}

fn nothing(refusal: Refusal, tolerated: &[i32], op: &Op) -> Result<Outcome, KernelError> {
    if tolerated.contains(&refusal.errno) {
        Ok(Outcome::Nothing)
    } else {
        Err(refusal.during(op))
    }
}
