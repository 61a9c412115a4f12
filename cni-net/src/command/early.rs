//! What an ADD does ahead, while it waits for the datastore: the IPAM plugin gets ready, the kernel is opened. Neither has an
//! effect, and where something else is waited for, perhaps for long, neither is done.

use shared::cni::CniError;
use shared::cni::delegate::Running;

use super::pair::Ready;
use super::{Call, Target};
use crate::hostlocal;
use crate::netns::Netns;

/// The IPAM plugin, where it is a process, started and held. It is told its configuration as soon as that is known: at once where no API server
/// has a word in it.
pub(super) fn plugin(call: &Call, target: &Target<'_>) -> Result<Option<Running>, CniError> {
    if waits(call) || call.allocates_inside(&target.attachment.path) {
        return Ok(None);
    }
    let mut held = call.hold_ipam("ADD", target);
    if let (Some(held), None) = (&mut held, &call.config.kubernetes) {
        held.tell(hostlocal::stdin(&call.conf, &call.node, None)?)?;
    }
    Ok(held)
}

/// How often the connection's tasks come first: so many turns take it from its begin to the first request.
const TURNS: u32 = 4;

/// Returns when the datastore has been asked, or its connection takes longer than a moment: what then blocks this thread
/// costs nothing, since the answer takes longer.
pub(super) async fn asked_first() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}

/// The kernel, where it will be asked: a data plane makes its own interfaces.
pub(super) fn kernel(call: &Call, netns: &Netns) -> Option<Result<Ready, CniError>> {
    let wanted = call.config.remote.is_none() && !waits(call);
    wanted.then(|| Ready::new(netns))
}

/// Its time would run out with nothing to do, and what it has seen would be old.
fn waits(call: &Call) -> bool {
    !call.config.gates.is_empty()
}
