//! A table of routes, what is told of it, and what four peers make of that.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::policy::Verdict;
use crate::policy::fixtures::attributes;
use crate::rib::{PeerInfo, Reach};
use crate::wire::Announcement;

pub(super) struct World {
    rib: Rib,
    out: AdjRibOut,
    export: Export,
    open: BTreeMap<PeerKey, Target>,
    /// Those that do not read.
    pub(super) held: BTreeSet<PeerKey>,
    /// What each peer has, from the messages alone.
    has: BTreeMap<PeerKey, BTreeMap<Nlri, Attributes>>,
}

impl World {
    pub(super) fn new() -> Self {
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

    fn forget(&mut self, peer: u8, prefix: usize) -> Result<(), TestCaseError> {
        let withdrawn = vec![net(PREFIXES[prefix]).into()];
        let update = Update {
            withdrawn,
            ..Update::default()
        };
        let changes = self.rib.update(key(peer), &update, &|_, _| Verdict::Accepted);
        self.tell(&changes)
    }

    fn own(&mut self, prefix: usize, there: bool) -> Result<(), TestCaseError> {
        let prefix = net(PREFIXES[prefix]);
        let own = Attributes::originated(IpAddr::from([192, 168, 1, 4]));
        let changes = match there {
            true => self.rib.originate(prefix, &own),
            false => self.rib.withdraw_own(prefix),
        };
        self.tell(&changes)
    }

    fn open(&mut self, peer: PeerKey, target: &Target) -> Result<(), TestCaseError> {
        let from = Sources {
            rib: &self.rib,
            export: &self.export,
        };
        self.out.open(peer, target, from);
        self.open.insert(peer, target.clone());
        self.held.remove(&peer);
        self.has.remove(&peer);
        self.tell(&Changes::default())
    }

    fn retarget(&mut self, peer: PeerKey, target: &Target) -> Result<(), TestCaseError> {
        let from = Sources {
            rib: &self.rib,
            export: &self.export,
        };
        let messages = self.out.retarget(peer, target, from);
        if let Some(open) = self.open.get_mut(&peer) {
            *open = target.clone();
        }
        self.hear(peer, &messages)
    }

    fn close(&mut self, peer: PeerKey) {
        self.out.close(peer);
        self.open.remove(&peer);
        self.held.remove(&peer);
        self.has.remove(&peer);
    }

    fn export(&mut self, export: &Export) -> Result<(), TestCaseError> {
        self.export = export.clone();
        let from = Sources {
            rib: &self.rib,
            export: &self.export,
        };
        let outgoing = self.out.reexport(from);
        self.pass(outgoing)
    }

    pub(super) fn apply(&mut self, step: &Step, targets: &[Target; 4]) -> Result<(), TestCaseError> {
        match *step {
            Step::Learn { peer, prefix, length } => self.learn(peer, prefix, &vec![65001; length])?,
            Step::Forget { peer, prefix } => self.forget(peer, prefix)?,
            Step::Own { prefix, there } => self.own(prefix, there)?,
            Step::Open { peer, target } => self.open(key(peer), &targets[target])?,
            Step::Retarget { peer, target } => self.retarget(key(peer), &targets[target])?,
            Step::Close { peer } => self.close(key(peer)),
            Step::Hold { peer } => self.hold(key(peer)),
            Step::Resume { peer } => self.resume(key(peer))?,
            Step::Export { which } => self.export(&exports()[which])?,
        }
        Ok(())
    }

    fn hold(&mut self, peer: PeerKey) {
        if self.open.contains_key(&peer) {
            self.out.hold(peer);
            self.held.insert(peer);
        }
    }

    pub(super) fn resume(&mut self, peer: PeerKey) -> Result<(), TestCaseError> {
        self.held.remove(&peer);
        let messages = self.out.resume(peer);
        self.hear(peer, &messages)
    }

    /// Those who read have it all.
    pub(super) fn check(&self) -> Result<(), TestCaseError> {
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
