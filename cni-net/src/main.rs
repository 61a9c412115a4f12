//! `cni-net`: a veth pair with Calico's 169.254.1.1 gateway for every pod.

mod apply;
mod command;
mod config;
mod error;
mod facts;
mod gates;
mod hostlocal;
mod mtu;
mod names;
mod netns;
mod observe;
mod plan;
mod record;
mod remote;
mod status;
mod wiring;

use std::process::ExitCode;

/// musl's own allocator maps and unmaps pages a hundred times in a call that lasts milliseconds.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    shared::cni::serve(&command::CniNet::default())
}
