//! The resources that make a node a BGP speaker: BGPConfiguration, BGPPeer, BGPFilter, and what Node says of it.
//!
//! Reading is lenient: fields that are not known survive, words are kept as written and judged by whoever needs
//! them, and one resource that cannot be read is reported by name without hurting the others ([`read`]).

mod configuration;
mod duration;
mod filter;
mod node;
mod number;
mod peer;
mod read;

pub use configuration::{
    BGPConfiguration, BGPConfigurationSpec, Community, DEFAULT_NUMBER, DEFAULT_PORT, PrefixAdvertisement,
    listen_port,
};
pub use duration::{DurationError, GoDuration};
pub use filter::{BGPFilter, BGPFilterSpec};
pub use node::Speaker;
pub use number::{AsNumber, AsNumberError};
pub use peer::{BGPPeer, BGPPeerSpec, BgpPassword, SecretKeyRef};
pub use read::{Unreadable, read};

#[cfg(test)]
mod tests;
