//! The harness of the black-box tests: nodes made of network namespaces, real etcd, real CNI callers. It imports nothing of
//! ours: it knows the programs in `dist/` only by what a container runtime, an operator or etcd sees of them.
//!
//! ```text
//!   leaf (bridge br0 192.168.1.1/24)  ── etcd listens here, 1 or 3 members
//!     │ veth            │ veth
//!   worker01 .4       worker02 .5     ── `uplink` in a namespace each; state_dir and run_dir of its own
//!     │ cali…             │ cali…
//!   pods              pods            ── a namespace each
//! ```
//! Other subnets of the leaf, and other names of interfaces: `site`. Everything is gone when its value is dropped. Every command is logged with its time, and bounded.

pub mod apiserver;
pub mod audit;
mod base64;
pub mod bench;
pub mod bird;
pub mod calico;
pub mod capture;
pub mod certificates;
pub mod cluster;
pub mod cnitool;
pub mod containerd;
pub mod contention;
pub mod daemon;
pub mod dataplane;
pub mod dns;
pub mod etcd;
pub mod fabric;
pub mod fences;
pub mod frr;
pub mod gobgp;
pub mod injector;
pub mod installation;
pub mod json;
pub mod lab;
pub mod machine;
pub mod manifests;
pub mod netns;
pub mod node;
pub mod packets;
pub mod plugin;
pub mod process;
pub mod proxy;
pub mod race;
pub mod require;
pub mod rights;
pub mod shown;
pub mod sidecar;
pub mod site;
pub mod soak;
pub mod status;
pub mod traces;
pub mod wait;

pub use lab::{Kind, Lab};
pub use node::{Node, Pod};
pub use plugin::Call;

/// Each named function, which takes a [`Kind`], as a test on the embedded store and as one on etcd.
#[macro_export]
macro_rules! on_both_stores {
    ($($name:ident),* $(,)?) => {
        mod embedded { $( #[test] fn $name() { super::$name($crate::Kind::Embedded); } )* }
        mod etcd { $( #[test] fn $name() { super::$name($crate::Kind::Etcd); } )* }
    };
}
