use super::network::Network;
use super::sessions::mesh;
use super::*;

/// A node that was stopped or crashed comes back with its kernel as it was, and its peers try again.
fn back(network: &mut Network, number: u8, kernel: Routes) {
    network.boot(number, kernel);
    let others: Vec<u8> = network
        .nodes
        .keys()
        .copied()
        .filter(|other| *other != number)
        .collect();
    let sessions = others.into_iter().map(session).collect();
    network.configure(number, picture(number, sessions));
    network.retry();
}

#[test]
fn a_crash_and_a_return_take_no_route_away_on_either_side() {
    let mut network = mesh(&[1, 2]);
    let kernel = network.crash(2);
    assert_eq!(
        network.nodes[&1].via(block(2)),
        Some(address(2)),
        "kept while it is away"
    );
    back(&mut network, 2, kernel);
    for (number, other) in [(1, 2), (2, 1)] {
        let node = &network.nodes[&number];
        assert_eq!(node.via(block(other)), Some(address(other)), "{:?}", node.log);
        let gone = format!("delete {}", block(other));
        assert!(
            !node.done.iter().any(|what| what.starts_with(&gone)),
            "{:?}",
            node.done
        );
    }
}

#[test]
fn a_planned_restart_is_no_word_to_anybody_and_keeps_the_kernel() {
    let mut network = mesh(&[1, 2]);
    let sent = network.nodes[&2].done.len();
    network.step(2, Event::Stop(Ending::Restart));
    assert_eq!(
        network.nodes[&2].done.len(),
        sent,
        "nothing is sent, nothing removed"
    );
    assert_eq!(network.nodes[&1].via(block(2)), Some(address(2)));
    let kernel = network.nodes[&2].kernel.clone();
    back(&mut network, 2, kernel);
    let log = &network.nodes[&1].log;
    assert_eq!(network.nodes[&1].via(block(2)), Some(address(2)), "{log:?}");
}

#[test]
fn one_that_does_not_come_back_is_forgotten_when_its_time_is_over() {
    let mut network = mesh(&[1, 2]);
    network.crash(2);
    network.expire(1, TimerKey::Stale(key(2)));
    assert_eq!(network.nodes[&1].via(block(2)), None);
}

#[test]
fn who_leaves_for_good_tells_its_peers_and_leaves_nothing_in_the_kernel() {
    let mut network = mesh(&[1, 2]);
    network.step(2, Event::Stop(Ending::Withdraw));
    assert_eq!(network.nodes[&1].via(block(2)), None);
    assert!(
        network.nodes[&2].kernel.is_empty(),
        "{:?}",
        network.nodes[&2].kernel
    );
    let log = &network.nodes[&1].log;
    assert!(
        log.iter().any(|line| line.contains("this node leaves")),
        "{log:?}"
    );
}

#[test]
fn what_nobody_confirmed_after_a_start_goes_when_peers_had_their_time() {
    let mut network = mesh(&[1]);
    let gone = net("10.0.9.0/26");
    let stale = RouteKind::via([crate::fib::Hop {
        gateway: Some(address(9)),
        interface: Some("uplink".into()),
    }]);
    network.boot(1, Routes::from([((gone, LEARNED), stale)]));
    network.configure(1, picture(1, vec![session(9)]));
    assert_eq!(network.nodes[&1].via(gone), Some(address(9)), "kept at first");
    network.expire(1, TimerKey::Start);
    assert_eq!(network.nodes[&1].via(gone), None);
}

#[test]
fn a_node_to_be_avoided_says_so_and_is_wanted_again_afterwards() {
    let mut network = mesh(&[1, 2]);
    let told = |network: &Network| {
        let shown = network.nodes[&2].speaker.received(key(1));
        let attributes = &shown[0].attributes;
        (
            attributes.local_pref,
            attributes
                .communities
                .contains(&crate::wire::Attributes::GRACEFUL_SHUTDOWN),
        )
    };
    assert_eq!(told(&network), (Some(2_147_482_623), false));
    network.step(1, Event::Drain(true));
    assert_eq!(told(&network), (Some(0), true));
    network.step(1, Event::Drain(false));
    assert_eq!(told(&network), (Some(2_147_482_623), false));
}
