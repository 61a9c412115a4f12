//! Questions to the kernel, each as narrow as it can be asked: a node may carry 100,000 routes and thousands
//! of interfaces, and none of them is read for one pod.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "rtnetlink's enums, open on purpose"
)]

use std::net::IpAddr;

use ipnet::IpNet;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::RouteNetlinkMessage as Message;

use super::fact::{Link, Path};
use super::socket::Refusal;
use super::{Kernel, KernelError, decode, encode, sysctl};
use crate::op::{Mac, Route, Side};

impl Kernel {
    /// The interface of this name.
    pub async fn link(&self, side: Side, name: &str) -> Result<Option<Link>, KernelError> {
        let what = format!("{side}: look up interface {name}");
        let found = self
            .ask_link(side, Message::GetLink(encode::link_named(name)), what)
            .await?;
        let key = (side, name.to_owned());
        match &found {
            Some(link) => self.indices.borrow_mut().insert(key, link.index),
            None => self.indices.borrow_mut().remove(&key),
        };
        Ok(found)
    }

    /// The host's interface of this number.
    pub async fn link_numbered(&self, index: u32) -> Result<Option<Link>, KernelError> {
        let what = format!("host: look up interface {index}");
        self.ask_link(Side::Host, Message::GetLink(encode::link_numbered(index)), what)
            .await
    }

    async fn ask_link(&self, side: Side, ask: Message, what: String) -> Result<Option<Link>, KernelError> {
        match self.socket(side, &what)?.get(ask).await {
            Ok(Message::NewLink(message)) => Ok(Some(decode::link(&message))),
            Ok(_) => Ok(None),
            Err(Refusal {
                errno: libc::ENODEV, ..
            }) => Ok(None),
            Err(refusal) => Err(refusal.during(what)),
        }
    }

    /// The addresses of an interface.
    pub async fn addresses(&self, side: Side, link: &Link) -> Result<Vec<IpNet>, KernelError> {
        let what = format!("{side}: list addresses of {}", link.name);
        let ask = Message::GetAddress(encode::addresses_of(link.index));
        let answers = self.socket(side, &what)?.dump(ask).await;
        let one = |message| match message {
            Message::NewAddress(message) => decode::address(&message),
            _ => None,
        };
        let all = answers
            .map_err(|refusal| refusal.during(what))?
            .into_iter()
            .filter_map(one);
        Ok(all
            .filter(|(index, _)| *index == link.index)
            .map(|(_, net)| net)
            .collect())
    }

    /// The routes of table main over an interface.
    pub async fn routes(&self, side: Side, link: &Link) -> Result<Vec<Route>, KernelError> {
        let what = format!("{side}: list routes over {}", link.name);
        let mut routes = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let ask = Message::GetRoute(encode::routes_of(link.index, family));
            let answers = self.socket(side, &what)?.dump(ask).await;
            for answer in answers.map_err(|refusal| refusal.during(&what))? {
                let Message::NewRoute(message) = answer else {
                    continue;
                };
                // A kernel without strict checking does not filter; one without IPv6 answers with IPv4's.
                let main = message.header.table == 254 && message.header.address_family == family;
                if let (true, Some((Some(oif), route))) = (main, decode::route(&message))
                    && oif == link.index
                {
                    routes.push(Route {
                        link: Some(link.name.clone()),
                        ..route
                    });
                }
            }
        }
        Ok(routes)
    }

    /// The host's routes of table main of one protocol, without the names of their interfaces.
    pub async fn routes_by(&self, protocol: u8) -> Result<Vec<Route>, KernelError> {
        let what = format!("host: list routes of protocol {protocol}");
        let mut routes = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let ask = Message::GetRoute(encode::routes_by(protocol, family));
            let answers = self.host.dump(ask).await;
            for answer in answers.map_err(|refusal| refusal.during(&what))? {
                let Message::NewRoute(message) = answer else {
                    continue;
                };
                let main = message.header.table == 254 && message.header.address_family == family;
                routes.extend(decode::route(&message).filter(|_| main).map(|(_, route)| route));
            }
        }
        // A kernel without strict checking does not filter.
        routes.retain(|route| route.protocol == protocol);
        Ok(routes)
    }

    /// The permanent neighbours on an interface.
    pub async fn neighbours(&self, side: Side, link: &Link) -> Result<Vec<(IpAddr, Mac)>, KernelError> {
        let what = format!("{side}: list neighbours on {}", link.name);
        let ask = Message::GetNeighbour(encode::neighbours_of(link.index));
        let answers = self.socket(side, &what)?.dump(ask).await;
        let one = |message| match message {
            Message::NewNeighbour(message) => decode::neighbour(&message),
            _ => None,
        };
        let all = answers
            .map_err(|refusal| refusal.during(what))?
            .into_iter()
            .filter_map(one);
        Ok(all
            .filter(|(index, ..)| *index == link.index)
            .map(|(_, ip, mac)| (ip, mac))
            .collect())
    }

    /// The host's route for exactly this address. Asked as a look-up that answers with the table's entry
    /// (`RTM_F_FIB_MATCH`): a dump cannot be filtered by destination.
    pub async fn path(&self, address: IpAddr) -> Result<Path, KernelError> {
        let what = format!("host: look up the route of {address}");
        let message = match self.host.get(Message::GetRoute(encode::path_to(address))).await {
            Ok(Message::NewRoute(message)) => message,
            Ok(_) => return Ok(Path::Open),
            Err(refusal) => {
                return match refusal.errno {
                    // Blackhole; no route; unreachable; prohibited; an IPv6 kernel that is not there.
                    libc::EINVAL if !refusal.explained => Ok(Path::Blackhole),
                    libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EACCES | libc::EAFNOSUPPORT => {
                        Ok(Path::Open)
                    }
                    _ => Err(refusal.during(what)),
                };
            }
        };
        let Some((oif, mut route)) = decode::route(&message) else {
            return Ok(Path::Open);
        };
        if route.destination != IpNet::from(address) {
            return Ok(Path::Open);
        }
        let mut link = match oif {
            Some(index) => self.link_numbered(index).await?,
            None => None,
        };
        if let Some(link) = &mut link
            && let Some(id) = link.peer_netns
            && !self.netns_is_alive(id).await?
        {
            link.peer_netns = Some(Link::NO_NETNS);
        }
        route.link = link.as_ref().map(|link| link.name.clone());
        Ok(Path::Exact(route, link))
    }

    /// Whether the namespace of this number has a user left. Asked by number, the kernel tries to become a user
    /// itself and fails with ENOENT where the last one is gone, even while the number still stands.
    async fn netns_is_alive(&self, id: i32) -> Result<bool, KernelError> {
        if id < 0 {
            return Ok(false);
        }
        match self.host.get(Message::GetNsId(encode::netns_numbered(id))).await {
            Ok(_) => Ok(true),
            Err(Refusal {
                errno: libc::ENOENT, ..
            }) => Ok(false),
            Err(refusal) => Err(refusal.during(format!("host: look up network namespace {id}"))),
        }
    }

    /// What sysctls hold, in the order asked for; `None` for one that is not there.
    pub fn sysctls(&self, side: Side, keys: Vec<String>) -> Result<Vec<Option<String>>, KernelError> {
        let read = || keys.iter().map(|key| sysctl::read(key)).collect();
        match side {
            Side::Host => Ok(read()),
            Side::Pod => self.pod("read sysctls")?.1.run(read),
        }
    }

    /// Interfaces of the host with `accept_ra` 1.
    pub fn accepting_ra(&self) -> Vec<String> {
        sysctl::accepting_ra()
    }
}
