//! `cni-net`: a veth pair with Calico's 169.254.1.1 gateway for every pod.

mod apply;
mod command;
mod config;
mod error;
mod gates;
mod hostlocal;
mod mtu;
mod names;
mod netns;
mod observe;
mod plan;
mod record;
mod status;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::cni::serve(&command::CniNet::default())
}
