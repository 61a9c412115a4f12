//! Calico's resources as plain data with their invariants.

pub mod key;
