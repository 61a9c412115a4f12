//! What happens, as data: which fault or edit, whom it befalls, for how long, and who may notice it.

use std::fmt;
use std::time::Duration;

use super::chance::Chance;
use super::topology::{Edit, Topology};

const SHORT: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(3000)];
/// The last node's sidecar lives from beginning to end.
const MORTAL: usize = 4;
const NODES: usize = 5;

/// A fault, an edit, or neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Nothing,
    /// SIGKILL to a node's sidecar, and its start after a while.
    Killed(usize, Duration),
    /// SIGTERM.
    Stopped(usize, Duration),
    /// SIGSTOP to it, and SIGCONT.
    Frozen(usize, Duration),
    /// SIGKILL to it while etcd is stopped, and its start before etcd goes on.
    Orphaned(usize, Duration),
    /// The node's cable is pulled and put back.
    Cable(usize, Duration),
    /// The node's interface is set down, by which the kernel forgets its routes, and up; its default route is put back.
    Interface(usize, Duration),
    EtcdFrozen(Duration),
    /// SIGKILL to etcd, and its start after a while.
    EtcdKilled(Duration),
    /// The switch ends its session with a node, and takes it up again.
    Reset(usize),
    /// SIGKILL to the switch's BGP, and its start after a while.
    TorKilled(Duration),
    TorFrozen(Duration),
    /// While a node's sidecar is frozen something changes, etcd forgets its history, is killed, and starts after a while: the
    /// revision from which the sidecar would watch is gone.
    Compacted(usize, Duration),
    /// Somebody takes all of its routes out of a node's kernel.
    Flushed(usize),
    Edited(Edit),
}

/// Who may notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Announced {
    /// The node whose packets may be lost.
    pub(super) loses: Option<usize>,
    /// The nodes on which an ADD may fail.
    pub(super) refuses: Refuses,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Refuses {
    #[default]
    Nobody,
    Node(usize),
    Everybody,
}

/// Kinds that are still to come: each fault comes once, and five edits among them, in an order of chance, before any comes again.
#[derive(Default)]
pub(super) struct Deck(Vec<usize>);

const FAULTS: usize = 13;
const EDITS: usize = 5;

impl Deck {
    /// Whether everything has come.
    pub(super) fn is_through(&self) -> bool {
        self.0.is_empty()
    }

    /// The next one.
    pub(super) fn draw(&mut self, chance: &mut Chance, topology: &Topology) -> Event {
        if self.0.is_empty() {
            self.0.extend(0..FAULTS + EDITS);
        }
        let kind = self.0.swap_remove(chance.below(self.0.len()));
        let (node, mortal) = (chance.below(NODES), chance.below(MORTAL));
        let time = chance.time(SHORT);
        match kind {
            0 => Event::Killed(mortal, time),
            1 => Event::Stopped(mortal, time),
            2 => Event::Frozen(node, time),
            3 => Event::Orphaned(mortal, time),
            4 => Event::Cable(node, time),
            5 => Event::Interface(node, time),
            6 => Event::EtcdFrozen(time),
            7 => Event::EtcdKilled(time),
            8 => Event::Reset(node),
            9 => Event::TorKilled(time),
            10 => Event::TorFrozen(time),
            11 => Event::Compacted(node, time),
            12 => Event::Flushed(node),
            _ => Event::Edited(topology.draw(chance)),
        }
    }
}

impl Event {
    pub(super) fn announced(&self) -> Announced {
        let refuses = |refuses| Announced {
            refuses,
            ..Announced::default()
        };
        match *self {
            Self::Cable(node, _) | Self::Interface(node, _) => Announced {
                loses: Some(node),
                refuses: Refuses::Node(node),
            },
            Self::Reset(node) | Self::Flushed(node) => Announced {
                loses: Some(node),
                refuses: Refuses::Nobody,
            },
            Self::Orphaned(..) | Self::EtcdFrozen(_) | Self::EtcdKilled(_) | Self::Compacted(..) => {
                refuses(Refuses::Everybody)
            }
            Self::Nothing
            | Self::Killed(..)
            | Self::Stopped(..)
            | Self::Frozen(..)
            | Self::TorKilled(_)
            | Self::TorFrozen(_)
            | Self::Edited(_) => Announced::default(),
        }
    }

    /// Whether something must be lost: a test that sees no loss there sees none anywhere.
    pub(super) fn cuts(&self) -> bool {
        matches!(self, Self::Cable(..) | Self::Interface(..))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => write!(f, "nothing"),
            Self::Killed(node, time) => write!(f, "sidecar of {} killed for {time:.1?}", Named(*node)),
            Self::Stopped(node, time) => write!(f, "sidecar of {} stopped for {time:.1?}", Named(*node)),
            Self::Frozen(node, time) => write!(f, "sidecar of {} frozen for {time:.1?}", Named(*node)),
            Self::Orphaned(node, time) => write!(
                f,
                "etcd frozen, sidecar of {} killed and started, etcd back after {time:.1?}",
                Named(*node)
            ),
            Self::Cable(node, time) => write!(f, "cable of {} pulled for {time:.1?}", Named(*node)),
            Self::Interface(node, time) => write!(f, "interface of {} down for {time:.1?}", Named(*node)),
            Self::EtcdFrozen(time) => write!(f, "etcd frozen for {time:.1?}"),
            Self::EtcdKilled(time) => write!(f, "etcd killed for {time:.1?}"),
            Self::Reset(node) => write!(f, "session with {} reset by the switch", Named(*node)),
            Self::TorKilled(time) => write!(f, "switch's BGP killed for {time:.1?}"),
            Self::TorFrozen(time) => write!(f, "switch's BGP frozen for {time:.1?}"),
            Self::Compacted(node, time) => write!(
                f,
                "etcd compacted and killed for {time:.1?}, sidecar of {} frozen meanwhile",
                Named(*node)
            ),
            Self::Flushed(node) => write!(f, "routes of the sidecar of {} deleted", Named(*node)),
            Self::Edited(edit) => write!(f, "edit: {edit}"),
        }
    }
}

/// A node by its number.
pub(super) struct Named(pub(super) usize);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker{:02}", self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_comes_before_any_comes_again() {
        let (mut chance, mut deck, topology) = (Chance::new(1), Deck::default(), Topology::new(NODES));
        for _ in 0..3 {
            let drawn: Vec<Event> = (0..FAULTS + EDITS)
                .map(|_| deck.draw(&mut chance, &topology))
                .collect();
            let is_edit = |event: &&Event| matches!(event, Event::Edited(_));
            assert_eq!(drawn.iter().filter(is_edit).count(), EDITS);
            let kinds = drawn.iter().map(std::mem::discriminant);
            let kinds: std::collections::HashSet<_> = kinds.collect();
            assert_eq!(kinds.len(), FAULTS + 1);
        }
    }
}
