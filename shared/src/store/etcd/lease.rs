//! Edge: a key that lives as long as somebody keeps it alive.

use std::time::Duration;

use etcd_client::{Client, Compare, CompareOp, Error, PutOptions, TxnOp};

use super::super::StoreError;
use super::call::Repeat;
use super::convert::signed;
use super::{Etcd, kv};
use crate::model::key::Key;
use crate::txn::Revision;

/// A lease that was granted; what is stored under it goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease(i64);

impl Etcd {
    /// A lease that ends so long after it was kept alive last.
    pub async fn grant(&self, limit: Duration) -> Result<Lease, StoreError> {
        let seconds = signed(limit.as_secs());
        // One that is granted twice is a lease too many for so long, and nothing else.
        let grant = async |client: Client| client.lease_client().grant(seconds, None).await;
        let granted = self.call(Repeat::Yes, grant).await?;
        Ok(Lease(granted.id()))
    }

    /// Keeps it alive; whether it was.
    pub async fn keep_alive(&self, lease: Lease) -> Result<bool, StoreError> {
        let keep = async |client: Client| match client.lease_client().keep_alive(lease.0).await {
            Ok(_) => Ok(true),
            Err(Error::LeaseKeepAliveError(_)) => Ok(false),
            Err(error) => Err(error),
        };
        self.call(Repeat::Yes, keep).await
    }

    /// Ends it, with what is stored under it; one that has ended is no error.
    pub async fn revoke(&self, lease: Lease) -> Result<(), StoreError> {
        let revoke = async |client: Client| client.lease_client().revoke(lease.0).await;
        match self.call(Repeat::Yes, revoke).await {
            Ok(_) => Ok(()),
            Err(StoreError::Refused(text)) if text.contains("lease not found") => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Stores a value under a lease, if the key was last written then; `None`: if it is not there. Whether it was
    /// stored.
    pub async fn put_leased(
        &self,
        key: &Key,
        value: &[u8],
        lease: Lease,
        before: Option<Revision>,
    ) -> Result<bool, StoreError> {
        let guard = match before {
            None => Compare::create_revision(key.as_str(), CompareOp::Equal, 0),
            Some(revision) => Compare::mod_revision(key.as_str(), CompareOp::Equal, signed(revision.0)),
        };
        let options = PutOptions::new().with_lease(lease.0);
        let put = TxnOp::put(key.as_str(), value, Some(options));
        let txn = etcd_client::Txn::new().when([guard]).and_then([put]);
        let commit = async |client: Client| kv(&client).txn(txn.clone()).await;
        Ok(self.call(Repeat::IfUnsent, commit).await?.succeeded())
    }
}
