//! Whatever happens, every peer that reads holds exactly what it is to hear, and nobody is told anything twice.

mod world;

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::policy::Target;
use crate::policy::fixtures::{filter, local, net, pools, session};
use crate::rib::Source;
use world::World;

const PREFIXES: [&str; 4] = ["10.48.1.0/26", "10.48.2.0/26", "10.49.1.0/26", "fd00:48::/122"];

#[derive(Clone, Debug)]
enum Step {
    Learn { peer: u8, prefix: usize, length: usize },
    Forget { peer: u8, prefix: usize },
    Own { prefix: usize, there: bool },
    Open { peer: u8, target: usize },
    Retarget { peer: u8, target: usize },
    Close { peer: u8 },
    Hold { peer: u8 },
    Resume { peer: u8 },
    Export { which: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let prefix = || 0..PREFIXES.len();
    prop_oneof![
        6 => (0..4u8, prefix(), 1..4usize)
            .prop_map(|(peer, prefix, length)| Step::Learn { peer, prefix, length }),
        3 => (0..4u8, prefix()).prop_map(|(peer, prefix)| Step::Forget { peer, prefix }),
        2 => (prefix(), any::<bool>()).prop_map(|(prefix, there)| Step::Own { prefix, there }),
        3 => (0..4u8, 0..4usize).prop_map(|(peer, target)| Step::Open { peer, target }),
        2 => (0..4u8, 0..4usize).prop_map(|(peer, target)| Step::Retarget { peer, target }),
        1 => (0..4u8).prop_map(|peer| Step::Close { peer }),
        2 => (0..4u8).prop_map(|peer| Step::Hold { peer }),
        2 => (0..4u8).prop_map(|peer| Step::Resume { peer }),
        1 => (0..3usize).prop_map(|which| Step::Export { which }),
    ]
}

fn key(peer: u8) -> PeerKey {
    PeerKey {
        address: IpAddr::from([192, 168, 1, peer]),
        port: 179,
    }
}

/// Client, no client, external, external with a filter.
fn targets(add_path: bool) -> [Target; 4] {
    let families = if add_path { &Family::ALL[..] } else { &[] };
    let to = |number| Target {
        add_path: families.iter().copied().collect(),
        ..Target::of(&session(number), &local())
    };
    let filters = filter(&json!({"exportV4": [
        {"source": "RemotePeers", "cidr": "10.48.1.0/24", "matchOperator": "In", "action": "Accept"},
        {"cidr": "10.48.2.0/24", "matchOperator": "In", "action": "Reject"}]}));
    let client = Target {
        client: true,
        ..to(64512)
    };
    [client, to(64512), to(65107), Target { filters, ..to(65107) }]
}

fn exports() -> [Export; 3] {
    let plain = Export {
        pools: pools(),
        ..Export::default()
    };
    let cluster = Some(Ipv4Addr::new(244, 0, 0, 1));
    let reflecting = Export {
        cluster,
        ..plain.clone()
    };
    let draining = Export {
        draining: true,
        ..reflecting.clone()
    };
    [plain, reflecting, draining]
}

proptest! {
    #[test]
    fn every_peer_holds_what_it_is_to_hear(
        steps in prop::collection::vec(step(), 1..60),
        add_path in any::<bool>(),
    ) {
        let targets = targets(add_path);
        let mut world = World::new();
        for step in &steps {
            world.apply(step, &targets)?;
            world.check()?;
        }
        for peer in world.held.clone() {
            world.resume(peer)?;
        }
        world.check()?;
    }
}
