//! One container: what is known of it, and what its node's files remember.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use shared::ipam::{AssignRequest, Lease};

use super::HOSTS;
use super::call::Call;
use super::steps::Wish;

/// What an attachment file, and later the spool, says.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    pub(crate) blocks: Vec<IpNet>,
    pub(crate) sequences: BTreeMap<IpAddr, u64>,
    /// More than one request was sent.
    pub(crate) in_doubt: bool,
}

/// What a container's running call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    Add,
    /// A DEL looks, fences off what may still arrive, and looks once more.
    Look,
    Fence,
    LookAgain,
    /// A spooled release is carried out, perhaps before an ADD; like a DEL, it fences and looks again.
    Replay,
    ReplayFence,
    ReplayAgain,
    /// Before an ADD of what an ADD had begun for already.
    FenceAdd,
}

/// What is known of what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing.
    Gone,
    /// What it was told.
    Up,
    /// What it was told, and perhaps more.
    Adding,
    /// A call was killed or is owed: anything that it was ever to get.
    Unsure,
    /// The same, and the runtime has forgotten it.
    Lost,
}

pub(crate) struct Pod {
    pub(crate) number: usize,
    pub(crate) host: usize,
    pub(crate) phase: Phase,
    pub(crate) told: Vec<Lease>,
    pub(crate) file: Option<File>,
    pub(crate) owed: Option<File>,
    pub(crate) errand: Option<(Errand, Call)>,
    /// Whether anything happened to it in this schedule.
    pub(crate) touched: bool,
    /// What it will ask for when the spool is empty.
    pub(super) next: Option<AssignRequest>,
    /// What the ADD asked for that no DEL has followed yet.
    pub(super) wish: Option<Wish>,
    /// An ADD was killed and tried again: it may hold what it was never told, until its DEL.
    pub(super) tried_again: bool,
    /// A reply to its running ADD was lost.
    pub(super) in_doubt: bool,
}

impl Pod {
    pub(crate) fn new(number: usize) -> Self {
        Self {
            number,
            host: if number < HOSTS {
                number
            } else {
                (number - HOSTS) % 4
            },
            phase: Phase::Gone,
            told: Vec::new(),
            file: None,
            owed: None,
            errand: None,
            touched: false,
            next: None,
            wish: None,
            tried_again: false,
            in_doubt: false,
        }
    }

    pub(crate) fn handle(&self) -> String {
        format!("net.c{}", self.number)
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.phase == Phase::Lost
    }

    /// The process is gone; the runtime will delete what it wanted.
    pub(crate) fn killed(&mut self, errand: Errand) {
        self.next = None;
        if !matches!(errand, Errand::Replay | Errand::ReplayFence | Errand::ReplayAgain) {
            self.phase = Phase::Unsure;
        }
    }

    pub(super) fn note(&mut self, leases: &[Lease]) {
        let file = self.file.get_or_insert_default();
        file.in_doubt |= self.in_doubt && !leases.is_empty();
        for lease in leases {
            if !file.blocks.contains(&lease.block) {
                file.blocks.push(lease.block);
            }
            file.sequences.insert(lease.address, lease.sequence);
        }
    }
}

impl Pod {
    pub(super) fn owes_in_doubt(&self) -> bool {
        self.owed.as_ref().is_some_and(|owed| owed.in_doubt)
    }

    pub(super) fn is_gone(&mut self) {
        self.phase = Phase::Gone;
        self.tried_again = false;
        self.file = None;
        self.told.clear();
    }
}
