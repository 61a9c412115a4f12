//! Names of hosts, as the system resolves them: `/etc/hosts`, then the name servers of `/etc/resolv.conf`. The resolver
//! blocks, so tokio asks it in a thread of its own.

use std::net::IpAddr;
use std::time::Duration;

use crate::wire::Family;

/// A first address of a family; an address is itself.
pub(super) async fn address(name: &str, family: Family, patience: Duration) -> Result<IpAddr, String> {
    let of_family = |address: &IpAddr| Family::of(*address) == family;
    let kind = match family {
        Family::Ipv4 => "IPv4",
        Family::Ipv6 => "IPv6",
    };
    if let Ok(address) = name.parse::<IpAddr>() {
        let fits = Some(address).filter(of_family);
        return fits.ok_or_else(|| format!("{name} is no {kind} address"));
    }
    let way_out = "put it into DNS or /etc/hosts, or name an address";
    // The port is asked for and of no interest.
    let asked = tokio::time::timeout(patience, tokio::net::lookup_host((name, 0))).await;
    let found = match asked {
        Ok(Ok(found)) => found.map(|socket| socket.ip()).collect::<Vec<_>>(),
        Ok(Err(error)) => {
            return Err(format!(
                "the name {name:?} cannot be resolved ({error}): {way_out}"
            ));
        }
        Err(_) => {
            let time = patience.as_secs();
            return Err(format!(
                "the name {name:?} was not resolved within {time} s: see whether the name servers of \
                 /etc/resolv.conf answer; {way_out}"
            ));
        }
    };
    let first = found.into_iter().find(of_family);
    first.ok_or_else(|| format!("the name {name:?} has no {kind} address: {way_out}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn ask(name: &str, family: Family) -> Result<IpAddr, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(address(name, family, PATIENCE))
    }

    #[test]
    fn an_address_is_itself_if_it_is_of_the_family() {
        assert_eq!(ask("10.0.0.1", Family::Ipv4), Ok("10.0.0.1".parse().unwrap()));
        let error = ask("10.0.0.1", Family::Ipv6).unwrap_err();
        assert_eq!(error, "10.0.0.1 is no IPv6 address");
    }

    #[test]
    fn a_name_is_asked_for_and_one_that_is_none_is_named() {
        assert_eq!(ask("localhost", Family::Ipv4), Ok("127.0.0.1".parse().unwrap()));
        // RFC 6761 §6.4: no such name exists anywhere.
        let error = ask("tor.invalid", Family::Ipv4).unwrap_err();
        assert!(
            error.contains("\"tor.invalid\"") && error.contains("/etc/hosts"),
            "{error}"
        );
    }
}
