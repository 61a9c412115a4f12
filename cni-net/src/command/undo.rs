//! All or nothing: what an ADD has done so far, and how it is taken back.
#![expect(clippy::disallowed_methods, reason = "edge: undoing has its own time")]

use std::time::{Duration, Instant};

use shared::cni::CniError;
use shared::cni::delegate::Running;
use shared::state::attachment::Attachment;

use super::pair::Pair;
use super::{Call, Target, later};
use crate::error;
use crate::record::Wanted;

/// How long a plugin that was started may take to finish before what it did is undone.
const FINISH: Duration = Duration::from_secs(4);

/// What may have to be taken back.
pub(super) struct Undo<'a> {
    call: &'a Call,
    target: &'a Target<'a>,
    pub(super) pair: Option<Pair>,
    pub(super) running: Option<Running>,
    /// The IPAM plugin was started: it may hold addresses.
    pub(super) ipam: bool,
    /// The record was asked to be written: it may be there.
    pub(super) record: Option<Wanted>,
    /// The attachment file was written by this call, and this is what it said before.
    pub(super) file: Option<Option<Attachment>>,
}

impl<'a> Undo<'a> {
    pub(super) fn new(call: &'a Call, target: &'a Target<'a>) -> Self {
        Self {
            call,
            target,
            pair: None,
            running: None,
            ipam: false,
            record: None,
            file: None,
        }
    }

    /// Takes everything back, the interface first: an address is free only when nothing holds it. Goes on past
    /// failures and tells them with the first.
    pub(super) async fn run(mut self, cause: CniError) -> CniError {
        let mut failed = Vec::new();
        if let Some(running) = self.running.take() {
            // Killed in the middle it might still hold an address that no DEL finds.
            let _ = running.wait(Instant::now() + FINISH);
        }
        if let Some(pair) = self.pair.take() {
            failed.extend(pair.undo().await.err());
        }
        if self.ipam {
            failed.extend(self.call.take_back(self.target).err());
        }
        if let Some(wanted) = self.record.take() {
            failed.extend(later::revert_or_keep(self.call, self.target, &wanted).await.err());
        }
        if let (Some(earlier), true) = (&self.file, failed.is_empty()) {
            failed.extend(self.call.restore(&self.target.id, earlier.as_ref()).err());
        }
        error::and(cause, failed)
    }
}
