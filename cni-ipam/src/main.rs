//! `cni-ipam`: addresses from affine blocks, for `cni-net` or any other CNI plugin.

use std::process::ExitCode;

/// musl's own allocator maps and unmaps pages a hundred times in a call that lasts milliseconds.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    shared::cni::serve(&cni_ipam::CniIpam::default())
}
