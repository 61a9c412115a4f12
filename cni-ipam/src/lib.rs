//! Addresses from affine blocks: the plugin, for `cni-net` or any other CNI plugin, and its ADD and DEL as a part of
//! `cni-net`'s own process.
//!
//! | caller | entry | store |
//! |---|---|---|
//! | a runtime, a plugin, `cni-net` with `exec_ipam` | [`CniIpam`], in a process of its own | opens its own |
//! | `cni-net` | [`Inside`], a task among others | the caller's connection |

mod assign;
mod call;
mod command;
mod config;
mod error;
mod gc;
mod inside;
mod memory;
pub mod outside;
mod owed;
mod process;
mod release;
mod status;

pub use command::CniIpam;
pub use inside::Inside;
