//! `cni-ipam`: addresses from affine blocks, for `cni-net` or any other CNI plugin.

mod assign;
mod call;
mod command;
mod config;
mod error;
mod gc;
mod memory;
mod owed;
mod release;
mod status;

use std::process::ExitCode;

/// musl's own allocator maps and unmaps pages a hundred times in a call that lasts milliseconds.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    shared::cni::serve(&command::CniIpam::default())
}
