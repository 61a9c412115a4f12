//! Edge: what the kernel has, asked by netlink: whether one route is there, without disturbing anybody.

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

const RTM_GETROUTE: u16 = 26;
const RTM_NEWROUTE: u16 = 24;
const NLM_F_REQUEST: u16 = 1;
const RTA_DST: u16 = 1;
/// The route of the table itself, not what would become of a packet.
const RTM_F_FIB_MATCH: u32 = 0x2000;
/// Of `nlmsghdr` and `rtmsg`.
const HEADERS: usize = 28;

/// The kernel of the namespace it was made in.
pub struct Kernel {
    socket: OwnedFd,
    protocol: u8,
}

impl Kernel {
    /// For routes of this protocol.
    pub fn new(protocol: u8) -> Self {
        let (family, kind) = (AddressFamily::Netlink, SockType::Raw);
        let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute);
        Self {
            socket: socket.unwrap_or_else(|error| panic!("netlink: {error}")),
            protocol,
        }
    }

    /// Whether a packet to this address would go by a route of the protocol.
    pub fn has(&self, address: Ipv4Addr) -> bool {
        let fd = self.socket.as_raw_fd();
        send(fd, &question(address), MsgFlags::empty()).unwrap_or_else(|error| panic!("netlink: {error}"));
        let mut answer = [0; 4096];
        let count =
            recv(fd, &mut answer, MsgFlags::empty()).unwrap_or_else(|error| panic!("netlink: {error}"));
        let kind = u16::from_ne_bytes([answer[4], answer[5]]);
        // `rtm_protocol` is the sixth octet of `rtmsg`.
        count >= HEADERS && kind == RTM_NEWROUTE && answer[16 + 5] == self.protocol
    }
}

fn question(address: Ipv4Addr) -> Vec<u8> {
    let mut octets = Vec::with_capacity(HEADERS + 8);
    octets.extend(u32::try_from(HEADERS + 8).unwrap_or_default().to_ne_bytes());
    octets.extend(RTM_GETROUTE.to_ne_bytes());
    octets.extend(NLM_F_REQUEST.to_ne_bytes());
    octets.extend([0; 8]);
    let inet = u8::try_from(libc::AF_INET).unwrap_or_default();
    octets.extend([inet, 32, 0, 0, 0, 0, 0, 0]);
    octets.extend(RTM_F_FIB_MATCH.to_ne_bytes());
    octets.extend(8_u16.to_ne_bytes());
    octets.extend(RTA_DST.to_ne_bytes());
    octets.extend(address.octets());
    octets
}
