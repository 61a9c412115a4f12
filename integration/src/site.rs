//! A subnet on a bridge of the leaf, and how a node stands on it.

use crate::netns::Netns;

/// 192.168.N.0/24 and fd00:192:168:N::/64; the leaf has the first address of both, and is the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// N.
    pub number: u8,
    /// The leaf's bridge.
    pub bridge: &'static str,
    /// What a node calls its interface.
    pub uplink: &'static str,
}

/// Where nodes stand if nothing else is said.
pub const RACK: Site = Site {
    number: 1,
    bridge: "br0",
    uplink: "uplink",
};

/// The host number of the leaf.
const LEAF: u8 = 1;
/// The number of an uplink, before that of its subnet: a machine has interfaces with lower ones.
const INDEX: u8 = 32;

impl Site {
    /// An address on it.
    pub fn address(&self, host: u8) -> String {
        format!("192.168.{}.{host}", self.number)
    }

    /// The same by IPv6.
    pub fn address6(&self, host: u8) -> String {
        format!("fd00:192:168:{}::{host}", self.number)
    }

    /// The leaf's.
    pub fn gateway(&self) -> String {
        self.address(LEAF)
    }

    /// Makes the bridge.
    pub(crate) fn build(&self, leaf: &Netns) {
        let (bridge, number) = (self.bridge, self.number);
        // The MAC is fixed: a bridge without one takes its lowest port's, and changes it when ports come and go.
        leaf.ip(&format!(
            "link add {bridge} address 02:00:00:00:{number:02x}:01 type bridge"
        ));
        leaf.ip(&format!("link set {bridge} up"));
        leaf.ip(&format!("address add {}/24 dev {bridge}", self.gateway()));
        leaf.ip(&format!(
            "address add {}/64 dev {bridge} nodad",
            self.address6(LEAF)
        ));
    }

    /// Gives a namespace an interface on it, without a default route.
    pub fn plug(&self, leaf: &Netns, netns: &Netns, host: u8) {
        let (port, uplink) = (self.port(host), self.uplink);
        netns.ip(&format!(
            "link add {uplink} index {} type veth peer name {port} netns {}",
            INDEX + self.number,
            leaf.name()
        ));
        leaf.ip(&format!("link set {port} master {} up", self.bridge));
        netns.ip(&format!("address add {}/24 dev {uplink}", self.address(host)));
        netns.ip(&format!("link set {uplink} up"));
        netns.ip(&format!(
            "address add {}/64 dev {uplink} nodad",
            self.address6(host)
        ));
    }

    /// The leaf's port towards a host.
    pub fn port(&self, host: u8) -> String {
        match self.number {
            1 => format!("leaf{host}"),
            number => format!("leaf{number}-{host}"),
        }
    }
}
