//! All or nothing: what an ADD has done so far, and how it is taken back.

use shared::cni::CniError;
use shared::state::attachment::Attachment;

use super::lease::Lease;
use super::wire::Wire;
use super::{Call, Target, later};
use crate::error;
use crate::record::Wanted;

/// What may have to be taken back.
pub(super) struct Undo<'a> {
    call: &'a Call,
    target: &'a Target<'a>,
    pub(super) pair: Option<Wire>,
    pub(super) lease: Lease,
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
            lease: Lease::default(),
            record: None,
            file: None,
        }
    }

    /// Takes everything back, the interface first: an address is free only when nothing holds it. Goes on past
    /// failures and tells them with the first.
    pub(super) async fn run(mut self, cause: CniError) -> CniError {
        let mut failed = Vec::new();
        self.lease.settle(self.call).await;
        if let Some(pair) = self.pair.take() {
            failed.extend(pair.undo(self.call, self.target).await.err());
        }
        let known = self.file.as_ref().is_some_and(Option::is_some);
        failed.extend(self.lease.give_back(self.call, self.target, known).err());
        if let Some(wanted) = self.record.take() {
            failed.extend(later::revert_or_keep(self.call, self.target, &wanted).await.err());
        }
        if let (Some(earlier), true) = (&self.file, failed.is_empty()) {
            failed.extend(self.call.restore(&self.target.id, earlier.as_ref()).err());
        }
        error::and(cause, failed)
    }
}
