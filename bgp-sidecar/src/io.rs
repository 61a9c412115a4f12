//! The only part that knows sockets, clocks and files.

#[allow(dead_code, reason = "the daemon that uses it follows")]
pub(crate) mod datastore;
#[allow(dead_code, reason = "the daemon that uses it follows")]
pub(crate) mod life;
#[allow(dead_code, reason = "the daemon that uses it follows")]
pub(crate) mod snapshot;
