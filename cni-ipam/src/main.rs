//! `cni-ipam`: addresses from affine blocks, for `cni-net` or any other CNI plugin.

mod assign;
mod call;
mod command;
mod config;
mod error;
mod gc;
mod owed;
mod release;
mod status;

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::cni::serve(&command::CniIpam::default())
}
