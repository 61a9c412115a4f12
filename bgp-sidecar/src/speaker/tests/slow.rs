//! Peers that read slowly, and events that come together.

use super::network::Network;
use super::sessions::mesh;
use super::*;
use crate::wire::Refresh;

const MANY: u16 = 5000;

/// Three nodes, of which the first announces many single addresses.
fn busy() -> Network {
    let mut network = mesh(&[1, 2, 3]);
    let mut next = picture(1, vec![session(2), session(3)]);
    let address = |number: u16| {
        IpNet::from(IpAddr::from([
            10,
            0,
            number.to_be_bytes()[0] + 16,
            number.to_be_bytes()[1],
        ]))
    };
    next.origin.announced.extend((0..MANY).map(address));
    network.configure(1, next);
    network
}

fn heard(network: &Network, number: u8) -> Vec<crate::speaker::status::RouteStatus> {
    network.nodes[&number].speaker.received(key(1))
}

#[test]
fn a_peer_that_does_not_read_is_told_in_the_end_what_it_missed_and_no_more() {
    let mut network = busy();
    assert_eq!(heard(&network, 3).len(), usize::from(MANY) + 1);
    network.sleep(3);
    let before = network.nodes[&1].sent[&3];
    for turn in 0..200 {
        network.step(1, Event::Drain(turn % 2 == 0));
    }
    network.step(1, Event::Drain(true));
    let sent = |network: &Network, to: u8| network.nodes[&1].sent[&to];
    let (all, some) = (sent(&network, 2) - before, sent(&network, 3) - before);
    assert!(all > 4 << 20, "{all} octets are no test");
    assert!(
        some < (5 << 20) / 4,
        "{some} octets wait for one that does not read, of {all}"
    );
    assert_ne!(heard(&network, 2), heard(&network, 3));
    network.wake(3);
    assert_eq!(heard(&network, 2), heard(&network, 3));
    assert!(sent(&network, 3) - before < some + (1 << 16), "told once");
    network.step(1, Event::Drain(false));
    assert_eq!(
        heard(&network, 2),
        heard(&network, 3),
        "and as everybody after that"
    );
}

#[test]
fn who_asks_for_everything_again_and_again_and_does_not_read_gets_it_once() {
    let mut network = busy();
    network.sleep(3);
    for turn in 0..4 {
        network.step(1, Event::Drain(turn % 2 == 0));
    }
    let before = network.nodes[&1].sent[&3];
    let request = crate::wire::Message::Refresh(Refresh::Request(Family::Ipv4));
    let speaker = &network.nodes[&1].speaker;
    let neighbour = &speaker.neighbours[&key(3)];
    let (side, agreed) = (neighbour.up.unwrap(), neighbour.agreed.clone().unwrap());
    let octets = crate::wire::encode(&request, &agreed).concat();
    for _ in 0..50 {
        network.step(1, Event::Octets(key(3), side, octets.clone()));
    }
    assert_eq!(
        network.nodes[&1].sent[&3], before,
        "it has not read the last answer"
    );
    network.wake(3);
    let answer = network.nodes[&1].sent[&3] - before;
    assert!(
        answer > usize::from(MANY) * 5 && answer < usize::from(MANY) * 8,
        "{answer}"
    );
}

#[test]
fn what_came_and_went_together_is_nobodys_business() {
    let mut network = mesh(&[1, 2]);
    let node = network.nodes.get_mut(&1).unwrap();
    let mut actions = Vec::new();
    let mut more = picture(1, vec![session(2)]);
    more.origin.announced.insert(net("10.0.9.0/26"));
    node.speaker.take(Event::Picture(Arc::new(more)), &mut actions);
    let same = picture(1, vec![session(2)]);
    node.speaker.take(Event::Picture(Arc::new(same)), &mut actions);
    node.speaker.settle(&mut actions);
    let silent = |action: &Action| {
        matches!(
            action,
            Action::Peers(_)
                | Action::Disarm(TimerKey::Withdrawn(_))
                | Action::Arm(TimerKey::Withdrawn(_), _)
        )
    };
    assert!(actions.iter().all(silent), "{actions:?}");
}
