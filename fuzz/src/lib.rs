//! Everything that outsiders send us, as functions of octets. They return nothing: what must not happen panics.
//!
//! On stable, `tests/short.rs` runs each over `corpus/` and over mutations of it, from a seed; with cargo-fuzz, the same functions
//! are driven by coverage (`libfuzzer/`).

pub mod mutate;
pub mod targets;

/// A function and the name of its corpus.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The folder below `corpus/`.
    pub name: &'static str,
    /// What is run.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 9] = [
    target("cni_call", targets::cni_call),
    target("pod", targets::pod),
    target("conflist", targets::conflist),
    target("stored_value", targets::stored_value),
    target("bgp_message", targets::bgp_message),
    target("bgp_open", targets::bgp_open),
    target("yaml", targets::yaml),
    target("selector", targets::selector),
    target("status_request", targets::status_request),
];

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}
