//! The only part that knows sockets, clocks and files.
