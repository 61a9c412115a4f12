//! The pair and its addresses, in the order that risks least.
//!
//! | whose are the addresses | order |
//! |---|---|
//! | nobody's yet | the IPAM plugin works while the pair is built |
//! | the same, and an older container's interface is in the way | the plugin answers first: what is deleted is gone |
//! | asked for by name, and the older container of the pod holds them | the pair, the older one's release, the plugin |

use std::net::IpAddr;

use shared::cni::{AddResult, CniError};
use shared::state::attachment::{self, Side};

use super::learn::Known;
use super::lease::Lease;
use super::wire::Wire;
use super::{Call, Target};
use crate::facts::Addresses;
use crate::{error, record};

/// Where the addresses come from, and the IPAM plugin's stdin.
pub(super) type Source = (Addresses, Vec<u8>);

/// Builds the pair and gets its addresses; the file is written whenever it knows more.
pub(super) async fn obtain(
    call: &Call,
    target: &Target<'_>,
    known: (&Known, Source),
    file: &mut attachment::Attachment,
    (pair, lease): (&mut Wire, &mut Lease),
) -> Result<(AddResult, Vec<IpAddr>), CniError> {
    let (known, source) = known;
    if let Some(holder) = holder(known, &source.0) {
        file.took_over = older(call, target, known);
        write_file(call, file)?;
        pair.build(call).await?;
        call.release_older(target, holder)?;
        call.step("the older container's addresses went back")?;
        lease.ask(call, target, source)?;
        return answered(call, target, file, lease).await;
    }
    lease.ask(call, target, source)?;
    call.step("the IPAM plugin was started")?;
    if !pair.takes_over() {
        if call.config.remote.is_some() {
            // Only a data plane knows whether there is an interface; its DEL must know whose the pod was.
            file.took_over = older(call, target, known);
        }
        lease.beside(pair.build(call)).await?;
        return answered(call, target, file, lease).await;
    }
    // Nothing of the older container is touched before it is sure that this one gets what it needs.
    file.took_over = older(call, target, known);
    let given = answered(call, target, file, lease).await?;
    pair.foresee(&given.1).await?;
    pair.build(call).await?;
    Ok(given)
}

async fn answered(
    call: &Call,
    target: &Target<'_>,
    file: &mut attachment::Attachment,
    lease: &mut Lease,
) -> Result<(AddResult, Vec<IpAddr>), CniError> {
    let (ipam, addresses) = lease.answer(call, target).await?;
    file.addresses.clone_from(&addresses);
    file.routed = call.leads(target, &ipam);
    write_file(call, file)?;
    call.step("the IPAM plugin has answered")?;
    Ok((ipam, addresses))
}

/// Writes the attachment file.
pub(super) fn write_file(call: &Call, file: &attachment::Attachment) -> Result<(), CniError> {
    attachment::write(&call.dirs, Side::Net, file).map_err(|error| error::state(&error))
}

/// The older container of the pod, as the record or this node's files name it.
fn older(call: &Call, target: &Target<'_>, known: &Known) -> Option<String> {
    let recorded = known
        .existing
        .as_ref()
        .map(|stored| record::container(&stored.record));
    let recorded = recorded.filter(|container| *container != target.id.container);
    let noted = || call.claimed_by_another(&target.id, &target.host_interface);
    recorded
        .map(str::to_owned)
        .or_else(|| noted().map(|file| file.id.container))
}

/// The container that holds an address which the pod asks for by name, and its interface: the one that the pod had
/// before, as its record says.
fn holder(known: &Known, wanted: &Addresses) -> Option<(String, String)> {
    let Addresses::Named(wanted) = wanted else {
        return None;
    };
    let record = &known.existing.as_ref()?.record;
    let held = record::addresses(record);
    let container = record::container(record);
    let holds = held.iter().any(|net| wanted.contains(&net.addr())) && !container.is_empty();
    let ifname = record.spec.endpoint.clone().unwrap_or_default();
    holds.then(|| (container.to_owned(), ifname))
}
