//! Releases that are owed: kept while the datastore is away, carried out when it answers again.

use std::time::Duration;

use jiff::Timestamp;
use shared::cni::{CniError, Code};
use shared::owed::Payer;
use shared::state::attachment::{self, Side};
use shared::state::spool;
use shared::store::StoreError;
use shared::store::open::Store;

use crate::call::Call;
use crate::error;

/// How long a call that has its answer may go on for the spool.
const REPLAY: Duration = Duration::from_secs(1);

/// Keeps a release for later; on return it survives a power cut.
pub(crate) fn keep(call: &Call, held: attachment::Attachment, why: &StoreError) -> Result<(), CniError> {
    call.log
        .warning("release kept for later", &[("error", &why.to_string())]);
    let owed = spool::Owed {
        attachment: held,
        since: nanoseconds(call.now),
    };
    spool::keep(&call.config.dirs, Side::Ipam, &owed)
        .map(|_| ())
        .map_err(|error| {
            let text = format!("{why}, and the release cannot be kept for later: {error}");
            CniError::new(Code::StateDir, text)
        })
}

/// Nanoseconds since 1970, until the year 2262.
fn nanoseconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}

/// Who pays in this call.
pub(crate) fn payer(call: &Call) -> Payer<'_, Store> {
    Payer {
        store: &call.store,
        identity: call.store.identity(),
        node: &call.node,
        dirs: &call.config.dirs,
        log: &call.log,
        now: call.now,
        host_lock: Some((&call.config.lock_file, call.deadline())),
    }
}

/// After the answer: what earlier calls owe to this cluster, as far as it answers, for a moment.
pub(crate) async fn replay(call: &Call) {
    if spool::is_empty(&call.config.dirs, Side::Ipam) {
        return;
    }
    let payer = payer(call);
    payer.set_aside(Side::Ipam);
    let paid = payer.settle(Side::Ipam, spool::PER_CALL);
    if tokio::time::timeout(REPLAY, paid).await.is_err() {
        call.log.warning("owed releases kept: the datastore is slow", &[]);
    }
}

/// Before an ADD: what is owed about the very same container, or its replay would hit the new addresses.
pub(crate) async fn before(call: &Call, id: &attachment::Id) -> Result<(), CniError> {
    for spooled in spool::owed_about(&call.config.dirs, Side::Ipam, id) {
        let paid = payer(call).carry_out(Side::Ipam, spooled).await;
        paid.map_err(error::transact)?;
    }
    Ok(())
}
