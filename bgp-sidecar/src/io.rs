//! The only part that knows sockets, clocks and files.

#[cfg_attr(not(test), expect(dead_code, reason = "the daemon's loop will call it"))]
pub(crate) mod http;
