//! Ways to peers behind gateways: in the kernel before the peer is dialled, and a moment longer than its session.

use ipnet::IpNet;

use super::routes::reach;
use super::{Action, Level, Speaker};
use crate::fib::{Op, WAY, Ways, ways};
use crate::prefix_map::PrefixSet;

impl Speaker {
    /// Finds them anew, and puts those that are new.
    pub(super) fn find_ways(&mut self, actions: &mut Vec<Action>) {
        let Some(picture) = self.picture.clone().filter(|_| self.looked) else {
            return;
        };
        self.table.set_ways(&Ways::new());
        let found = ways(&picture.sessions.sessions, &self.table);
        self.table.set_ways(&found.ways);
        for (key, why) in &found.refused {
            if self.refused.get(key) != Some(why)
                && let Some(session) = picture.sessions.sessions.iter().find(|one| one.key == *key)
            {
                actions.push(Self::log(Level::Warning, format!("{}: {why}", session.origin)));
            }
        }
        self.refused = found.refused;
        let before = std::mem::replace(&mut self.ways, found.ways);
        let moved = before.keys().chain(self.ways.keys());
        let moved = moved.filter(|peer| before.get(*peer) != self.ways.get(*peer));
        let moved: PrefixSet = moved.map(|peer| IpNet::from(*peer)).collect();
        if moved.is_empty() {
            return;
        }
        let mut plan = self.plan(Some(&moved));
        self.put(&mut plan, actions);
        self.rehop();
        // Another gateway costs the same: what leads there has not changed, and yet is another route.
        self.pending.whole = true;
    }

    /// Where the next hops that are known lead now.
    pub(super) fn rehop(&mut self) {
        let known = self.rib.next_hops().map(|(address, _)| address);
        let answers: Vec<_> = known
            .map(|next_hop| (next_hop, reach(next_hop, &self.table)))
            .collect();
        let changes = self.rib.set_next_hops(answers);
        self.changed(changes);
    }

    /// What the kernel loses last at the end: the octets of a farewell take these ways.
    pub fn last(&self) -> Vec<Op> {
        let ways = self.ours.iter().filter(|((_, metric), _)| *metric == WAY);
        ways.map(|entry| Op::Delete(entry.into())).collect()
    }
}
