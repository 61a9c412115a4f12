//! Changes of the kernel's table that nothing waits for: carried out some at a time, in their order, while peers are heard
//! and told. Whatever has to be there before something else comes after all of them.

use std::collections::VecDeque;

use super::Daemon;
use crate::fib::Op;

/// So many at a time: a few milliseconds.
const TURN: usize = 512;
/// With so many there is no hearing before some of them are done.
const MOST: usize = 32 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Backlog(VecDeque<Op>);

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first of them. Emptied, it keeps no room for what it once held.
    fn turn(&mut self) -> Vec<Op> {
        let turn = self.0.drain(..self.0.len().min(TURN)).collect();
        if self.0.is_empty() {
            self.0 = VecDeque::new();
        }
        turn
    }
}

impl Daemon {
    /// In its time.
    pub(super) async fn change_later(&mut self, ops: Vec<Op>) {
        self.backlog.0.extend(ops);
        while self.backlog.0.len() > MOST {
            self.catch_up().await;
        }
    }

    /// Now, and everything before it.
    pub(super) async fn change(&mut self, ops: &[Op]) {
        self.finish().await;
        self.carry_out(ops).await;
    }

    /// Some of what waits; what was sent before goes out before.
    pub(super) async fn catch_up(&mut self) {
        tokio::task::yield_now().await;
        let turn = self.backlog.turn();
        self.carry_out(&turn).await;
    }

    /// All of what waits.
    pub(super) async fn finish(&mut self) {
        while !self.backlog.is_empty() {
            self.catch_up().await;
        }
    }

    async fn carry_out(&mut self, ops: &[Op]) {
        for (op, error) in self.kernel.apply(ops).await {
            let what = op.to_string();
            self.log
                .error("the kernel refused", &[("change", &what), ("error", &error)]);
        }
    }
}
