//! `peerIP`: an address, or an address and a port.

use std::net::{IpAddr, SocketAddr};

/// The address, and the port if it names one.
pub(super) fn parse(text: &str) -> Result<(IpAddr, Option<u16>), String> {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .filter(|inside| inside.contains(':'));
    if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
        return usable(text, address).map(|address| (address, None));
    }
    match text.parse::<SocketAddr>() {
        Ok(socket) if socket.port() != 0 => {
            usable(text, socket.ip()).map(|address| (address, Some(socket.port())))
        }
        Ok(_) | Err(_) => Err(format!(
            "peerIP: {text:?} is no address: write 10.0.0.1, 10.0.0.1:1790, fd00::1 or [fd00::1]:1790"
        )),
    }
}

fn usable(text: &str, address: IpAddr) -> Result<IpAddr, String> {
    if address.is_unspecified() || address.is_multicast() {
        return Err(format!("peerIP: {text:?} is the address of no peer"));
    }
    if matches!(address, IpAddr::V6(six) if six.is_unicast_link_local()) {
        return Err(format!(
            "peerIP: {text:?} is link-local, and a BGPPeer names no interface: write the peer's global address"
        ));
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_carry_a_port() {
        for (text, address, port) in [
            ("10.0.0.1", "10.0.0.1", None),
            ("10.0.0.1:1790", "10.0.0.1", Some(1790)),
            ("fd00::1", "fd00::1", None),
            ("[fd00::1]", "fd00::1", None),
            ("[fd00::1]:1790", "fd00::1", Some(1790)),
        ] {
            assert_eq!(parse(text), Ok((address.parse().unwrap(), port)), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_named() {
        for wrong in [
            "",
            "tor",
            "10.0.0.1:0",
            "10.0.0.1:65536",
            "10.0.0",
            "[10.0.0.1]",
            "0.0.0.0",
            "ff02::1",
            "fe80::1",
        ] {
            let error = parse(wrong).unwrap_err();
            assert!(error.contains(&format!("{wrong:?}")), "{error}");
        }
    }
}
