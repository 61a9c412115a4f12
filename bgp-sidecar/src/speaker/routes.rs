//! What a change of routes means, in this order: the kernel gets what has to be there before peers hear of it, peers
//! hear of it, the kernel gets what was learned and loses what is gone, and, a moment later, the blackholes of what was
//! withdrawn.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::{Action, Level, Speaker, TimerKey};
use crate::fib::{Inputs, KernelTable, Op, Plan, Routes, diff, learned, resolve, wanted};
use crate::prefix_map::PrefixSet;
use crate::rib::{Changes, Reach};

/// What a restarted node's peers have to say everything again, before routes that nobody confirmed go.
const START: Duration = Duration::from_secs(10);
/// What a withdrawal takes to reach everybody.
const WITHDRAWAL: Duration = Duration::from_secs(2);

/// What has changed and was not acted upon yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) changes: Changes,
    /// Destinations that the kernel's table is to be looked at for, beside the routes that have changed.
    pub(super) destinations: PrefixSet,
    /// It is to be looked at as a whole.
    pub(super) whole: bool,
    /// Export policy is another.
    pub(super) policy: bool,
    /// Somebody has come up.
    pub(super) newcomers: bool,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        let nothing = self.changes.is_empty() && self.destinations.is_empty();
        nothing && !self.whole && !self.policy && !self.newcomers
    }
}

impl Speaker {
    /// Routes changed.
    pub(super) fn changed(&mut self, changes: Changes) {
        self.pending.changes.merge(changes);
    }

    /// What the kernel is to hold of what has changed.
    pub(super) fn due(&mut self, pending: &Pending) -> Plan {
        let best = &pending.changes.best;
        match (pending.whole, pending.destinations.is_empty()) {
            (true, _) => self.plan(None),
            (false, true) => self.plan(Some(best)),
            (false, false) => {
                let both = best.iter().chain(pending.destinations.iter()).collect();
                self.plan(Some(&both))
            }
        }
    }

    /// Answers which of the next hops that are new can be reached.
    pub(super) fn resolve(&mut self, changes: &mut Changes) {
        while !changes.resolve.is_empty() {
            let new = std::mem::take(&mut changes.resolve);
            let answers: Vec<_> = new
                .into_iter()
                .map(|next_hop| (next_hop, reach(next_hop, &self.table)))
                .collect();
            changes.merge(self.rib.set_next_hops(answers));
        }
    }

    /// The kernel's table is another.
    pub(super) fn kernel(&mut self, table: KernelTable, ours: Routes, actions: &mut Vec<Action>) {
        if !self.looked {
            self.looked = true;
            self.starting = true;
            self.restarting = !ours.is_empty();
            actions.push(Action::Arm(TimerKey::Start, START));
        }
        self.table = table;
        self.ours = ours;
        self.find_ways(actions);
        self.rehop();
        self.pending.whole = true;
    }

    /// Somebody else took routes of ours away, or changed them.
    pub(super) fn lost(&mut self, prefixes: &BTreeSet<IpNet>, actions: &mut Vec<Action>) {
        self.ours
            .retain(|(destination, _), _| !prefixes.contains(&destination));
        let plan = self.plan(Some(&prefixes.iter().copied().collect()));
        let back = plan.put.iter().chain(&plan.learned);
        let back: Vec<String> = back.map(ToString::to_string).collect();
        if !back.is_empty() {
            self.lost = self.lost.saturating_add(back.len() as u64);
            let text = format!(
                "somebody removed or changed routes of ours; put back: {}; stop whatever does so \
                 (systemd-networkd: ManageForeignRoutes=no)",
                back.join(", ")
            );
            actions.push(Self::log(Level::Warning, text));
        }
        self.apply(plan.put, actions);
        self.apply(plan.learned, actions);
    }

    pub(super) fn plan(&mut self, scope: Option<&PrefixSet>) -> Plan {
        let Some(picture) = self.picture.as_ref().filter(|_| self.looked) else {
            return Plan::default();
        };
        let none = BTreeMap::new();
        let lent = match self.start.exception_routes {
            true => &picture.lent,
            false => &none,
        };
        let table = &self.table;
        let inputs = Inputs {
            blocks: &picture.origin.blackholes,
            released: &self.released,
            lent,
            ways: &self.ways,
            encapsulated: &picture.encapsulated,
            resolve: &|next_hop| resolve(next_hop, table),
        };
        let wanted = wanted(&inputs, learned(&self.rib, scope));
        match scope {
            Some(scope) => scope.iter().for_each(|prefix| drop(self.missing.remove(prefix))),
            None => self.missing.clear(),
        }
        let missing = wanted.missing.into_iter();
        self.missing.extend(missing.map(|one| (one.destination, one.why)));
        diff(&wanted.routes, &self.ours, scope)
    }

    /// What has to be there before peers hear of it.
    pub(super) fn put(&mut self, plan: &mut Plan, actions: &mut Vec<Action>) {
        self.apply(std::mem::take(&mut plan.put), actions);
    }

    /// What was learned, and what is not wanted any more; this, after a start, only once peers had their time.
    pub(super) fn follow(&mut self, plan: Plan, actions: &mut Vec<Action>) {
        self.apply_later(plan.learned, actions);
        if !self.starting {
            self.apply_later(plan.remove, actions);
        }
        for op in plan.after_withdrawal {
            self.leave(op.destination(), WITHDRAWAL, actions);
        }
    }

    /// What has a time already keeps it: somebody else's comings and goings, and further looks, make it no longer.
    pub(super) fn leave(&mut self, destination: IpNet, time: Duration, actions: &mut Vec<Action>) {
        if self.leaving.insert(destination) {
            actions.push(Action::Arm(TimerKey::Withdrawn(destination), time));
        }
    }

    /// It is announced again.
    pub(super) fn stay(&mut self, destination: IpNet, actions: &mut Vec<Action>) {
        if self.leaving.remove(&destination) {
            actions.push(Action::Disarm(TimerKey::Withdrawn(destination)));
        }
    }

    /// Every peer has heard of the withdrawal, or of the end of its session, or will not.
    pub(super) fn withdrawn(&mut self, destination: IpNet, actions: &mut Vec<Action>) {
        self.leaving.remove(&destination);
        self.released.remove(&destination);
        let plan = self.plan(Some(&[destination].into()));
        self.apply(plan.after_withdrawal, actions);
    }

    /// Peers had their time after a start.
    pub(super) fn started(&mut self, actions: &mut Vec<Action>) {
        if std::mem::take(&mut self.starting) {
            actions.push(Action::Disarm(TimerKey::Start));
            self.pending.whole = true;
        }
    }

    fn apply(&mut self, ops: Vec<Op>, actions: &mut Vec<Action>) {
        if !ops.is_empty() {
            self.believe(&ops);
            actions.push(Action::Kernel(ops));
        }
    }

    fn apply_later(&mut self, ops: Vec<Op>, actions: &mut Vec<Action>) {
        if !ops.is_empty() {
            self.believe(&ops);
            actions.push(Action::KernelLater(ops));
        }
    }

    /// What the kernel holds after them.
    fn believe(&mut self, ops: &[Op]) {
        for op in ops {
            match op {
                Op::Replace(route) => {
                    let key = (route.destination, route.metric);
                    self.ours.insert(key, route.kind.clone());
                }
                Op::Delete(route) => drop(self.ours.remove((route.destination, route.metric))),
            }
        }
    }
}

/// Where a next hop leads.
pub(super) fn reach(next_hop: IpAddr, table: &KernelTable) -> Reach {
    match resolve(next_hop, table) {
        Ok(resolved) => Reach::Reachable {
            cost: resolved.cost,
            interface: resolved
                .hops
                .first()
                .and_then(|hop| hop.interface.as_deref())
                .map(Into::into),
        },
        Err(unresolved) => Reach::Unreachable(unresolved.to_string().into()),
    }
}
