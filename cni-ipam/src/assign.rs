//! ADD: addresses for a container, and what DEL must know written before they are taken.
#![expect(clippy::disallowed_methods, reason = "edge: a random uid")]

use ipnet::IpNet;
use shared::cni::result::{IpConfig, Route};
use shared::cni::{AddResult, Attachment, CniError, NetConf};
use shared::gate;
use shared::ipam::{AssignRequest, Lease, assign, is_roomy, singles};
use shared::state::attachment::{self, Side};
use shared::state::lock;
use shared::store::transact_from;
use shared::txn::{Decision, Snapshot};

use crate::call::Call;
use crate::{config, error, memory, owed, release};

/// ADD from the configuration to the answer.
pub(crate) async fn answer(
    call: &Call,
    attachment: &Attachment,
    conf: &NetConf,
) -> Result<AddResult, CniError> {
    let mut request = call.config.request(conf, attachment, &call.node, call.now)?;
    request.uid = uuid::Uuid::new_v4().to_string();
    let leases = add(call, attachment, &mut request).await?;
    Ok(result(&leases, &request))
}

/// Takes addresses for a container, with an attachment file written before each try.
async fn add(
    call: &Call,
    attachment: &Attachment,
    request: &mut AssignRequest,
) -> Result<Vec<Lease>, CniError> {
    let _turn = call.turn(&attachment.container_id, &attachment.ifname).await?;
    let dirs = &call.config.dirs;
    let id = call.id(&attachment.container_id, &attachment.ifname);
    Box::pin(owed::before(call, &id)).await?;
    let earlier = attachment::read(dirs, Side::Ipam, &id).ok().flatten();
    let mut file = earlier.unwrap_or(attachment::Attachment {
        id,
        kubernetes: config::pod(attachment).is_some(),
        ..attachment::Attachment::default()
    });
    if !file.blocks.is_empty() {
        // An ADD had begun and no DEL came since: what it sent may still be on its way.
        Box::pin(release::fence(call, &file))
            .await
            .map_err(error::transact)?;
    }
    call.store.dial().await;
    let _host = lock::host(&call.config.lock_file, call.deadline()).await;
    let mut hint = memory::read(call);
    request.hint_blocks.clone_from(&hint.blocks);
    request.roomy = hint.roomy;
    request.after.clone_from(&hint.after);
    let known = memory::recall(&mut hint, request);
    let decided = transact_from(&call.store, memory::reads(request), known, |snapshot| {
        let decision = assign::decide(snapshot, request).map_err(|error| error::ipam(&error))?;
        if let Decision::Commit(_, leases) = &decision {
            note(&mut file, snapshot, request, leases);
            attachment::write(dirs, Side::Ipam, &file).map_err(|error| error::state(&error))?;
        }
        Ok(decision)
    });
    let decided = decided.await.map_err(error::transact)?;
    let leases = decided.outcome;
    let mut hint = hint.used(leases.iter().map(|lease| lease.block));
    hint.roomy = is_roomy(&leases);
    hint.after = singles(&leases);
    memory::keep(call, hint, request, &decided.snapshot);
    tell(call, &leases);
    Ok(leases)
}

/// What an operator should know about addresses that were not simply free.
fn tell(call: &Call, leases: &[Lease]) {
    for lease in leases {
        let (address, block) = (lease.address.to_string(), lease.block.to_string());
        let mut fields = vec![
            ("address", address.as_str()),
            ("block", &block),
            ("pool", &lease.pool),
        ];
        if lease.borrowed {
            call.log.info(
                "borrowed: no block is left to claim, this one is another host's",
                &fields,
            );
        }
        if let Some(since) = lease.resting.map(|since| since.to_string()) {
            fields.push(("released", &since));
            call.log.warning(
                "given out before its cooldown was over: no other address is left",
                &fields,
            );
        }
    }
}

/// Notes what the next commit will hold, so that a DEL finds it whatever becomes of this process.
fn note(file: &mut attachment::Attachment, snapshot: &Snapshot, request: &AssignRequest, leases: &[Lease]) {
    file.cluster = gate::cluster(snapshot);
    file.in_doubt |= snapshot.is_in_doubt();
    if !file.handles.contains(&request.handle) {
        file.handles.push(request.handle.clone());
    }
    for lease in leases {
        if !file.blocks.contains(&lease.block) {
            file.blocks.push(lease.block);
        }
        if !file.addresses.contains(&lease.address) {
            file.addresses.push(lease.address);
        }
        file.sequences.insert(lease.address, lease.sequence);
    }
}

/// Calico's result: each address with its block's length (a specific one alone), and a route to itself.
fn result(leases: &[Lease], request: &AssignRequest) -> AddResult {
    let alone = |lease: &Lease| IpNet::from(lease.address);
    let within = |lease: &Lease| {
        let length = lease.block.prefix_len();
        if request.specific.is_empty() {
            IpNet::new(lease.address, length).unwrap_or(alone(lease))
        } else {
            alone(lease)
        }
    };
    AddResult {
        ips: leases
            .iter()
            .map(|lease| IpConfig {
                address: within(lease),
                gateway: None,
                interface: None,
            })
            .collect(),
        routes: leases.iter().map(|lease| Route::to(alone(lease))).collect(),
        ..AddResult::default()
    }
}
