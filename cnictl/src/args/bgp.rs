//! The command line of `bgp`, and what every question to this node's sidecar takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ipam::Report;

/// `bgp`.
#[derive(Debug, Subcommand)]
pub enum Bgp {
    /// Show the routes exchanged with a peer of this node, and what became of them
    Routes(Routes),
}

/// `bgp routes`.
#[derive(Args, Debug)]
#[group(required = true, multiple = false, args = ["received", "advertised"])]
pub struct Routes {
    /// What this peer has sent: ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT
    #[arg(long, value_name = "PEER")]
    pub received: Option<String>,
    /// What this peer has been told
    #[arg(long, value_name = "PEER")]
    pub advertised: Option<String>,
    /// Whom to ask, and how to show it.
    #[command(flatten)]
    pub asking: Asking,
}

/// Whom to ask, and how to show it.
#[derive(Args, Clone, Debug)]
pub struct Asking {
    /// The sidecar's socket [default: sidecar.sock in --run-dir]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value = "table")]
    pub output: Report,
}
