//! Those who wait for us: systemd (sd_notify), and STATUS of `cni-net` by `run_dir/ready`.
#![expect(clippy::disallowed_methods, reason = "edge: a file, a variable of systemd's")]

use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

use shared::state;

use super::Daemon;
use crate::io::http::Http;

impl Daemon {
    /// Whoever started us, and STATUS, may go on: something is announced, or nobody is there to hear it.
    pub(super) fn tell_ready(&mut self) {
        if self.ready || self.picture.is_none() || !self.speaker.is_settled() || !self.backlog.is_empty() {
            return;
        }
        self.ready = true;
        if let Err(error) = ready(&self.settings.run_dir, &self.settings.boot_id_file) {
            self.log
                .warning("run_dir/ready cannot be written", &[("error", &error)]);
        }
        systemd("READY=1");
        let peers = self.speaker.peers().len().to_string();
        let metrics = self.http.as_ref().and_then(Http::metrics);
        let metrics = metrics.map_or_else(|| "none".to_owned(), |address| address.to_string());
        self.log
            .info("ready", &[("peers", &peers), ("metrics", &metrics)]);
    }
}

/// Tells systemd, if it started us and asked to be told.
pub(super) fn systemd(state: &str) {
    let Ok(path) = std::env::var("NOTIFY_SOCKET") else {
        return;
    };
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    };
    // Nobody listens any more: nobody has to be told.
    if let (Ok(socket), Ok(address)) = (UnixDatagram::unbound(), address) {
        let _ = socket.send_to_addr(state.as_bytes(), &address);
    }
}

/// Ready in this boot.
pub(super) fn ready(run_dir: &Path, boot_id: &Path) -> Result<(), String> {
    let path = run_dir.join("ready");
    let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let boot = fs::read_to_string(boot_id).map_err(|error| told(boot_id, error))?;
    state::put(&path, boot.trim().as_bytes()).map_err(|error| error.to_string())
}

/// Not any more.
pub(super) fn not_ready(run_dir: &Path) {
    let _ = fs::remove_file(run_dir.join("ready"));
}
