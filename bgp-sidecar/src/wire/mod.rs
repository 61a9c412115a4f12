//! BGP messages as plain values. The octets are `netgauze-bgp-pkt`'s business; what a malformed attribute means
//! (RFC 7606) and how large a message may be is ours.

pub mod attributes;
pub mod message;

pub use attributes::{AsPath, Attributes, NextHop, Origin, Raw, Segment};
pub use message::{
    AddPath, Announcement, Capabilities, Family, Message, Nlri, Notification, Open, Refresh, Restart, Update,
};
