//! Commands that ask this machine's sidecar, and no datastore.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::args::bgp::{Asking, Routes};
use crate::args::ipam::Report;
use crate::commands::{Outcome, bgp_routes, node_status};
use crate::sidecar;

/// Where the sidecar's socket is, unless told.
const RUN_DIR: &str = "/run/manx";

/// What is asked.
#[derive(Debug)]
pub(super) struct Look {
    target: String,
    socket: PathBuf,
    show: Show,
}

#[derive(Clone, Copy, Debug)]
enum Show {
    Json,
    Peers,
    Routes,
}

impl Look {
    /// `node status`
    pub(super) fn peers(asking: Asking) -> Self {
        Self::new("/v1/peers".to_owned(), asking, Show::Peers)
    }

    /// `bgp routes`
    pub(super) fn routes(words: Routes) -> Self {
        let (peer, direction) = match (words.received, words.advertised) {
            (Some(peer), _) => (peer, "received"),
            (None, peer) => (peer.unwrap_or_default(), "advertised"),
        };
        let peer = sidecar::encoded(&peer);
        let target = format!("/v1/routes?peer={peer}&dir={direction}");
        Self::new(target, words.asking, Show::Routes)
    }

    fn new(target: String, asking: Asking, table: Show) -> Self {
        Self {
            target,
            socket: asking.socket.unwrap_or_default(),
            show: match asking.output {
                Report::Table => table,
                Report::Json => Show::Json,
            },
        }
    }

    /// Where no socket is named, it is the one of this directory.
    pub(super) fn in_dir(mut self, flag: Option<&str>, env: &BTreeMap<String, String>) -> Self {
        if self.socket.as_os_str().is_empty() {
            let told = flag.or(env.get("MANX_RUN_DIR").map(String::as_str));
            let dir = told.filter(|dir| !dir.is_empty()).unwrap_or(RUN_DIR);
            self.socket = Path::new(dir).join("sidecar.sock");
        }
        self
    }

    /// Asks, and shows the answer.
    pub(super) async fn run(self, now: Timestamp) -> Outcome {
        let shown = match (sidecar::get(&self.socket, &self.target).await, self.show) {
            (Err(error), _) => Err(error),
            (Ok(body), Show::Json) => Ok(body),
            (Ok(body), Show::Peers) => node_status::show(&body, now),
            (Ok(body), Show::Routes) => bgp_routes::show(&body),
        };
        shown.map_or_else(Outcome::failed, Outcome::said)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Ready, ready};
    use super::*;
    use crate::args::Cli;

    fn look(line: &str) -> Look {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let env = [("MANX_RUN_DIR".to_owned(), "/run/env".to_owned())].into();
        let Ready::Look(look) = ready(cli.command).unwrap() else {
            panic!("{line}");
        };
        look.in_dir(cli.datastore.run_dir.as_deref(), &env)
    }

    #[test]
    fn a_flag_comes_before_the_variable_and_a_socket_before_both() {
        let socket = |line: &str| look(line).socket.display().to_string();
        assert_eq!(socket("cnictl node status"), "/run/env/sidecar.sock");
        assert_eq!(socket("cnictl node status --run-dir /a"), "/a/sidecar.sock");
        assert_eq!(socket("cnictl node status --run-dir /a --socket b"), "b");
        let unset = Look::peers(Asking {
            socket: None,
            output: Report::Json,
        });
        let default = unset.in_dir(None, &BTreeMap::new());
        assert_eq!(default.socket, Path::new("/run/manx/sidecar.sock"));
    }

    #[test]
    fn a_peer_with_a_port_is_passed_on_whole() {
        assert_eq!(
            look("cnictl bgp routes --received [fd00::1]:1179").target,
            "/v1/routes?peer=%5Bfd00::1%5D:1179&dir=received"
        );
        assert_eq!(
            look("cnictl bgp routes --advertised 10.0.0.1").target,
            "/v1/routes?peer=10.0.0.1&dir=advertised"
        );
    }
}
