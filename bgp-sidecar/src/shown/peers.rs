//! `/v1/peers`: CalicoNodeStatus' `bgp` part, and what it has no fields for.

use serde::Serialize;

use super::since::Protocol;
use super::{Facts, kind, time};
use crate::fsm::State;
use crate::speaker::Speaker;
use crate::speaker::status::PeerStatus;
use crate::wire::Family;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Peers {
    node: String,
    #[serde(rename = "numberEstablishedV4")]
    established_v4: usize,
    #[serde(rename = "numberNotEstablishedV4")]
    not_established_v4: usize,
    #[serde(rename = "numberEstablishedV6")]
    established_v6: usize,
    #[serde(rename = "numberNotEstablishedV6")]
    not_established_v6: usize,
    #[serde(rename = "peersV4")]
    v4: Vec<Peer>,
    #[serde(rename = "peersV6")]
    v6: Vec<Peer>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Peer {
    #[serde(rename = "peerIP")]
    address: String,
    port: u16,
    #[serde(rename = "type")]
    kind: &'static str,
    /// RFC 4271's.
    state: String,
    /// BIRD's.
    protocol: Protocol,
    since: Option<String>,
    cause: Option<String>,
    origin: String,
    as_number: u32,
    flaps: u64,
    prefixes_received: Prefixes,
    prefixes_advertised: usize,
}

#[derive(Serialize)]
struct Prefixes {
    ipv4: u32,
    ipv6: u32,
}

pub(super) fn all(speaker: &Speaker, facts: &Facts) -> Peers {
    let (v4, v6): (Vec<_>, Vec<_>) = speaker
        .peers()
        .into_iter()
        .partition(|peer| Family::of(peer.key.address) == Family::Ipv4);
    let up = |peers: &[PeerStatus]| {
        let up = |peer: &&PeerStatus| peer.state == State::Established;
        peers.iter().filter(up).count()
    };
    let shown = |peers: Vec<PeerStatus>| peers.into_iter().map(|one| peer(one, speaker, facts)).collect();
    Peers {
        node: facts.node.clone(),
        established_v4: up(&v4),
        not_established_v4: v4.len() - up(&v4),
        established_v6: up(&v6),
        not_established_v6: v6.len() - up(&v6),
        v4: shown(v4),
        v6: shown(v6),
        warnings: speaker.warnings(),
    }
}

fn peer(peer: PeerStatus, speaker: &Speaker, facts: &Facts) -> Peer {
    Peer {
        address: peer.key.address.to_string(),
        port: peer.key.port,
        kind: kind(peer.kind),
        state: peer.state.to_string(),
        protocol: Protocol::of(speaker.state(peer.key)),
        since: facts.since.of(peer.key).map(time),
        prefixes_received: Prefixes {
            ipv4: received(&peer, Family::Ipv4),
            ipv6: received(&peer, Family::Ipv6),
        },
        cause: peer.cause,
        origin: peer.origin,
        as_number: peer.number,
        flaps: peer.flaps,
        prefixes_advertised: peer.advertised,
    }
}

/// Prefixes of a family that a peer has sent.
pub(super) fn received(peer: &PeerStatus, family: Family) -> u32 {
    let of_it = peer.received.iter().filter(|(one, _)| *one == family);
    of_it.map(|(_, count)| count).sum()
}
