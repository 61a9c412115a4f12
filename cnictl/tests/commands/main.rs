//! What an operator meets, command by command: on a store in memory, or on what a dead or slow store says.
#![allow(
    clippy::disallowed_methods,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "tests with files of their own"
)]

mod common;

mod bgp;
mod checking;
mod configuring;
mod decommissioning;
mod deleting;
mod describing;
mod dry_run;
mod endpoints;
mod errors;
mod explaining;
mod headroom;
mod interrupting;
mod kinds;
mod man;
mod matrix;
mod operator;
mod patching;
mod recorded;
mod releasing;
mod splitting;
mod verbs;
mod watching;
