//! The BGP sidecar: the datastore turned into BGP, and BGP turned into kernel routes.
//!
//! Everything here but `io` is pure: values in, values out, no socket, no clock, no log.

pub mod adj_rib_out;
pub mod autodetect;
pub mod calls;
pub mod cluster;
pub mod endpoints;
pub mod fib;
pub mod fsm;
pub mod io;
pub mod labels;
pub mod origin;
pub mod peer;
pub mod peers;
pub mod policy;
pub mod prefix_map;
pub mod register;
pub mod rib;
pub mod session;
pub mod settings;
pub mod shown;
pub mod speaker;
pub mod wire;
