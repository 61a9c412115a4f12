//! The BGP sidecar: the datastore turned into BGP, and BGP turned into kernel routes.
//!
//! Everything here but `io` is pure: values in, values out, no socket, no clock, no log.

pub mod autodetect;
pub mod origin;
pub mod peers;
pub mod policy;
pub mod register;
pub mod session;
pub mod settings;
pub mod wire;
