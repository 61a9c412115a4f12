//! How long blackholes outlive what they are for: each for its own time, whatever else comes and goes.

use super::sessions::mesh;
use super::*;

const HELD: Duration = Duration::from_secs(5);
const WITHDRAWN: Duration = Duration::from_secs(2);

/// Node 1 with these single addresses of a pool of such.
fn with(addresses: &[&str]) -> Picture {
    let mut picture = picture(1, vec![session(2)]);
    picture.origin.blackholes.clear();
    picture.origin.announced = addresses.iter().map(|text| net(text)).collect();
    picture.origin.own = picture.origin.announced.iter().map(IpNet::addr).collect();
    picture
}

fn host(picture: Picture) -> Event {
    Event::Picture(Arc::new(picture))
}

/// What is timed by these actions, and for how long.
fn armed(actions: &[Action]) -> Vec<(IpNet, Duration)> {
    let mut found = Vec::new();
    for action in actions {
        if let Action::Arm(TimerKey::Withdrawn(prefix), time) = action {
            found.push((*prefix, *time));
        }
    }
    found
}

fn deleted(actions: &[Action]) -> Vec<IpNet> {
    let mut gone = Vec::new();
    for action in actions {
        if let Action::Kernel(ops) = action {
            let deleted = ops.iter().filter(|op| matches!(op, Op::Delete(_)));
            gone.extend(deleted.map(Op::destination));
        }
    }
    gone
}

#[test]
fn what_others_are_released_meanwhile_makes_no_blackhole_stay_longer() {
    let (one, two) = ("10.0.1.7/32", "10.0.1.8/32");
    let mut network = mesh(&[1, 2]);
    network.configure(1, with(&[one, two]));
    let speaker = &mut network.nodes.get_mut(&1).unwrap().speaker;
    assert_eq!(armed(&speaker.step(host(with(&[two])))), [(net(one), HELD)]);
    assert_eq!(
        armed(&speaker.step(host(with(&[])))),
        [(net(two), HELD)],
        "the first one's time goes on"
    );
    let due = speaker.step(Event::Timer(TimerKey::Withdrawn(net(one))));
    assert_eq!(deleted(&due), [net(one)], "and the second one's is not over");
    let due = speaker.step(Event::Timer(TimerKey::Withdrawn(net(two))));
    assert_eq!(deleted(&due), [net(two)]);
}

#[test]
fn an_address_that_is_ours_again_has_its_whole_time_when_it_is_released_again() {
    let one = "10.0.1.7/32";
    let mut network = mesh(&[1, 2]);
    network.configure(1, with(&[one]));
    let speaker = &mut network.nodes.get_mut(&1).unwrap().speaker;
    assert_eq!(armed(&speaker.step(host(with(&[])))), [(net(one), HELD)]);
    let back = speaker.step(host(with(&[one])));
    let stopped = Action::Disarm(TimerKey::Withdrawn(net(one)));
    assert!(back.contains(&stopped), "{back:?}");
    assert_eq!(armed(&speaker.step(host(with(&[])))), [(net(one), HELD)]);
}

#[test]
fn a_block_that_is_given_back_keeps_its_time_however_often_the_kernel_is_looked_at() {
    let mut network = mesh(&[1, 2]);
    let node = network.nodes.get_mut(&1).unwrap();
    let gone = node.speaker.step(host(with(&[])));
    assert_eq!(armed(&gone), [(block(1), WITHDRAWN)]);
    let look = Event::Kernel(table(1), node.kernel.clone());
    assert_eq!(armed(&node.speaker.step(look)), []);
    let due = node.speaker.step(Event::Timer(TimerKey::Withdrawn(block(1))));
    assert_eq!(deleted(&due), [block(1)]);
}
