//! What a BGPPeer's fields make of a session.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use shared::model::bgp::{AsNumber, BGPPeerSpec, BgpPassword, GoDuration};

use super::Input;
use super::world::{Member, World};
use crate::policy::Filter;
use crate::session::{Kind, NextHopMode, Password, PeerKey, Session};
use crate::wire::Family;

/// The other end.
pub(super) struct Remote<'w> {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) number: u32,
    /// Our address of its family.
    pub(super) source: IpAddr,
    /// It is a node of ours.
    pub(super) node: Option<&'w Member>,
}

impl Remote<'_> {
    fn key(&self) -> PeerKey {
        PeerKey {
            address: self.address,
            port: self.port,
        }
    }
}

/// The longest restart time (RFC 4724 §3: 12 bits).
const LONGEST_RESTART: u16 = 4095;

/// The session, why it may not start, and what is wrong with it.
pub(super) fn session(
    world: &World<'_>,
    spec: &BGPPeerSpec,
    remote: &Remote<'_>,
    (kind, origin): (Kind, &str),
) -> (Session, Option<String>, Vec<String>) {
    let (input, mut wrong) = (world.input, Vec::new());
    let given = spec.local_as_number.as_ref().and_then(AsNumber::given);
    let local_number = given.unwrap_or(world.own.number);
    let (filters, missing) = filters(input, spec);
    let (next_hop, unknown) = next_hop(spec, local_number == remote.number);
    let (source, unknown_source) = source(spec, remote.source);
    let (reachable_by, unreachable) = gateway(spec, remote.address);
    let held = missing.or(unknown).or(unknown_source).or(unreachable);
    let session = Session {
        key: remote.key(),
        kind,
        origin: origin.to_owned(),
        node: remote.node.map(|node| node.name.clone()),
        local_number,
        number: remote.number,
        families: families(input, remote.address),
        source,
        passive: input.defaults.passive.contains(&remote.address),
        hold: input.defaults.hold,
        keepalive: keepalive(input, spec, &mut wrong),
        connect_retry: input.defaults.connect_retry,
        restart_time: restart_time(input, spec, &mut wrong),
        password: password(input, spec.password.as_ref()),
        ttl_security: spec.ttl_security.filter(|hops| *hops != 0),
        next_hop,
        allowed_local_numbers: allowed(spec, &mut wrong),
        reachable_by,
        filters,
        client: client(world, remote, local_number),
        max_prefixes: input.defaults.max_prefixes,
    };
    (session, held, wrong)
}

/// On a reflector every internal peer is a client, but the members of its own cluster.
fn client(world: &World<'_>, remote: &Remote<'_>, local_number: u32) -> bool {
    let cluster = remote.node.and_then(Member::cluster);
    let internal = local_number == remote.number;
    world.own.cluster().is_some() && internal && cluster != world.own.cluster()
}

fn families(input: &Input<'_>, address: IpAddr) -> BTreeSet<Family> {
    let extra = input.defaults.extra_families.get(&address);
    let extra = extra.into_iter().flatten().copied();
    extra.chain([Family::of(address)]).collect()
}

fn filters(input: &Input<'_>, spec: &BGPPeerSpec) -> (Vec<Arc<Filter>>, Option<String>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in spec.filters.iter().flatten() {
        match input.filters.get(name) {
            Some(filter) => found.push(filter.clone()),
            None => missing.push(format!("{name:?}")),
        }
    }
    let why = (!missing.is_empty()).then(|| {
        format!(
            "BGPFilter {} does not exist or cannot be read, and without it nothing may pass: apply it, or take \
             it out of filters",
            missing.join(", ")
        )
    });
    (found, why)
}

fn next_hop(spec: &BGPPeerSpec, internal: bool) -> (NextHopMode, Option<String>) {
    // Older words for Keep, which are heeded on external sessions only.
    let old = spec.keep_original_next_hop == Some(true) && !internal;
    match spec.next_hop_mode.as_deref() {
        None | Some("") if old => (NextHopMode::Keep, None),
        None | Some("" | "Auto") => (NextHopMode::Auto, None),
        Some("Self") => (NextHopMode::Own, None),
        Some("Keep") => (NextHopMode::Keep, None),
        Some(other) => {
            let text = format!("nextHopMode: {other:?} is none of Auto, Self, Keep");
            (NextHopMode::Auto, Some(text))
        }
    }
}

fn source(spec: &BGPPeerSpec, own: IpAddr) -> (Option<IpAddr>, Option<String>) {
    match spec.source_address.as_deref() {
        None | Some("" | "UseNodeIP") => (Some(own), None),
        Some("None") => (None, None),
        Some(other) => {
            let text = format!("sourceAddress: {other:?} is neither UseNodeIP nor None");
            (Some(own), Some(text))
        }
    }
}

/// Of the peer's family; a mirror in the other family goes without.
fn gateway(spec: &BGPPeerSpec, peer: IpAddr) -> (Option<IpAddr>, Option<String>) {
    let text = spec.reachable_by.trim();
    if text.is_empty() {
        return (None, None);
    }
    match text.parse::<IpAddr>() {
        Ok(gateway) if gateway.is_ipv4() == peer.is_ipv4() => (Some(gateway), None),
        Ok(_) if spec.peer_ip.is_empty() => (None, None),
        Ok(_) => {
            let why = format!("reachableBy: {text} is not of the family of the peer {peer}");
            (None, Some(why))
        }
        Err(_) => (None, Some(format!("reachableBy: {text:?} is no address"))),
    }
}

/// Fail closed: a password that is wanted and not found is no password.
fn password(input: &Input<'_>, wanted: Option<&BgpPassword>) -> Password {
    let Some(wanted) = wanted else {
        return Password::None;
    };
    let reference = wanted.secret_key_ref.as_ref();
    let Some(reference) = reference.filter(|one| !one.name.is_empty() && !one.key.is_empty()) else {
        return Password::Missing("password.secretKeyRef names no Secret and key: give both".to_owned());
    };
    let (name, key) = (&reference.name, &reference.key);
    let Some(bytes) = input.secrets.get(&(name.clone(), key.clone())) else {
        return Password::Missing(format!(
            "Secret {name} has no key {key} here: mount it below secrets_dir as {name}/{key}"
        ));
    };
    // A file made with an editor or echo ends in a newline that no peer can have in its configuration.
    let end = bytes.iter().rposition(|byte| !b"\r\n".contains(byte));
    match end.map_or(0, |last| last + 1) {
        0 => Password::Missing(format!("key {key} of Secret {name} is empty")),
        length @ 81.. => Password::Missing(format!(
            "key {key} of Secret {name} has {length} octets: TCP-MD5 takes 80 at most"
        )),
        length => Password::Key(bytes[..length].to_vec()),
    }
}

fn keepalive(input: &Input<'_>, spec: &BGPPeerSpec, wrong: &mut Vec<String>) -> Option<u16> {
    let (hold, default) = (input.defaults.hold, input.defaults.keepalive);
    let Some(given) = &spec.keepalive_time else {
        return default;
    };
    match u16::try_from(given.seconds()) {
        Ok(seconds) if seconds > 0 && (hold == 0 || seconds < hold) => Some(seconds),
        Ok(_) | Err(_) => {
            wrong.push(format!(
                "keepaliveTime: {given} is not between 1 s and the hold time of {hold} s: it is left aside"
            ));
            default
        }
    }
}

fn restart_time(input: &Input<'_>, spec: &BGPPeerSpec, wrong: &mut Vec<String>) -> u16 {
    let given = spec.max_restart_time.as_ref().map(GoDuration::seconds);
    let Some(seconds) = given else {
        return input.defaults.restart_time.min(LONGEST_RESTART);
    };
    match u16::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds <= LONGEST_RESTART)
    {
        Some(seconds) => seconds,
        None => {
            wrong.push(format!(
                "maxRestartTime: {seconds} s is more than BGP can say: {LONGEST_RESTART} s is offered"
            ));
            LONGEST_RESTART
        }
    }
}

fn allowed(spec: &BGPPeerSpec, wrong: &mut Vec<String>) -> u32 {
    let given = spec.num_allowed_local_as_numbers.unwrap_or(0);
    u32::try_from(given).unwrap_or_else(|_| {
        wrong.push(format!(
            "numAllowedLocalASNumbers: {given} is no count: 0 is taken"
        ));
        0
    })
}
