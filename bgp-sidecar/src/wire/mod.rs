//! BGP messages as plain values. The octets are `netgauze-bgp-pkt`'s business; what a malformed attribute means
//! (RFC 7606) and how large a message may be is ours.

pub mod attributes;
mod decode;
mod encode;
pub mod framing;
pub mod message;
pub mod negotiate;
pub mod notification;
mod prefix;
#[cfg(test)]
mod tests;

pub use attributes::{AsPath, Attributes, NextHop, Origin, Raw, Segment};
pub use decode::decode;
pub use encode::encode;
pub use message::{
    AddPath, Announcement, Capabilities, Family, Message, Nlri, Notification, Open, Refresh, Restart, Update,
};
pub use negotiate::{Negotiated, negotiate};
pub use notification::describe;

/// Stands for a number that two octets cannot hold (RFC 6793 §9).
pub const AS_TRANS: u16 = 23456;
