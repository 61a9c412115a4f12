//! What two of Manx's programs share: nouns, decisions over them, and the edges that carry decisions out.
//!
//! | module | holds | touches the world |
//! |---|---|---|
//! | [`cni`] | the CNI protocol; imports nothing of ours | stdin, stdout, child processes |
//! | [`model`] | Calico's resources as plain data | no |
//! | [`txn`] | instruction set 1: what to read and write in the datastore | no |
//! | [`op`] | instruction set 2: what to do to the kernel | no |
//! | [`selector`] | Calico's selector language over labels | no |
//! | [`ipam`] | which address, which block, what goes back | no |
//! | [`store`] | carries out a `Txn`: memory, etcd, embedded | yes (features `etcd`, `embedded`) |
//! | `kernel` | carries out an `Op` by rtnetlink and /proc/sys | yes (feature `kernel`) |
//! | `kubernetes` | reads a pod and its namespace from the API server | yes (feature `kubernetes`) |
//! | `state` | what this node remembers under `state_dir` and `run_dir` | yes (feature `edge`) |
//! | [`gate`] | which cluster a datastore is, and whether it may be used | no |
//! | `owed` | carries out what the spool holds | yes (feature `edge`) |
//! | `inotify` | what the kernel says of files | yes (features `etcd`, `embedded`) |
//! | `log` | one line per event on stderr and in a file | yes (feature `edge`) |
//!
//! Without features this crate is the pure core.

pub mod cni;
pub mod gate;
#[cfg(any(feature = "etcd", feature = "embedded"))]
pub mod inotify;
pub mod ipam;
#[cfg(feature = "kernel")]
pub mod kernel;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
#[cfg(feature = "edge")]
pub mod log;
pub mod model;
pub mod op;
#[cfg(feature = "edge")]
pub mod owed;
pub mod selector;
#[cfg(feature = "edge")]
pub mod state;
pub mod store;
pub mod txn;
