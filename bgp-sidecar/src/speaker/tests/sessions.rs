use super::network::Network;
use super::*;
use crate::wire::{Announcement, Attributes, Message, Notification, Refresh, Update, encode};

/// Nodes that all speak with each other.
pub(super) fn mesh(numbers: &[u8]) -> Network {
    let mut network = Network::of(numbers);
    for number in numbers {
        let others = numbers.iter().filter(|other| *other != number);
        network.configure(
            *number,
            picture(*number, others.map(|other| session(*other)).collect()),
        );
    }
    network.retry();
    network
}

#[test]
fn what_a_node_announces_is_in_every_other_nodes_kernel() {
    let network = mesh(&[1, 2, 3]);
    for (number, node) in &network.nodes {
        for other in [1, 2, 3].into_iter().filter(|other| other != number) {
            assert_eq!(
                node.speaker.state(key(other)),
                Some(State::Established),
                "{:?}",
                node.log
            );
            assert_eq!(node.via(block(other)), Some(address(other)), "node {number}");
        }
        assert!(node.has_blackhole(block(*number)));
        assert_eq!(node.via(block(*number)), None);
    }
}

#[test]
fn the_blackhole_is_there_before_anybody_hears_of_the_block() {
    let network = mesh(&[1, 2]);
    let done = &network.nodes[&1].done;
    let blackhole = done.iter().position(|what| what.starts_with("replace blackhole"));
    let told = done.iter().position(|what| what.starts_with("send"));
    assert!(blackhole < told && blackhole.is_some(), "{done:?}");
}

#[test]
fn a_block_given_back_is_withdrawn_first_and_its_blackhole_goes_a_moment_later() {
    let mut network = mesh(&[1, 2]);
    let mut next = picture(1, vec![session(2)]);
    next.origin.announced.clear();
    next.origin.blackholes.clear();
    network.configure(1, next);
    assert_eq!(network.nodes[&2].via(block(1)), None, "withdrawn");
    assert!(network.nodes[&1].has_blackhole(block(1)), "and still dropped");
    network.expire(1, TimerKey::Withdrawn(block(1)));
    assert!(!network.nodes[&1].has_blackhole(block(1)));
}

#[test]
fn a_single_address_has_a_blackhole_only_from_its_release_to_its_withdrawal() {
    let mut network = mesh(&[1, 2]);
    let host = net("10.0.1.7/32");
    let mut with = picture(1, vec![session(2)]);
    with.origin.announced = [host].into();
    with.origin.blackholes.clear();
    with.origin.own = [host.addr()].into();
    network.configure(1, with.clone());
    assert_eq!(network.nodes[&2].via(host), Some(address(1)));
    assert!(!network.nodes[&1].has_blackhole(host));
    let mut without = with.clone();
    without.origin.announced.clear();
    without.origin.own.clear();
    network.configure(1, without);
    assert_eq!(network.nodes[&2].via(host), None);
    assert!(network.nodes[&1].has_blackhole(host));
    network.expire(1, TimerKey::Withdrawn(host));
    assert!(!network.nodes[&1].has_blackhole(host));
}

#[test]
fn a_change_that_concerns_one_session_moves_no_other() {
    let mut network = mesh(&[1, 2, 3]);
    let before = network.nodes[&1].done.len();
    let mut other = session(3);
    other.hold = 30;
    network.configure(1, picture(1, vec![session(2), other]));
    network.retry();
    assert!(
        !network.nodes[&2].log.iter().any(|line| line.contains("is down")),
        "{:?}",
        network.nodes[&2].log
    );
    assert!(network.nodes[&3].log.iter().any(|line| line.contains("is down")));
    assert!(network.nodes[&1].done.len() > before);
    assert_eq!(
        network.nodes[&3].via(block(1)),
        Some(address(1)),
        "and it is up again"
    );
}

#[test]
fn another_next_hop_mode_resets_nothing() {
    let mut network = mesh(&[1, 2]);
    let own = Session {
        next_hop: NextHopMode::Own,
        ..session(2)
    };
    network.configure(1, picture(1, vec![own]));
    assert!(!network.nodes[&2].log.iter().any(|line| line.contains("is down")));
}

#[test]
fn another_address_of_this_node_resets_no_session_and_is_the_next_hop_from_then_on() {
    let mut network = mesh(&[1, 2]);
    let mut more = picture(1, vec![session(2)]);
    let local = more.local.as_mut().unwrap();
    local.addresses.push("2001:db8::1".parse().unwrap());
    network.configure(1, more.clone());
    more.local.as_mut().unwrap().addresses[0] = address(11);
    network.configure(1, more);
    let other = &network.nodes[&2];
    assert!(
        !other.log.iter().any(|line| line.contains("is down")),
        "{:?}",
        other.log
    );
    assert_eq!(other.via(block(1)), Some(address(11)));
    let told = &network.nodes[&1].speaker.advertised(key(2));
    assert_eq!(told[0].attributes.next_hop.address, address(11));
}

#[test]
fn what_a_session_ended_of_is_shown_and_counted_until_it_is_up_again() {
    let mut network = mesh(&[1, 2]);
    let cease = Message::Notification(Notification::cease(7));
    let octets = encode(&cease, &Negotiated::default());
    let side = network.nodes[&1].speaker.neighbours[&key(2)].up.unwrap();
    let shown = |network: &Network| {
        let peer = &network.nodes[&1].speaker.peers()[0];
        (peer.state, peer.cause.clone(), peer.flaps)
    };
    assert_eq!(shown(&network), (State::Established, None, 0));
    network.step(1, Event::Octets(key(2), side, octets.concat()));
    let (state, cause, flaps) = shown(&network);
    assert_ne!(state, State::Established);
    assert_eq!(cause, Some(Cause::Collision.to_string()));
    assert_eq!(flaps, 1);
    network.retry();
    assert_eq!(shown(&network), (State::Established, None, 1));
}

#[test]
fn what_a_peer_does_not_say_again_between_its_marks_goes() {
    let mut network = mesh(&[1, 2]);
    let mut more = picture(1, vec![session(2)]);
    more.origin.announced.insert(net("10.0.9.0/26"));
    network.configure(1, more);
    assert_eq!(network.nodes[&2].via(net("10.0.9.0/26")), Some(address(1)));
    let side = network.nodes[&2].speaker.neighbours[&key(1)].up.unwrap();
    let agreed = network.nodes[&1].speaker.neighbours[&key(2)]
        .agreed
        .clone()
        .unwrap();
    assert!(agreed.enhanced_refresh);
    let told = network.nodes[&1].speaker.out.advertised(key(2));
    let again = told.filter(|(nlri, _)| nlri.prefix == block(1));
    let announced = again.map(|(nlri, attributes)| Announcement {
        attributes: Attributes::clone(attributes),
        nlri: vec![nlri],
    });
    let update = Update {
        announced: announced.collect(),
        ..Update::default()
    };
    let messages = [
        Message::Refresh(Refresh::Begin(Family::Ipv4)),
        Message::Update(update),
        Message::Refresh(Refresh::End(Family::Ipv4)),
    ];
    let octets = messages
        .iter()
        .flat_map(|message| encode(message, &agreed))
        .collect::<Vec<_>>();
    network.step(2, Event::Octets(key(1), side, octets.concat()));
    assert_eq!(network.nodes[&2].via(net("10.0.9.0/26")), None);
    assert_eq!(network.nodes[&2].via(block(1)), Some(address(1)));
}

#[test]
fn a_peer_that_is_no_longer_configured_is_told_and_forgotten() {
    let mut network = mesh(&[1, 2]);
    network.configure(1, picture(1, vec![]));
    assert_eq!(network.nodes[&1].speaker.state(key(2)), None);
    assert_eq!(network.nodes[&1].via(block(2)), None);
    assert!(
        network.nodes[&2]
            .log
            .iter()
            .any(|line| line.contains("is down") && line.contains("6/3")),
        "{:?}",
        network.nodes[&2].log
    );
}

#[test]
fn an_empty_datastore_changes_nothing_and_says_so() {
    let mut network = mesh(&[1, 2]);
    let mut empty = picture(1, vec![]);
    empty.origin = Origin::default();
    (empty.nodes, empty.guid) = (0, None);
    let empty = Arc::new(empty);
    let before = network.nodes[&1].speaker.picture.clone().unwrap();
    network.step(1, Event::Picture(Arc::clone(&empty)));
    assert_eq!(network.nodes[&2].via(block(1)), Some(address(1)));
    let speaker = &network.nodes[&1].speaker;
    assert_eq!((speaker.follows(&empty), speaker.follows(&before)), (false, true));
    let log = &network.nodes[&1].log;
    assert!(
        log.iter().any(|line| line.contains("the datastore is empty")),
        "{log:?}"
    );
}

#[test]
fn a_route_that_somebody_takes_away_is_put_back() {
    let mut network = mesh(&[1, 2]);
    let node = network.nodes.get_mut(&1).unwrap();
    node.kernel.remove((block(2), LEARNED));
    assert_eq!(network.nodes[&1].speaker.lost_routes(), 0);
    network.step(1, Event::Lost([block(2)].into()));
    assert_eq!(network.nodes[&1].speaker.lost_routes(), 1);
    assert_eq!(network.nodes[&1].via(block(2)), Some(address(2)));
    assert!(network.nodes[&1].log.iter().any(|line| line.contains("put back")));
    assert_eq!(network.nodes[&1].speaker.lost_routes(), 1);
}

#[test]
fn a_next_hop_that_cannot_be_reached_any_more_leaves_the_kernel_and_says_why() {
    let mut network = mesh(&[1, 2]);
    let kernel = network.nodes[&1].kernel.clone();
    network.step(1, Event::Kernel(KernelTable::default(), kernel));
    network.nodes.get_mut(&1).unwrap().timers.remove(&TimerKey::Start);
    network.step(1, Event::Timer(TimerKey::Start));
    assert_eq!(network.nodes[&1].via(block(2)), None);
    let shown = network.nodes[&1].speaker.received(key(2));
    assert!(shown[0].status.contains("no route to 192.0.2.2"), "{shown:?}");
}
