//! Addresses that go back.
#![expect(clippy::disallowed_methods, reason = "edge: a random uid")]

use super::Payer;
use crate::cni::CniError;
use crate::gate;
use crate::ipam::fence::{self, FenceRequest};
use crate::ipam::{ReleaseRequest, Released, release};
use crate::state::attachment::Attachment;
use crate::state::{hint, lock};
use crate::store::{Datastore, TransactError, transact, transact_from};
use crate::txn::Decision;

fn ipam(error: &crate::ipam::IpamError) -> CniError {
    CniError::numbered(error.code(), error)
}

impl<S: Datastore> Payer<'_, S> {
    /// What an attachment's file says it holds.
    pub fn request(&self, held: &Attachment) -> ReleaseRequest {
        ReleaseRequest {
            host: held.id.node.clone(),
            handles: held.handles.clone(),
            hint_blocks: held.blocks.clone(),
            sequences: held.sequences.clone(),
            now: self.now,
        }
    }

    /// Frees what the request names, in whatever cluster this is.
    pub async fn release(&self, request: &ReleaseRequest) -> Result<Released, TransactError<CniError>> {
        let _host = match self.host_lock {
            Some((path, until)) => lock::host(path, until).await,
            None => None,
        };
        let decided = transact_from(self.store, release::reads(request), None, |snapshot| {
            release::decide(snapshot, request).map_err(|error| ipam(&error))
        });
        let decided = decided.await?;
        hint::revise(self.dirs, (&self.identity, self.node), decided.written.as_ref());
        Ok(decided.outcome)
    }

    /// Makes whatever an ADD of this attachment has sent, and the datastore has not seen yet, fail when it arrives.
    pub async fn fence(&self, held: &Attachment) -> Result<(), TransactError<CniError>> {
        let request = FenceRequest {
            host: held.id.node.clone(),
            blocks: held.blocks.clone(),
            uid: uuid::Uuid::new_v4().to_string(),
            kubernetes: held.kubernetes,
            now: self.now,
        };
        transact(self.store, fence::reads(&request), |snapshot| {
            fence::decide(snapshot, &request).map_err(|error| ipam(&error))
        })
        .await
    }

    /// Frees what is owed, if this is still the cluster it is owed to; whether it is.
    pub(super) async fn free_again(&self, held: &Attachment) -> Result<bool, TransactError<CniError>> {
        let request = self.request(held);
        let reads = release::reads(&request).and(gate::readiness());
        let freed = transact(self.store, reads, |snapshot| {
            if held.cluster.is_some() && gate::cluster(snapshot) != held.cluster {
                return Ok(Decision::Done(None));
            }
            let decided = release::decide(snapshot, &request).map_err(|error| ipam(&error))?;
            Ok(decided.map(Some))
        });
        let Some(freed) = freed.await? else {
            return Ok(false);
        };
        if !freed.found || held.in_doubt {
            // What an ADD sent to a datastore that slept may arrive only now.
            self.fence(held).await?;
            self.release(&request).await?;
        }
        Ok(true)
    }
}
