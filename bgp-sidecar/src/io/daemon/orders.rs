//! What the program does instead of running: say what it would do, or tell the running one to leave.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: reads the lock of the running one"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cluster::{Cluster, Data, Picture};
use crate::fib::Op;
use crate::io::datastore::{Datastore, Update};
use crate::io::kernel::Kernel;
use crate::io::life;
use crate::origin::Origin;
use crate::peers::Resolved;
use crate::register::Registered;
use crate::settings::Settings;

use super::register::Registrar;

/// What an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What would be done, in words, with no side effect but reading.
pub(in crate::io) async fn check(settings: &Settings, warnings: &[String]) -> Result<String, String> {
    let node = life::node_name(settings)?.name;
    let (mut datastore, odd) = Datastore::look(settings, &node)?;
    let data = stored(&mut datastore).await?;
    let mut data = Data::clone(&data);
    let kernel = Kernel::open().await?;
    let registrar = Registrar {
        settings,
        node: &node,
        kernel: &kernel,
    };
    let registered = registrar.foretell(&*datastore.store(), &mut data).await?;
    let mut cluster = Cluster::new(&node);
    cluster.take(&data);
    let secrets = super::start::secrets(&settings.secrets_dir, &cluster.secrets());
    let picture = cluster.picture(settings, &secrets);
    let mut lines = vec![format!("node {node}")];
    lines.extend(registration(&registered));
    lines.push(speaker(&picture));
    lines.extend(peers(&picture.sessions));
    lines.extend(announcements(&picture.origin));
    let all = warnings.iter().chain(&odd).chain(&registered.warnings);
    let all = all.chain(&picture.problems);
    lines.extend(all.map(|text| format!("warning: {text}")));
    Ok(lines.join("\n"))
}

/// What the datastore says now.
async fn stored(datastore: &mut Datastore) -> Result<Arc<Data>, String> {
    let first = tokio::time::timeout(PATIENCE, datastore.next()).await;
    match first {
        Ok(Update::Data(data, _)) => Ok(data),
        Ok(Update::Away(why)) => Err(format!("the datastore does not answer: {why}")),
        Err(_) => Err("the datastore does not answer within 10 s".to_owned()),
    }
}

fn registration(registered: &Registered) -> impl Iterator<Item = String> {
    let written = registered.written.iter().map(|what| format!("writes {what}"));
    let addresses = registered.addresses.iter();
    written.chain(addresses.map(|address| format!("address {address}")))
}

fn speaker(picture: &Picture) -> String {
    match &picture.local {
        Ok(local) => format!(
            "speaks as AS {}, identifier {}, port {}",
            local.number, local.id, picture.listen_port
        ),
        Err(why) => format!("speaks with nobody yet: {why}"),
    }
}

fn peers(resolved: &Resolved) -> impl Iterator<Item = String> {
    let sessions = resolved.sessions.iter().map(|one| {
        format!(
            "peer {} port {} of AS {} ({})",
            one.key.address, one.key.port, one.number, one.origin
        )
    });
    let held = resolved.held.iter();
    sessions.chain(held.map(|one| format!("peer {} not started: {}", one.session.key.address, one.why)))
}

fn announcements(origin: &Origin) -> impl Iterator<Item = String> {
    let announced = origin.announced.iter();
    let announced = announced.map(|prefix| format!("announces {prefix}"));
    let withheld = origin.withheld.iter();
    announced.chain(withheld.map(|(prefix, why)| format!("does not announce {prefix}: {why}")))
}

/// The running one withdraws and ends; where none runs, what it left in the kernel is removed.
pub(in crate::io) async fn withdraw(settings: &Settings) -> Result<(), String> {
    let node = life::node_name(settings)?.name;
    if let Some(pid) = holder(&settings.run_dir, &node)? {
        let pid = Pid::from_raw(pid);
        kill(pid, Signal::SIGUSR1).map_err(|error| format!("process {pid}: {error}"))?;
        let gone = async {
            while holder(&settings.run_dir, &node)?.is_some() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok::<(), String>(())
        };
        let ended = tokio::time::timeout(PATIENCE, gone).await;
        return ended.map_err(|_| format!("process {pid} has not ended within 10 s"))?;
    }
    let kernel = Kernel::open().await?;
    let ours = kernel.look().await?.ours;
    let ops: Vec<Op> = ours.iter().map(|entry| Op::Delete(entry.into())).collect();
    match kernel.apply(&ops).await.first() {
        None => Ok(()),
        Some((op, error)) => Err(format!("{op}: {error}")),
    }
}

/// The process that is the node's sidecar.
fn holder(run_dir: &Path, node: &str) -> Result<Option<i32>, String> {
    match life::lock(run_dir, node) {
        Ok(_free) => Ok(None),
        Err(why) => {
            let path = run_dir.join(format!("sidecar-{node}.lock"));
            let text =
                std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            text.trim().parse().map(Some).map_err(|_| why)
        }
    }
}
