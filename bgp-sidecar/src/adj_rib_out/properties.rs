//! Whatever happens, every peer that reads holds exactly what it is to hear, and nobody is told anything twice.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::policy::fixtures::{attributes, filter, local, net, pools, session};
use crate::policy::{Target, Verdict};
use crate::rib::{PeerInfo, Reach, Source};
use crate::wire::Announcement;

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

struct World {
    rib: Rib,
    out: AdjRibOut,
    export: Export,
    open: BTreeMap<PeerKey, Target>,
    /// Those that do not read.
    held: BTreeSet<PeerKey>,
    /// What each peer has, from the messages alone.
    has: BTreeMap<PeerKey, BTreeMap<Nlri, Attributes>>,
}

impl World {
    fn new() -> Self {
        let mut rib = Rib::default();
        for peer in 0..4 {
            let info = PeerInfo {
                internal: peer < 3,
                client: peer < 2,
                id: Ipv4Addr::new(1, 1, 1, peer),
                max_prefixes: None,
            };
            rib.peer_up(key(peer), info);
        }
        let [_, export, _] = exports();
        Self {
            rib,
            out: AdjRibOut::default(),
            export,
            open: BTreeMap::new(),
            held: BTreeSet::new(),
            has: BTreeMap::new(),
        }
    }

    fn hear(&mut self, peer: PeerKey, messages: &[Message]) -> Result<(), TestCaseError> {
        prop_assert!(
            messages.is_empty() || !self.held.contains(&peer),
            "told what it does not read"
        );
        let has = self.has.entry(peer).or_default();
        for message in messages {
            let Message::Update(update) = message else {
                return Err(TestCaseError::fail("no UPDATE"));
            };
            for one in &update.announced {
                for nlri in &one.nlri {
                    let before = has.insert(*nlri, one.attributes.clone());
                    prop_assert_ne!(before.as_ref(), Some(&one.attributes), "told twice");
                }
            }
            for nlri in &update.withdrawn {
                prop_assert!(has.remove(nlri).is_some(), "withdrawn without having been told");
            }
        }
        Ok(())
    }

    fn tell(&mut self, changes: &Changes) -> Result<(), TestCaseError> {
        let from = Sources {
            rib: &self.rib,
            export: &self.export,
        };
        let outgoing = self.out.sync(from, changes);
        self.pass(outgoing)
    }

    fn pass(&mut self, outgoing: Vec<Outgoing>) -> Result<(), TestCaseError> {
        for one in outgoing {
            for peer in &one.peers {
                let messages: Vec<Message> = one.to(*peer).cloned().collect();
                self.hear(*peer, &messages)?;
            }
        }
        Ok(())
    }

    fn learn(&mut self, peer: u8, prefix: usize, path: &[u32]) -> Result<(), TestCaseError> {
        let next_hop = key(peer).address;
        let nlri = vec![net(PREFIXES[prefix]).into()];
        let attributes = attributes(&next_hop.to_string(), path);
        let announced = vec![Announcement { attributes, nlri }];
        let update = Update {
            announced,
            ..Update::default()
        };
        let mut changes = self.rib.update(key(peer), &update, &|_, _| Verdict::Accepted);
        let reach = Reach::Reachable {
            cost: 0,
            interface: None,
        };
        changes.merge(self.rib.set_next_hop(next_hop, reach));
        self.tell(&changes)
    }

    fn apply(&mut self, step: &Step, targets: &[Target; 4]) -> Result<(), TestCaseError> {
        let from = Sources {
            rib: &self.rib,
            export: &self.export,
        };
        match *step {
            Step::Learn { peer, prefix, length } => self.learn(peer, prefix, &vec![65001; length])?,
            Step::Forget { peer, prefix } => {
                let withdrawn = vec![net(PREFIXES[prefix]).into()];
                let update = Update {
                    withdrawn,
                    ..Update::default()
                };
                let changes = self.rib.update(key(peer), &update, &|_, _| Verdict::Accepted);
                self.tell(&changes)?;
            }
            Step::Own { prefix, there } => {
                let prefix = net(PREFIXES[prefix]);
                let own = Attributes::originated(IpAddr::from([192, 168, 1, 4]));
                let changes = match there {
                    true => self.rib.originate(prefix, &own),
                    false => self.rib.withdraw_own(prefix),
                };
                self.tell(&changes)?;
            }
            Step::Open { peer, target } => {
                self.out.open(key(peer), &targets[target], from);
                self.open.insert(key(peer), targets[target].clone());
                self.held.remove(&key(peer));
                self.has.remove(&key(peer));
                self.tell(&Changes::default())?;
            }
            Step::Retarget { peer, target } => {
                let messages = self.out.retarget(key(peer), &targets[target], from);
                if let Some(open) = self.open.get_mut(&key(peer)) {
                    *open = targets[target].clone();
                }
                self.hear(key(peer), &messages)?;
            }
            Step::Close { peer } => {
                self.out.close(key(peer));
                self.open.remove(&key(peer));
                self.held.remove(&key(peer));
                self.has.remove(&key(peer));
            }
            Step::Hold { peer } => self.hold(key(peer)),
            Step::Resume { peer } => self.resume(key(peer))?,
            Step::Export { which } => {
                self.export = exports()[which].clone();
                let from = Sources {
                    rib: &self.rib,
                    export: &self.export,
                };
                let outgoing = self.out.reexport(from);
                self.pass(outgoing)?;
            }
        }
        Ok(())
    }

    fn hold(&mut self, peer: PeerKey) {
        if self.open.contains_key(&peer) {
            self.out.hold(peer);
            self.held.insert(peer);
        }
    }

    fn resume(&mut self, peer: PeerKey) -> Result<(), TestCaseError> {
        self.held.remove(&peer);
        let messages = self.out.resume(peer);
        self.hear(peer, &messages)
    }

    /// Those who read have it all.
    fn check(&self) -> Result<(), TestCaseError> {
        for (peer, target) in self.open.iter().filter(|(peer, _)| !self.held.contains(peer)) {
            let has = self.has.get(peer).cloned().unwrap_or_default();
            prop_assert_eq!(self.out.count(*peer), has.len());
            prop_assert_eq!(has, self.expected(*peer, target));
        }
        Ok(())
    }

    /// What a peer is to hold, from scratch.
    fn expected(&self, peer: PeerKey, target: &Target) -> BTreeMap<Nlri, Attributes> {
        let mut expected = BTreeMap::new();
        for prefix in PREFIXES.map(net) {
            let several = !target.add_path.is_empty();
            let paths = if several { usize::MAX } else { 1 };
            for route in self.rib.usable(prefix).take(paths) {
                let from_it = matches!(route.source, Source::Peer(key, _) if key == peer);
                let path_id = if several { route.id } else { 0 };
                if let (false, Ok(attributes)) = (from_it, self.export.attributes(target, &route)) {
                    expected.insert(Nlri { prefix, path_id }, attributes);
                }
            }
        }
        expected
    }
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
