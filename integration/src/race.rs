//! Our daemon beside BIRD 2, one after the other at the same work: the same peers ([`crate::injector`]) tell them the same,
//! hear from them, and hold the clock.
//!
//! ```text
//!   leaf: etcd, and peers 172.20.16.0 … (addresses without interfaces), br0 172.20.0.1
//!     │ veth                 │ veth
//!   worker01 172.20.0.4    bird 172.20.0.11      ── a route reflector each, of AS 64512
//! ```

mod arena;
mod bird;
mod burst;
mod idle;
pub mod kernel;
mod latency;
mod ours;
mod table;
pub mod usage;

pub use arena::{Arena, Maker, NUMBER, Rival, Task};
pub use burst::{Learned, learn, reflect};
pub use idle::{Idle, idle};
pub use latency::{block, one_prefix};
pub use table::{Row, Samples, row};
