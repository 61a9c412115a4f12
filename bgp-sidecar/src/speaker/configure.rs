//! What another picture of the cluster means: sessions that nothing changed for are not touched.

use std::collections::BTreeSet;
use std::sync::Arc;

use ipnet::IpNet;

use super::sessions::import_of;
use super::{Action, Level, Neighbour, Speaker, TimerKey};
use crate::adj_rib_out::Sources;
use crate::cluster::Picture;
use crate::origin::{self, Origin, Verdict};
use crate::peer::{Peer, PeerEvent, Start};
use crate::policy::{Export, Own};
use crate::prefix_map::PrefixSet;
use crate::rib::Changes;
use crate::session::{Local, PeerKey, Session};
use crate::wire::{Attributes, Family, Notification};

/// Cease subcodes (RFC 4486 §3).
const DECONFIGURED: u8 = 3;
const OTHER_CONFIGURATION: u8 = 6;
/// How long the blackhole of a released address stays; withdrawals take no longer (blueprint rule 6).
const HOLD: std::time::Duration = std::time::Duration::from_secs(5);

impl Speaker {
    pub(super) fn configure(&mut self, next: Arc<Picture>, actions: &mut Vec<Action>) {
        let previous = self.picture.clone();
        if let Some(previous) = &previous
            && let Verdict::Refuse(why) = origin::withdrawal(&previous.judged(), &next.judged())
        {
            return actions.push(Self::log(Level::Error, why));
        }
        self.tell_problems(previous.as_deref(), &next, actions);
        self.export = Export {
            cluster: next.local.as_ref().ok().and_then(|local| local.cluster),
            pools: next.pools.clone(),
            tags: next.tags.clone(),
            draining: self.export.draining,
        };
        self.picture = Some(Arc::clone(&next));
        self.find_ways(actions);
        self.sessions(previous.as_deref(), &next, actions);
        let changes = self.originate(previous.as_deref(), &next, actions);
        self.changed(changes);
        let Some(previous) = previous else {
            self.pending.whole = true;
            return;
        };
        self.reimport_what_changed(&previous, &next);
        match destinations(&previous, &next) {
            Some(some) => self.pending.destinations.merge(some),
            None => self.pending.whole = true,
        }
        let export = |one: &Picture| (one.pools.clone(), one.tags.clone(), cluster(one));
        self.pending.policy |= export(&previous) != export(&next);
    }

    /// Pools and our cluster are about every route; what else is ours, only about those in it or around it.
    fn reimport_what_changed(&mut self, previous: &Picture, next: &Picture) {
        let same = (&previous.pools, cluster(previous)) == (&next.pools, cluster(next));
        let scope = same.then(|| affected(&previous.own, &next.own));
        if scope.as_ref().is_some_and(Vec::is_empty) {
            return;
        }
        let keys: Vec<PeerKey> = self.neighbours.keys().copied().collect();
        for key in keys {
            let changes = self.reimport(key, scope.as_deref());
            self.changed(changes);
        }
    }

    /// What is new among the problems.
    fn tell_problems(&self, previous: Option<&Picture>, next: &Picture, actions: &mut Vec<Action>) {
        let known: BTreeSet<String> = previous.map(problems).unwrap_or_default();
        let new = problems(next).into_iter().filter(|text| !known.contains(text));
        actions.extend(new.map(|text| Self::log(Level::Warning, text)));
    }

    /// Prefixes of our own that come and go.
    fn originate(
        &mut self,
        previous: Option<&Picture>,
        next: &Picture,
        actions: &mut Vec<Action>,
    ) -> Changes {
        let mut changes = Changes::default();
        let nothing = Origin::default();
        let before = previous.map_or(&nothing, |one| &one.origin);
        for prefix in before.announced.difference(&next.origin.announced) {
            changes.merge(self.rib.withdraw_own(*prefix));
        }
        for prefix in next.origin.announced.difference(&before.announced) {
            self.stay(*prefix, actions);
        }
        self.hold(before, &next.origin, actions);
        let Ok(local) = &next.local else {
            return changes;
        };
        for prefix in &next.origin.announced {
            let family = Family::of_net(*prefix);
            let own = local.addresses.iter().find(|own| Family::of(**own) == family);
            // Without an address of the family there is no next hop, and export says so.
            let Some(next_hop) = own.or(local.addresses.first()) else {
                continue;
            };
            changes.merge(self.rib.originate(*prefix, &Attributes::originated(*next_hop)));
        }
        changes
    }

    /// Single addresses that were released, until everybody knows; or until they are ours again.
    fn hold(&mut self, before: &Origin, next: &Origin, actions: &mut Vec<Action>) {
        let released = self.released.clone();
        for prefix in origin::to_hold(before, next) {
            self.released.insert(prefix);
            // Whatever time was left of another release of it.
            self.leaving.remove(&prefix);
            self.leave(prefix, HOLD, actions);
        }
        let back = released.iter().filter(|prefix| next.own.contains(&prefix.addr()));
        for prefix in back {
            self.released.remove(prefix);
            self.stay(*prefix, actions);
        }
        let changed = released.symmetric_difference(&self.released).copied();
        self.pending.destinations.extend(changed);
    }

    fn sessions(&mut self, previous: Option<&Picture>, next: &Picture, actions: &mut Vec<Action>) {
        let wanted: BTreeSet<PeerKey> = next.sessions.sessions.iter().map(|one| one.key).collect();
        let gone: Vec<PeerKey> = self.neighbours.keys().copied().collect();
        for key in gone.into_iter().filter(|key| !wanted.contains(key)) {
            self.end(key, DECONFIGURED, actions);
        }
        actions.push(Action::Peers(next.sessions.sessions.clone()));
        let Ok(local) = &next.local else { return };
        let before = previous.and_then(|previous| previous.local.as_ref().ok());
        let same_self = before.is_some_and(|before| local.is_still(before));
        let moved = before.is_some_and(|before| before.addresses != local.addresses);
        for session in &next.sessions.sessions {
            let known = self.neighbours.get(&session.key).map(|one| one.session.clone());
            match known {
                Some(known) if same_self && only_policy(&known, session) => {
                    self.reconfigure(session, local);
                    if moved || known != *session {
                        self.policy(session.key, actions);
                    }
                }
                Some(_) => {
                    self.end(session.key, OTHER_CONFIGURATION, actions);
                    self.begin(session, local, actions);
                }
                None => self.begin(session, local, actions),
            }
        }
    }

    fn begin(&mut self, session: &Session, local: &Local, actions: &mut Vec<Action>) {
        let forwarding = match self.looked && (self.restarting || !self.starting) {
            true => session.families.clone(),
            false => BTreeSet::new(),
        };
        let start = Start {
            seed: self.start.seed,
            restarting: self.restarting && self.starting,
            forwarding,
        };
        let peer = Peer::new(session.clone(), local.clone(), start);
        self.neighbours
            .insert(session.key, Neighbour::new(peer, session.clone()));
        self.changes += 1;
        self.drive(session.key, PeerEvent::Start, actions);
    }

    fn end(&mut self, key: PeerKey, subcode: u8, actions: &mut Vec<Action>) {
        let stop = PeerEvent::Stop(Notification::cease(subcode));
        self.drive(key, stop, actions);
        self.neighbours.remove(&key);
        self.changes += 1;
        self.out.close(key);
        actions.push(Action::Disarm(TimerKey::Stale(key)));
        let changes = self.rib.peer_down(key);
        self.changed(changes);
    }

    fn reconfigure(&mut self, session: &Session, local: &Local) {
        if let Some(neighbour) = self.neighbours.get_mut(&session.key) {
            neighbour.peer.reconfigure(session, local);
            neighbour.session.clone_from(session);
        }
    }

    /// Another policy, and the session goes on.
    fn policy(&mut self, key: PeerKey, actions: &mut Vec<Action>) {
        let mut changes = self.known(key);
        changes.merge(self.reimport(key, None));
        self.changed(changes);
        self.settle(actions);
        if let Some(target) = self.target(key) {
            let sources = Sources {
                rib: &self.rib,
                export: &self.export,
            };
            let messages = self.out.retarget(key, &target, sources);
            self.tell(key, &messages, actions);
        }
    }

    fn reimport(&mut self, key: PeerKey, scope: Option<&[IpNet]>) -> Changes {
        let Some(import) = import_of(&self.neighbours, (key, &self.picture), &self.start) else {
            return Changes::default();
        };
        self.rib.reimport(key, scope, &|prefix, attributes| {
            import.verdict(prefix, attributes)
        })
    }

    pub(super) fn drain(&mut self, on: bool) {
        self.pending.policy |= std::mem::replace(&mut self.export.draining, on) != on;
    }
}

/// What we reflect for.
fn cluster(picture: &Picture) -> Option<std::net::Ipv4Addr> {
    picture.local.as_ref().ok().and_then(|local| local.cluster)
}

/// Prefixes that are judged by something of ours that is another now.
fn affected(previous: &Own, next: &Own) -> Vec<IpNet> {
    let mut nets: BTreeSet<IpNet> = BTreeSet::new();
    for (one, other) in [(previous, next), (next, previous)] {
        let blocks = one
            .blocks
            .iter()
            .filter(|(block, lent)| other.blocks.get(*block) != Some(*lent));
        nets.extend(blocks.map(|(block, _)| *block));
        nets.extend(
            one.addresses
                .difference(&other.addresses)
                .copied()
                .map(IpNet::from),
        );
        let gone = one.node.iter().filter(|net| !other.node.contains(net));
        nets.extend(gone.map(IpNet::trunc));
    }
    nets.into_iter().collect()
}

/// Destinations of the kernel's table that another picture may mean something else for; `None`: any.
fn destinations(previous: &Picture, next: &Picture) -> Option<PrefixSet> {
    if previous.encapsulated != next.encapsulated {
        return None;
    }
    let blackholes = previous
        .origin
        .blackholes
        .symmetric_difference(&next.origin.blackholes);
    let mut nets: PrefixSet = blackholes.copied().collect();
    for (one, other) in [(previous, next), (next, previous)] {
        let lent = one
            .lent
            .iter()
            .filter(|(address, node)| other.lent.get(*address) != Some(*node));
        nets.extend(lent.map(|(address, _)| IpNet::from(*address)));
    }
    Some(nets)
}

fn problems(picture: &Picture) -> BTreeSet<String> {
    let sessions = picture.sessions.problems.iter().map(ToString::to_string);
    let local = picture.local.as_ref().err().cloned();
    sessions.chain(local).chain(picture.problems.clone()).collect()
}

/// Nothing that was agreed on in OPEN, and nothing that TCP depends on, is another.
fn only_policy(known: &Session, next: &Session) -> bool {
    let aligned = Session {
        origin: next.origin.clone(),
        kind: next.kind,
        node: next.node.clone(),
        next_hop: next.next_hop,
        allowed_local_numbers: next.allowed_local_numbers,
        filters: next.filters.clone(),
        client: next.client,
        ..known.clone()
    };
    aligned == *next
}
