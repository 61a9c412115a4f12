//! `cni-net`: a veth pair with Calico's 169.254.1.1 gateway for every pod.

use std::process::ExitCode;

/// musl's own allocator maps and unmaps pages a hundred times in a call that lasts milliseconds.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    shared::cni::serve(&cni_net::CniNet::default())
}
