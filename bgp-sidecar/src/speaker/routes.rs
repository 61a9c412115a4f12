//! What a change of routes means, in this order: the kernel gets what is new, peers hear of it, the kernel loses what
//! is gone, and, a moment later, the blackholes of what was withdrawn.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::neighbours::joined;
use super::{Action, Level, Speaker, TimerKey};
use crate::adj_rib_out::{Outgoing, Sources};
use crate::fib::{Inputs, KernelTable, Op, Plan, Routes, diff, learned, resolve, wanted};
use crate::rib::{Changes, Reach};
use crate::wire::Negotiated;

/// What a restarted node's peers have to say everything again, before routes that nobody confirmed go.
const START: Duration = Duration::from_secs(10);
/// What a withdrawal takes to reach everybody.
const WITHDRAWAL: Duration = Duration::from_secs(2);

impl Speaker {
    /// Routes changed.
    pub(super) fn changed(&mut self, mut changes: Changes, actions: &mut Vec<Action>) {
        self.resolve(&mut changes);
        if changes.best.is_empty() && changes.others.is_empty() {
            return;
        }
        let plan = self.plan(Some(&changes.best));
        self.put(&plan, actions);
        self.announce(&changes, actions);
        self.remove(plan, actions);
    }

    /// Everything the kernel is to hold, anew.
    pub(super) fn everything(&mut self, changes: Changes, actions: &mut Vec<Action>) {
        let mut changes = changes;
        self.resolve(&mut changes);
        let plan = self.plan(None);
        self.put(&plan, actions);
        self.announce(&changes, actions);
        self.remove(plan, actions);
    }

    fn announce(&mut self, changes: &Changes, actions: &mut Vec<Action>) {
        let sources = Sources {
            rib: &self.rib,
            export: &self.export,
        };
        let outgoing = self.out.sync(sources, changes);
        self.tell_all(&outgoing, actions);
    }

    /// Export policy changed.
    pub(super) fn reexport(&mut self, actions: &mut Vec<Action>) {
        let sources = Sources {
            rib: &self.rib,
            export: &self.export,
        };
        let outgoing = self.out.reexport(sources);
        self.tell_all(&outgoing, actions);
    }

    /// Peers that read alike get the same octets.
    fn tell_all(&self, outgoing: &[Outgoing], actions: &mut Vec<Action>) {
        for one in outgoing {
            let mut written: Vec<(&Negotiated, Arc<[u8]>)> = Vec::new();
            for key in &one.peers {
                let Some(neighbour) = self.neighbours.get(key) else {
                    continue;
                };
                let (Some(side), Some(agreed)) = (neighbour.up, &neighbour.agreed) else {
                    continue;
                };
                let known = written.iter().find(|(other, _)| alike(other, agreed));
                let octets = known.map(|(_, octets)| Arc::clone(octets));
                let Some(octets) = octets.or_else(|| joined(&one.messages, agreed)) else {
                    continue;
                };
                written.push((agreed, Arc::clone(&octets)));
                actions.push(Action::Send(*key, side, octets));
            }
        }
    }

    /// Answers which of the next hops that are new can be reached.
    fn resolve(&mut self, changes: &mut Changes) {
        while !changes.resolve.is_empty() {
            for next_hop in std::mem::take(&mut changes.resolve) {
                let reach = self.reach(next_hop);
                changes.merge(self.rib.set_next_hop(next_hop, reach));
            }
        }
    }

    fn reach(&self, next_hop: IpAddr) -> Reach {
        match resolve(next_hop, &self.table) {
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
        let known: Vec<IpAddr> = self.rib.next_hops().map(|(address, _)| address).collect();
        let mut changes = Changes::default();
        for next_hop in known {
            let reach = self.reach(next_hop);
            changes.merge(self.rib.set_next_hop(next_hop, reach));
        }
        self.everything(changes, actions);
    }

    /// Somebody else took routes of ours away, or changed them.
    pub(super) fn lost(&mut self, prefixes: &BTreeSet<IpNet>, actions: &mut Vec<Action>) {
        self.ours
            .retain(|(destination, _), _| !prefixes.contains(destination));
        let plan = self.plan(Some(prefixes));
        let back: Vec<String> = plan.put.iter().map(ToString::to_string).collect();
        if !back.is_empty() {
            self.lost = self.lost.saturating_add(back.len() as u64);
            let text = format!(
                "somebody removed or changed routes of ours; put back: {}; stop whatever does so \
                 (systemd-networkd: ManageForeignRoutes=no)",
                back.join(", ")
            );
            actions.push(Self::log(Level::Warning, text));
        }
        self.put(&plan, actions);
    }

    fn plan(&mut self, scope: Option<&BTreeSet<IpNet>>) -> Plan {
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
            encapsulated: &picture.encapsulated,
            resolve: &|next_hop| resolve(next_hop, table),
        };
        let wanted = wanted(&inputs, learned(&self.rib, scope));
        match scope {
            Some(scope) => self.missing.retain(|prefix, _| !scope.contains(prefix)),
            None => self.missing.clear(),
        }
        let missing = wanted.missing.into_iter();
        self.missing.extend(missing.map(|one| (one.destination, one.why)));
        diff(&wanted.routes, &self.ours, scope)
    }

    fn put(&mut self, plan: &Plan, actions: &mut Vec<Action>) {
        self.apply(plan.put.clone(), actions);
    }

    /// What is not wanted any more; after a start only once peers had their time.
    fn remove(&mut self, plan: Plan, actions: &mut Vec<Action>) {
        if !self.starting {
            self.apply(plan.remove, actions);
        }
        if !plan.after_withdrawal.is_empty() {
            actions.push(Action::Arm(TimerKey::Withdrawn, WITHDRAWAL));
        }
    }

    /// Every peer has heard of the withdrawal, or will not.
    pub(super) fn withdrawn(&mut self, actions: &mut Vec<Action>) {
        self.released.clear();
        let plan = self.plan(None);
        self.apply(plan.after_withdrawal, actions);
    }

    /// Peers had their time after a start.
    pub(super) fn started(&mut self, actions: &mut Vec<Action>) {
        if !std::mem::take(&mut self.starting) {
            return;
        }
        actions.push(Action::Disarm(TimerKey::Start));
        let plan = self.plan(None);
        self.put(&plan, actions);
        self.remove(plan, actions);
        for key in std::mem::take(&mut self.deferred) {
            let messages = self.out.end_of_rib(key);
            self.tell(key, &messages, actions);
        }
    }

    fn apply(&mut self, ops: Vec<Op>, actions: &mut Vec<Action>) {
        if ops.is_empty() {
            return;
        }
        for op in &ops {
            match op {
                Op::Replace(route) => {
                    let key = (route.destination, route.metric);
                    self.ours.insert(key, route.kind.clone());
                }
                Op::Delete(route) => drop(self.ours.remove(&(route.destination, route.metric))),
            }
        }
        actions.push(Action::Kernel(ops));
    }
}

/// What one is sent the other can read, octet for octet.
fn alike(one: &Negotiated, other: &Negotiated) -> bool {
    one.as4 == other.as4
        && one.max_send == other.max_send
        && one.add_path == other.add_path
        && one.families == other.families
}
