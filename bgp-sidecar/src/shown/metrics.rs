//! `/metrics`. Peers of the mesh are counted together, so that a cluster of N nodes has no N² series.

mod node;
mod text;

use super::state::age;
use super::{Facts, named, peers, word};
use crate::fsm::State;
use crate::session::Kind;
use crate::speaker::Speaker;
use crate::speaker::status::PeerStatus;
use crate::wire::Family;
use text::{Label, Text};

const KINDS: [Kind; 3] = [Kind::Mesh, Kind::Node, Kind::Global];

pub(super) fn text(speaker: &Speaker, facts: &Facts) -> String {
    let all = speaker.peers();
    let mut text = Text::default();
    program(&mut text, facts);
    together(&mut text, &all);
    let (mesh, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|peer| peer.kind == Kind::Mesh);
    mesh_sums(&mut text, &mesh);
    single(&mut text, &others, facts);
    routes(&mut text, speaker, facts);
    node::text(&mut text, facts);
    text.done()
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Mesh => "mesh",
        Kind::Node => "node",
        Kind::Global => "global",
    }
}

fn family(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}

/// BGP4-MIB's bgpPeerState (RFC 4273).
fn number(state: State) -> f64 {
    match state {
        State::Idle => 1.0,
        State::Connect => 2.0,
        State::Active => 3.0,
        State::OpenSent => 4.0,
        State::OpenConfirm => 5.0,
        State::Established => 6.0,
    }
}

fn program(text: &mut Text, facts: &Facts) {
    text.gauge("build_info", "Which program runs.")
        .sample(&[("version", &facts.version), ("node", &facts.node)], 1.0);
    text.gauge("start_time_seconds", "When it started, since the epoch.")
        .sample(&[], seconds(facts.started));
    let up = f64::from(u8::from(!facts.datastore.away));
    text.gauge("datastore_up", "Whether the datastore answers.")
        .sample(&[], up);
    if let Some(age) = age(facts) {
        text.gauge(
            "datastore_age_seconds",
            "For how long the datastore was not heard from.",
        )
        .sample(&[], real(age));
    }
}

fn together(text: &mut Text, all: &[PeerStatus]) {
    let mut metric = text.gauge("bgp_peers", "Peers by kind, family of their address and state.");
    for one in KINDS {
        for of in Family::ALL {
            for state in State::ALL {
                let is = |peer: &&PeerStatus| {
                    peer.kind == one && Family::of(peer.key.address) == of && peer.state == state
                };
                let count = all.iter().filter(is).count();
                let state = state.to_string();
                let labels = [("kind", kind(one)), ("family", family(of)), ("state", &state)];
                metric.sample(&labels, whole(count));
            }
        }
    }
}

fn mesh_sums(text: &mut Text, mesh: &[PeerStatus]) {
    let flaps = mesh.iter().map(|peer| peer.flaps).sum();
    text.counter(
        "bgp_mesh_flaps_total",
        "Sessions lost, of all present peers of the mesh.",
    )
    .sample(&[], real(flaps));
    let mut metric = text.gauge(
        "bgp_mesh_prefixes_received",
        "Prefixes that peers of the mesh have sent.",
    );
    for of in Family::ALL {
        let count = mesh.iter().map(|peer| u64::from(peers::received(peer, of))).sum();
        metric.sample(&[("family", family(of))], real(count));
    }
    let told = mesh.iter().map(|peer| peer.advertised).sum();
    text.gauge(
        "bgp_mesh_prefixes_advertised",
        "Prefixes that peers of the mesh have been told.",
    )
    .sample(&[], whole(told));
}

/// What is counted of every single peer outside the mesh.
fn single(text: &mut Text, others: &[PeerStatus], facts: &Facts) {
    let up = |peer: &PeerStatus| Some(f64::from(u8::from(peer.state == State::Established)));
    let since = |peer: &PeerStatus| facts.since.of(peer.key).map(seconds);
    let told = |peer: &PeerStatus| Some(whole(peer.advertised));
    each(text.gauge("bgp_peer_up", "1 while Established."), others, up);
    each(
        text.gauge(
            "bgp_peer_state",
            "Idle 1, Connect 2, Active 3, OpenSent 4, OpenConfirm 5, Established 6 (RFC 4273).",
        ),
        others,
        |peer| Some(number(peer.state)),
    );
    each(
        text.gauge(
            "bgp_peer_since_seconds",
            "When it went up or down, since the epoch.",
        ),
        others,
        since,
    );
    each(
        text.counter("bgp_peer_flaps_total", "Sessions lost."),
        others,
        |peer| Some(real(peer.flaps)),
    );
    each(
        text.gauge("bgp_peer_prefixes_advertised", "Prefixes it has been told."),
        others,
        told,
    );
    detailed(text, others);
}

fn detailed(text: &mut Text, others: &[PeerStatus]) {
    let mut metric = text.gauge("bgp_peer_prefixes_received", "Prefixes it has sent.");
    for peer in others {
        for of in Family::ALL {
            let count = f64::from(peers::received(peer, of));
            with_labels(peer, |labels| {
                metric.sample(&[labels, &[("family", family(of))]].concat(), count);
            });
        }
    }
    let mut metric = text.gauge(
        "bgp_peer_last_error",
        "Why there is no session: 1 for the cause; nothing while there is one.",
    );
    for peer in others {
        if let Some(cause) = &peer.cause {
            with_labels(peer, |labels| {
                metric.sample(&[labels, &[("cause", word::of(cause))]].concat(), 1.0);
            });
        }
    }
}

fn each(mut metric: text::Metric<'_>, others: &[PeerStatus], value: impl Fn(&PeerStatus) -> Option<f64>) {
    for peer in others {
        if let Some(value) = value(peer) {
            with_labels(peer, |labels| metric.sample(labels, value));
        }
    }
}

fn with_labels(peer: &PeerStatus, run: impl FnOnce(&[Label<'_>])) {
    let (name, number) = (named(peer.key), peer.number.to_string());
    run(&[("peer", &name), ("kind", kind(peer.kind)), ("asn", &number)]);
}

fn routes(text: &mut Text, speaker: &Speaker, facts: &Facts) {
    text.gauge("kernel_routes", "Routes of ours in the kernel.")
        .sample(&[], whole(speaker.kernel_routes().len()));
    text.counter(
        "kernel_routes_lost_total",
        "Routes of ours that somebody else removed or changed, and that were put back.",
    )
    .sample(&[], real(speaker.lost_routes()));
    let Some(picture) = &facts.picture else { return };
    text.gauge("bgp_prefixes_announced", "Prefixes this node announces.")
        .sample(&[], whole(picture.origin.announced.len()));
    let mut reasons = std::collections::BTreeMap::new();
    for reason in picture.origin.withheld.values() {
        *reasons.entry(word::withheld(reason)).or_insert(0) += 1;
    }
    let mut metric = text.gauge(
        "bgp_prefixes_withheld",
        "Prefixes this node might announce and does not; /v1/state names them.",
    );
    for (reason, count) in reasons {
        metric.sample(&[("reason", reason)], whole(count));
    }
    text.gauge("problems", "What a person should put right; /v1/state says it.")
        .sample(
            &[],
            whole(picture.problems.len() + picture.sessions.problems.len()),
        );
}

fn seconds(time: jiff::Timestamp) -> f64 {
    time.as_duration().as_secs_f64().floor()
}

fn whole(count: usize) -> f64 {
    real(u64::try_from(count).unwrap_or(u64::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other number")]
fn real(count: u64) -> f64 {
    count as f64
}
