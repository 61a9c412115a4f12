//! DEL: what a container held goes back, now or, when the datastore is away, by the spool.

use std::collections::BTreeMap;
use std::net::IpAddr;

use shared::cni::{Attachment, CniError, Env};
use shared::ipam::{ReleaseRequest, Released};
use shared::state::attachment::{self, Side};
use shared::store::TransactError;

use crate::call::Call;
use crate::{config, error, owed};

/// What a rolled back ADD had got, comma-separated: only these go back, not what an earlier ADD of the same
/// container holds.
const ONLY: &str = "MANX_RELEASE_ONLY";

pub(crate) async fn del(call: &Call, attachment: &Attachment, env: &Env) -> Result<(), CniError> {
    let turn = call.turn(&attachment.container_id, &attachment.ifname).await?;
    let dirs = &call.config.dirs;
    let id = call.id(&attachment.container_id, &attachment.ifname);
    let file = attachment::read(dirs, Side::Ipam, &id).ok().flatten();
    let handles = config::handles(&call.config.network, attachment);
    let mut held = file.clone().unwrap_or(attachment::Attachment {
        id: id.clone(),
        handles,
        ..Default::default()
    });
    let rest = env.get(ONLY).map(|only| split(&mut held, only));
    let request = request(call, &held, rest.is_some(), attachment);
    match free(call, &request, file.as_ref()).await {
        Ok(()) => {}
        Err(TransactError::Decide(error)) => return Err(error),
        Err(TransactError::Store(why)) => owed::keep(call, held, &why)?,
    }
    match rest.filter(|rest| !rest.addresses.is_empty()) {
        Some(rest) => attachment::write(dirs, Side::Ipam, &rest).map_err(|error| error::state(&error)),
        None => {
            attachment::forget(dirs, Side::Ipam, &id).map_err(|error| error::state(&error))?;
            turn.retire();
            Ok(())
        }
    }
}

/// Everything the container's handles hold, or only the allocations that `held` names.
fn request(call: &Call, held: &attachment::Attachment, only: bool, about: &Attachment) -> ReleaseRequest {
    ReleaseRequest {
        host: call.node.clone(),
        handles: config::handles(&call.config.network, about),
        hint_blocks: held.blocks.clone(),
        sequences: if only {
            held.sequences.clone()
        } else {
            BTreeMap::new()
        },
        now: call.now,
    }
}

/// Leaves only the listed addresses in `held`, and answers with the rest.
fn split(held: &mut attachment::Attachment, only: &str) -> attachment::Attachment {
    let listed: Vec<IpAddr> = only.split(',').filter_map(|ip| ip.trim().parse().ok()).collect();
    let mut rest = held.clone();
    held.addresses.retain(|address| listed.contains(address));
    held.sequences.retain(|address, _| listed.contains(address));
    rest.addresses.retain(|address| !listed.contains(address));
    rest.sequences.retain(|address, _| !listed.contains(address));
    // A number nobody was given: with nothing to release, an empty list would mean everything.
    for address in listed {
        held.sequences.entry(address).or_insert(0);
    }
    rest
}

/// Frees everything the request names. Where an attachment file says that an ADD had begun but the datastore shows
/// nothing of it, or that it sent more than one request, a Txn may still be on its way: it is fenced off, and looked for
/// once more.
async fn free(
    call: &Call,
    request: &ReleaseRequest,
    begun: Option<&attachment::Attachment>,
) -> Result<(), TransactError<CniError>> {
    let released = once(call, request).await?;
    if let Some(file) = begun.filter(|file| !released.found || file.in_doubt) {
        Box::pin(fence(call, file)).await?;
        Box::pin(once(call, request)).await?;
    }
    Ok(())
}

/// Makes whatever an ADD of this attachment has sent, and the datastore has not seen yet, fail when it arrives.
pub(crate) async fn fence(call: &Call, file: &attachment::Attachment) -> Result<(), TransactError<CniError>> {
    owed::payer(call).fence(file).await
}

pub(crate) async fn once(call: &Call, request: &ReleaseRequest) -> Result<Released, TransactError<CniError>> {
    call.store.dial().await;
    owed::payer(call).release(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(addresses: &[(&str, u64)]) -> attachment::Attachment {
        let sequences: BTreeMap<IpAddr, u64> = addresses
            .iter()
            .map(|(address, number)| (address.parse().unwrap(), *number))
            .collect();
        attachment::Attachment {
            addresses: sequences.keys().copied().collect(),
            sequences,
            ..Default::default()
        }
    }

    #[test]
    fn a_rolled_back_add_gives_back_only_what_it_got() {
        let mut both = held(&[("10.0.0.1", 7), ("10.0.0.2", 9)]);
        let rest = split(&mut both, "10.0.0.2");
        assert_eq!(both, held(&[("10.0.0.2", 9)]));
        assert_eq!(rest, held(&[("10.0.0.1", 7)]));
    }

    #[test]
    fn a_list_of_what_was_never_given_releases_nothing() {
        let mut first = held(&[("10.0.0.1", 7)]);
        let rest = split(&mut first, "10.0.0.9");
        assert_eq!(rest, held(&[("10.0.0.1", 7)]));
        assert_eq!(
            first.sequences,
            BTreeMap::from([("10.0.0.9".parse().unwrap(), 0)])
        );
    }
}
