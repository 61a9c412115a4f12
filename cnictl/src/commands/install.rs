//! `cnictl install`, `upgrade` and `uninstall`: what is to lie where on a node, and in which order it gets there. Pure:
//! what is there comes in as values, and what to do goes out as [`step::Step`]s. The edge is [`crate::host`].
//!
//! ```text
//! flags, variables, receipt ─► settings ─┐
//! programs, token, certificates ─► Found ┴─► wanted ─┬─► plan ─► steps
//! what lies there ─────────────────► Seen ───────────┘
//! ```

pub mod bytes;
pub mod conflist;
pub mod kubeconfig;
#[cfg(test)]
mod model;
pub mod places;
pub mod plan;
pub mod receipt;
pub mod remove;
pub mod seen;
pub mod settings;
pub mod step;
pub mod wanted;
