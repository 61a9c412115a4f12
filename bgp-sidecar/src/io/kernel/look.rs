//! One look at the kernel, and the question where packets go.

use std::net::IpAddr;
use std::sync::PoisonError;

use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::decode::{self, Names};
use super::socket::{Refusal, Socket};
use super::{Kernel, Onlink, Seen, encode};
use crate::autodetect::Interface;
use crate::fib::{KernelRoute, KernelTable, Kind, Route, Routes};

/// A family that the kernel does not have, or a main table that nothing was ever put into.
const NONE: [i32; 4] = [
    libc::EOPNOTSUPP,
    libc::EAFNOSUPPORT,
    libc::EPFNOSUPPORT,
    libc::ENOENT,
];
/// No way there.
const NOWHERE: [i32; 4] = [libc::ENETUNREACH, libc::EHOSTUNREACH, libc::EACCES, libc::EINVAL];

enum Found {
    Ours(Route),
    Others(KernelRoute),
}

impl Kernel {
    /// Everything of interest, both families; a host without one of them is fine.
    pub(crate) async fn look(&self) -> Result<Seen, String> {
        // A socket of its own: one whose dump was given up is busy.
        let mut socket = Socket::open(0).map_err(|error| format!("netlink: {error}"))?;
        let (seen, onlink) = look(&mut socket)
            .await
            .map_err(|refusal| format!("reading the kernel's routes: {}", refusal.text))?;
        *self.onlink.lock().unwrap_or_else(PoisonError::into_inner) = onlink;
        Ok(seen)
    }

    /// The address that the kernel would send to this destination from, if it knows a way there.
    pub(crate) async fn source_towards(&self, destination: IpAddr) -> Result<Option<IpAddr>, String> {
        let mut socket = Socket::open(0).map_err(|error| format!("netlink: {error}"))?;
        match socket.get(encode::towards(destination)).await {
            Ok(route) => Ok(decode::source(&route)),
            Err(refusal) if NONE.contains(&refusal.errno) || NOWHERE.contains(&refusal.errno) => Ok(None),
            Err(refusal) => Err(format!("the way to {destination}: {}", refusal.text)),
        }
    }
}

async fn look(socket: &mut Socket) -> Result<(Seen, Onlink), Refusal> {
    let mut seen = Seen {
        facts: socket.dump(encode::links(), decode::link).await?,
        ..Seen::default()
    };
    for (index, address) in socket.dump(encode::addresses(), decode::address).await? {
        seen.addresses.push(address.net);
        let mut links = seen.facts.iter_mut();
        if let Some(link) = links.find(|link| link.index == index) {
            link.addresses.push(address);
        }
    }
    let names = names(&seen.facts);
    let mut others = Vec::new();
    let mut onlink = Onlink::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let decode = |message: &RouteNetlinkMessage| route(message, family, &names, &mut onlink);
        let found = match socket.dump(encode::routes(family), decode).await {
            Err(refusal) if NONE.contains(&refusal.errno) => Vec::new(),
            found => found?,
        };
        for one in found {
            match one {
                Found::Ours(route) => insert(&mut seen.ours, route),
                Found::Others(route) => others.push(route),
            }
        }
    }
    seen.table = KernelTable::new(others, seen.addresses.iter().map(ipnet::IpNet::addr));
    Ok((seen, onlink))
}

fn names(links: &[Interface]) -> Names {
    let name = |link: &Interface| (link.index, link.name.as_str().into());
    links.iter().map(name).collect()
}

/// Of that family: a kernel without it tells of another.
fn route(
    message: &RouteNetlinkMessage,
    family: AddressFamily,
    names: &Names,
    onlink: &mut Onlink,
) -> Option<Found> {
    let RouteNetlinkMessage::NewRoute(message) = message else {
        return None;
    };
    if message.header.address_family != family || !decode::is_main(message) {
        return None;
    }
    let legs = decode::legs(message);
    if decode::is_ours(message) {
        return decode::ours(message, &legs, names).map(Found::Ours);
    }
    let beyond = legs.iter().filter(|leg| leg.onlink);
    onlink.extend(beyond.filter_map(|leg| leg.gateway.zip(leg.index)));
    decode::others(message, &legs, names).map(Found::Others)
}

/// What was appended to a route of ours shows as more next hops.
fn insert(ours: &mut Routes, route: Route) {
    let key = (route.destination, route.metric);
    let kind = match (ours.remove(key), route.kind) {
        (Some(Kind::Via(some)), Kind::Via(more)) => Kind::via(some.iter().chain(&*more).cloned()),
        (Some(_) | None, kind) => kind,
    };
    ours.insert(key, kind);
}
