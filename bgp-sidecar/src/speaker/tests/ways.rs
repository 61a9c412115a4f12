use super::network::Network;
use super::*;
use crate::fib::{Op, WAY};

/// Node 1 peers with node 2 by a gateway.
fn behind(gateway: u8) -> Picture {
    let mut session = session(2);
    session.origin = "BGPPeer far".to_owned();
    session.reachable_by = Some(address(gateway));
    picture(1, vec![session])
}

fn way(network: &Network) -> Option<IpAddr> {
    let host = IpNet::from(address(2));
    match network.nodes[&1].kernel.get((host, WAY))? {
        RouteKind::Via(hops) => hops.first()?.gateway,
        RouteKind::Blackhole => None,
    }
}

#[test]
fn the_way_is_there_before_the_peer_is_dialled() {
    let mut speaker = Speaker::new(Start::default());
    speaker.step(Event::Kernel(table(1), Routes::new()));
    let actions = speaker.step(Event::Picture(Arc::new(behind(9))));
    let is_way = |action: &Action| matches!(action, Action::Kernel(ops) if ops.iter().any(|op| matches!(op, Op::Replace(route) if route.metric == WAY)));
    let way = actions.iter().position(is_way);
    let peers = actions
        .iter()
        .position(|action| matches!(action, Action::Peers(_)));
    assert!(way < peers && way.is_some(), "{actions:?}");
}

#[test]
fn what_a_peer_behind_a_gateway_announces_leads_to_the_gateway() {
    let mut network = Network::of(&[1, 2]);
    network.configure(1, behind(9));
    network.configure(2, picture(2, vec![session(1)]));
    network.retry();
    assert_eq!(way(&network), Some(address(9)));
    assert_eq!(network.nodes[&1].via(block(2)), Some(address(9)));
    network.configure(1, behind(8));
    assert_eq!(
        (way(&network), network.nodes[&1].via(block(2))),
        (Some(address(8)), Some(address(8)))
    );
    let mut without = picture(1, vec![session(2)]);
    without.sessions.sessions[0].origin = "BGPPeer far".to_owned();
    network.configure(1, without);
    network.retry();
    assert_eq!(
        network.nodes[&1].via(block(2)),
        Some(address(2)),
        "on the link again"
    );
}

#[test]
fn a_way_outlives_its_peer_by_a_moment_and_comes_back_when_somebody_takes_it() {
    let mut network = Network::of(&[1, 2]);
    network.configure(1, behind(9));
    network.nodes.get_mut(&1).unwrap().kernel.clear();
    network.step(1, Event::Lost([IpNet::from(address(2))].into()));
    assert_eq!(way(&network), Some(address(9)), "put back");
    network.configure(1, picture(1, Vec::new()));
    assert_eq!(way(&network), Some(address(9)), "the farewell takes it");
    network.expire(1, TimerKey::Withdrawn(address(2).into()));
    assert_eq!(way(&network), None);
}

#[test]
fn a_gateway_on_no_link_is_that_peers_trouble_alone_and_ends_with_the_link() {
    let mut network = Network::of(&[1, 3]);
    let mut with = behind(9);
    with.sessions.sessions[0].reachable_by = Some([10, 9, 9, 9].into());
    with.sessions.sessions.push(session(3));
    network.configure(1, with.clone());
    network.configure(3, picture(3, vec![session(1)]));
    network.retry();
    let node = &network.nodes[&1];
    let told = node
        .log
        .iter()
        .filter(|text| text.contains("reachableBy"))
        .count();
    assert_eq!(told, 1, "{:?}", node.log);
    let peers = node.speaker.peers();
    let cause = |to: u8| peers.iter().find(|one| one.key == key(to)).unwrap().cause.clone();
    assert!(
        cause(2).unwrap().contains("the gateway 10.9.9.9 is on no link"),
        "{peers:?}"
    );
    assert_eq!(cause(3), None);
    assert_eq!(node.via(block(3)), Some(address(3)));
    assert_eq!(way(&network), None);
    let link = KernelRoute {
        destination: net("10.9.9.0/24"),
        metric: 0,
        protocol: 2,
        kind: KernelKind::Connected("eth1".into()),
    };
    let uplink = KernelRoute {
        destination: net("192.0.2.0/24"),
        kind: KernelKind::Connected("uplink".into()),
        ..link.clone()
    };
    let ours = network.nodes[&1].kernel.clone();
    network.step(
        1,
        Event::Kernel(KernelTable::new([uplink, link], [address(1)]), ours),
    );
    assert_eq!(way(&network), Some([10, 9, 9, 9].into()));
}

#[test]
fn the_last_word_of_a_node_that_leaves_takes_the_way() {
    let mut network = Network::of(&[1, 2]);
    network.configure(1, behind(9));
    network.step(1, Event::Stop(Ending::Withdraw));
    let node = &network.nodes[&1];
    assert_eq!(node.kernel.len(), 1);
    let last: Vec<String> = node.speaker.last().iter().map(ToString::to_string).collect();
    assert_eq!(last, ["delete 192.0.2.2/32 via 192.0.2.9 dev uplink metric 1536"]);
}
