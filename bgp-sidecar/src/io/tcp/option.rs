//! What is set on a socket before it speaks: TTL (RFC 5082) and TCP-MD5 (RFC 2385).

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd as _};

use socket2::SockRef;

/// TCP_MD5SIG_MAXKEYLEN.
pub(super) const MAX_KEY: usize = 80;

/// `struct tcp_md5sig`: an address, flags, prefix length, key length, interface, key.
const MD5SIG: usize = STORAGE + 8 + MAX_KEY;
const STORAGE: usize = size_of::<libc::sockaddr_storage>();

/// Room for the headers of a segment, with all their options.
const HEADERS: usize = 256;

/// The farthest there is. A peer with GTSM takes nothing less, and others do not care.
pub(super) fn ttl(socket: &impl AsFd, address: IpAddr) -> io::Result<()> {
    let socket = SockRef::from(socket);
    match address {
        IpAddr::V4(_) => socket.set_ttl_v4(255),
        IpAddr::V6(_) => socket.set_unicast_hops_v6(255),
    }
}

/// The least TTL that what has come so many hops can have (RFC 5082 §3); a neighbour is one hop away.
pub(super) fn least(hops: u8) -> u8 {
    u8::MAX - hops.max(1) + 1
}

/// Drops what has come more than so many hops.
pub(super) fn hops(socket: &impl AsFd, peer: IpAddr, hops: u8) -> io::Result<()> {
    let least = i32::from(least(hops));
    let (level, name) = match peer {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_MINTTL),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT),
    };
    set(socket, level, name, &least.to_ne_bytes())
}

/// A listener keeps the segments that connections begin with, for [`first_ttl`].
pub(super) fn keep_first(listener: &impl AsFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    set(listener, libc::IPPROTO_TCP, libc::TCP_SAVE_SYN, &on.to_ne_bytes())
}

/// With which TTL an accepted connection began.
pub(super) fn first_ttl(accepted: &impl AsFd) -> io::Result<u8> {
    let mut octets = [0; HEADERS];
    let length = get(accepted, libc::IPPROTO_TCP, libc::TCP_SAVED_SYN, &mut octets)?;
    ttl_of(octets.get(..length).unwrap_or_default()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// RFC 791 §3.1, RFC 8200 §3.
fn ttl_of(header: &[u8]) -> Option<u8> {
    match header.first()? >> 4 {
        4 => header.get(8).copied(),
        6 => header.get(7).copied(),
        _ => None,
    }
}

/// The key of one peer, or none any more. Never an empty one: the kernel would take that for none.
pub(super) fn md5(socket: &impl AsFd, peer: IpAddr, key: Option<&[u8]>) -> io::Result<()> {
    let key = key.unwrap_or_default();
    let mut octets = [0; MD5SIG];
    let (family, at, address) = match peer {
        IpAddr::V4(four) => (libc::AF_INET, 4, four.octets().to_vec()),
        IpAddr::V6(six) => (libc::AF_INET6, 8, six.octets().to_vec()),
    };
    let (Ok(family), Ok(length)) = (u16::try_from(family), u16::try_from(key.len())) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    if key.len() > MAX_KEY {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    octets[..2].copy_from_slice(&family.to_ne_bytes());
    octets[at..at + address.len()].copy_from_slice(&address);
    octets[STORAGE + 2..STORAGE + 4].copy_from_slice(&length.to_ne_bytes());
    octets[STORAGE + 8..STORAGE + 8 + key.len()].copy_from_slice(key);
    set(socket, libc::IPPROTO_TCP, libc::TCP_MD5SIG, &octets)
}

#[expect(
    unsafe_code,
    reason = "edge: neither nix nor socket2 has TCP_MD5SIG and IP_MINTTL"
)]
fn set(socket: &impl AsFd, level: i32, name: i32, value: &[u8]) -> io::Result<()> {
    let length = libc::socklen_t::try_from(value.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel reads `length` octets of `value`, which lives longer than the call.
    match unsafe { libc::setsockopt(fd, level, name, value.as_ptr().cast(), length) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[expect(unsafe_code, reason = "edge: neither nix nor socket2 has TCP_SAVED_SYN")]
fn get(socket: &impl AsFd, level: i32, name: i32, value: &mut [u8]) -> io::Result<usize> {
    let mut length = libc::socklen_t::try_from(value.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel writes at most `length` octets into `value`, and how many they are into `length`.
    match unsafe { libc::getsockopt(fd, level, name, value.as_mut_ptr().cast(), &raw mut length) } {
        0 => Ok(length as usize),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_is_one_hop_away() {
        assert_eq!([0, 1, 2, 255].map(least), [255, 255, 254, 1]);
    }

    #[test]
    fn a_ttl_is_where_the_version_says() {
        let (mut four, mut six) = ([0; 20], [0; 40]);
        (four[0], four[8]) = (0x45, 254);
        (six[0], six[7]) = (0x60, 253);
        assert_eq!([ttl_of(&four), ttl_of(&six)], [Some(254), Some(253)]);
        assert_eq!([ttl_of(&four[..8]), ttl_of(&[]), ttl_of(&[0x50; 40])], [None; 3]);
    }
}
