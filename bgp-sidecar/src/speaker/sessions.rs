//! Sessions: what begins and ends with them, and what peers send over them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::routes::reach;
use super::telling::Flow;
use super::{Action, Level, Neighbour, Speaker, Start, TimerKey};
use crate::adj_rib_out::Sources;
use crate::cluster::Picture;
use crate::fsm::{Cause, Received};
use crate::peer::{PeerEvent, Side};
use crate::policy::{Import, Target};
use crate::rib::{Changes, Limit, PeerInfo};
use crate::session::PeerKey;
use crate::wire::{Family, Negotiated, Notification, Refresh, Update};

/// Maximum Number of Prefixes Reached (RFC 4486 §3).
const MAX_PREFIXES: u8 = 1;
/// The longest a peer's routes are kept while it is away or has not said everything again.
const LONGEST_STALE: Duration = Duration::from_secs(240);

impl Speaker {
    pub(super) fn up(&mut self, key: PeerKey, (side, agreed): (Side, Negotiated), actions: &mut Vec<Action>) {
        let Some(neighbour) = self.neighbours.get_mut(&key) else {
            return;
        };
        let restarted = agreed.restart.clone();
        neighbour.up = Some(side);
        neighbour.agreed = Some(agreed.clone());
        neighbour.awaited.clone_from(&agreed.families);
        neighbour.flow = Flow::default();
        self.changes += 1;
        actions.push(Self::log(
            Level::Info,
            format!(
                "peer {} is up: {} of AS {}",
                key.address, agreed.id, agreed.number
            ),
        ));
        let mut changes = self.known(key);
        for family in Family::ALL {
            let kept = restarted.as_ref().and_then(|one| one.families.get(&family));
            if !agreed.families.contains(&family) || kept != Some(&true) {
                changes.merge(self.rib.withdraw_all(key, family));
            }
        }
        actions.push(Action::Arm(TimerKey::Stale(key), stale_time(&agreed)));
        if let Some(target) = self.target(key) {
            let sources = Sources {
                rib: &self.rib,
                export: &self.export,
            };
            self.out.open(key, &target, sources);
            self.pending.newcomers = true;
            self.owed.insert(key);
        }
        self.changed(changes);
    }

    /// Who the peer that is up is to the decision process and to export.
    pub(super) fn known(&mut self, key: PeerKey) -> Changes {
        let up = self
            .neighbours
            .get(&key)
            .filter(|neighbour| neighbour.up.is_some());
        let Some((session, agreed)) = up.and_then(|one| Some((&one.session, one.agreed.as_ref()?))) else {
            return Changes::default();
        };
        let info = PeerInfo {
            internal: session.internal(),
            client: session.client,
            id: agreed.id,
            max_prefixes: session.max_prefixes,
        };
        self.rib.peer_up(key, info)
    }

    /// What a peer that is up is told.
    pub(super) fn target(&self, key: PeerKey) -> Option<Target> {
        let neighbour = self.neighbours.get(&key)?;
        let agreed = neighbour.agreed.as_ref().filter(|_| neighbour.up.is_some())?;
        let local = self.picture.as_ref()?.local.as_ref().ok()?;
        let mut target = Target::of(&neighbour.session, local);
        target.families.clone_from(&agreed.families);
        let several = agreed
            .families
            .iter()
            .filter(|family| agreed.sends_paths(**family));
        target.add_path = several.copied().collect();
        Some(target)
    }

    pub(super) fn down(&mut self, key: PeerKey, cause: Cause, actions: &mut Vec<Action>) {
        let Some(neighbour) = self.neighbours.get_mut(&key) else {
            return;
        };
        neighbour.up = None;
        neighbour.flaps += 1;
        neighbour.awaited.clear();
        neighbour.last = Some(cause.clone());
        neighbour.flow = Flow::default();
        let agreed = neighbour.agreed.take().unwrap_or_default();
        self.changes += 1;
        self.owed.remove(&key);
        self.out.close(key);
        actions.push(Self::log(
            Level::Warning,
            format!("peer {} is down: {cause}", key.address),
        ));
        let mut changes = Changes::default();
        let keeps = cause.keeps_routes(&agreed);
        for family in &agreed.families {
            let theirs = agreed
                .restart
                .as_ref()
                .is_some_and(|restart| restart.families.contains_key(family));
            changes.merge(if keeps && theirs {
                self.rib.session_lost(key, *family)
            } else {
                self.rib.withdraw_all(key, *family)
            });
        }
        let time = agreed.restart.as_ref().map_or(0, |restart| restart.time);
        actions.push(match keeps {
            true => Action::Arm(TimerKey::Stale(key), Duration::from_secs(u64::from(time))),
            false => Action::Disarm(TimerKey::Stale(key)),
        });
        self.changed(changes);
    }

    /// The same cause over and over is told once.
    pub(super) fn failed(&mut self, key: PeerKey, cause: Cause, actions: &mut Vec<Action>) {
        let Some(neighbour) = self.neighbours.get_mut(&key) else {
            return;
        };
        let new = neighbour.last.as_ref() != Some(&cause) && cause != Cause::Collision;
        let level = if new { Level::Warning } else { Level::Debug };
        neighbour.last = Some(cause.clone());
        actions.push(Self::log(level, format!("peer {}: {cause}", key.address)));
    }

    pub(super) fn deliver(&mut self, key: PeerKey, received: Received, actions: &mut Vec<Action>) {
        let changes = match received {
            Received::Update(update) => self.update(key, &update, actions),
            Received::Refresh(Refresh::Request(family)) => return self.refresh(key, family, actions),
            Received::Refresh(Refresh::Begin(family)) => return self.rib.mark_stale(key, family),
            Received::Refresh(Refresh::End(family)) => self.rib.flush_stale(key, family),
        };
        self.changed(changes);
    }

    fn update(&mut self, key: PeerKey, update: &Update, actions: &mut Vec<Action>) -> Changes {
        for fault in &update.faults {
            actions.push(Self::log(
                Level::Warning,
                format!("peer {}: {fault}", key.address),
            ));
        }
        let mut changes = self.import(key, update);
        if let Some(family) = update.end_of_rib {
            changes.merge(self.rib.flush_stale(key, family));
            self.said_everything(key, family, actions);
        }
        match changes.limit {
            Some(Limit::Warning { family, count }) => actions.push(Self::log(
                Level::Warning,
                format!(
                    "peer {}: {count} {family:?} prefixes are 80 % of its maximum",
                    key.address
                ),
            )),
            Some(Limit::Exceeded { family, maximum }) => {
                let text = format!(
                    "peer {} sends more than {maximum} {family:?} prefixes",
                    key.address
                );
                actions.push(Self::log(Level::Error, text));
                let reset = PeerEvent::Reset(Notification::cease(MAX_PREFIXES));
                self.drive(key, reset, actions);
            }
            None => {}
        }
        changes
    }

    fn import(&mut self, key: PeerKey, update: &Update) -> Changes {
        let Some(import) = import_of(&self.neighbours, (key, &self.picture), &self.start) else {
            return Changes::default();
        };
        let next_hops = update.announced.iter().map(|one| one.attributes.next_hop.address);
        for next_hop in next_hops.clone() {
            self.rib.foresee(next_hop, || reach(next_hop, &self.table));
        }
        let changes = self.rib.update(key, update, &|prefix, attributes| {
            import.verdict(prefix, attributes)
        });
        next_hops.for_each(|next_hop| self.rib.forget(next_hop));
        changes
    }

    fn said_everything(&mut self, key: PeerKey, family: Family, actions: &mut Vec<Action>) {
        if let Some(neighbour) = self.neighbours.get_mut(&key) {
            neighbour.awaited.remove(&family);
            if neighbour.awaited.is_empty() {
                actions.push(Action::Disarm(TimerKey::Stale(key)));
            }
        }
        let all = self.neighbours.values();
        if self.starting && all.clone().all(|one| one.up.is_some() && one.awaited.is_empty()) {
            self.started(actions);
        }
    }
}

/// What decides about routes from a peer, as things are.
pub(super) fn import_of<'a>(
    neighbours: &'a BTreeMap<PeerKey, Neighbour>,
    (key, picture): (PeerKey, &'a Option<Arc<Picture>>),
    start: &Start,
) -> Option<Import<'a>> {
    let picture = picture.as_ref()?;
    Some(Import {
        session: &neighbours.get(&key)?.session,
        local: picture.local.as_ref().ok()?,
        pools: &picture.pools,
        own: &picture.own,
        all: start.import_all,
    })
}

fn stale_time(agreed: &Negotiated) -> Duration {
    let time = agreed.restart.as_ref().map_or(0, |restart| restart.time);
    Duration::from_secs(u64::from(time).max(60)).min(LONGEST_STALE)
}
