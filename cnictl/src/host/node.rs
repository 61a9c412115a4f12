//! Who still uses what is to be removed, and the routes that the sidecar has left.

use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use shared::kernel::Kernel;
use shared::op::{Op, Route, Side};
use shared::state::attachment;
use shared::store::config::Dirs;

use super::Root;
use super::files;
use crate::commands::install::places::Places;
use crate::commands::install::remove::Node;

/// Looks.
pub(super) fn look(root: &Root, places: &Places) -> Result<Node, String> {
    let dirs = Dirs {
        state: root.at(&places.state_dir),
        run: root.at(&places.run_dir),
    };
    let pods = attachment::everything(&dirs, attachment::Side::Net);
    let spool = files::names(&dirs.state.join("spool"));
    let nodename = root.at(&places.nodename);
    let beside = nodename.parent().map(files::names).unwrap_or_default();
    let own = nodename.file_name().unwrap_or_default().to_string_lossy();
    Ok(Node {
        pods: pods.into_iter().map(|pod| pod.id.container).collect(),
        spooled: spool.iter().filter(|name| name.ends_with(".json")).count(),
        sidecar: sidecar(&dirs.run)?,
        name_alone: beside == [own],
    })
}

/// The process that holds the lock of a node's name.
fn sidecar(run_dir: &Path) -> Result<Option<String>, String> {
    let locks = files::names(run_dir);
    for name in locks
        .iter()
        .filter(|name| name.starts_with("sidecar-") && name.ends_with(".lock"))
    {
        let path = run_dir.join(name);
        let Ok(file) = fs::OpenOptions::new().read(true).open(&path) else {
            continue;
        };
        if let Err((_, Errno::EWOULDBLOCK)) = Flock::lock(file, FlockArg::LockSharedNonblock) {
            let pid = files::text(&path)?.unwrap_or_default();
            return Ok(Some(format!("process {}", pid.trim())));
        }
    }
    Ok(None)
}

/// Removes what has the sidecar's protocol number; how many there were.
pub(super) async fn remove_routes() -> Result<usize, String> {
    let kernel = Kernel::open(None).map_err(|error| error.to_string())?;
    let routes = kernel
        .routes_by(Route::MANX)
        .await
        .map_err(|error| error.to_string())?;
    for route in &routes {
        let op = Op::DelRoute {
            side: Side::Host,
            route: route.clone(),
        };
        kernel.apply(&op).await.map_err(|error| error.to_string())?;
    }
    Ok(routes.len())
}
