//! IPReservation: addresses that are never given out automatically.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::key::Plural;
use super::meta::{Other, Resource, Spec};

/// A reservation.
pub type IPReservation = Resource<IPReservationSpec>;

/// The reserved ranges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IPReservationSpec {
    /// CIDRs or bare addresses.
    #[serde(rename = "reservedCIDRs", default, skip_serializing_if = "Option::is_none")]
    pub reserved_cidrs: Option<Vec<String>>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

impl Spec for IPReservationSpec {
    const KIND: &'static str = "IPReservation";
    const PLURAL: Plural = Plural::IpReservations;
}

impl IPReservation {
    /// The ranges that can be read; Calico passes the others over too.
    pub fn ranges(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.spec
            .reserved_cidrs
            .iter()
            .flatten()
            .filter_map(|text| range(text.trim()))
    }
}

fn range(text: &str) -> Option<IpNet> {
    match text.parse::<IpNet>() {
        Ok(cidr) => Some(cidr.trunc()),
        Err(_) => text.parse::<IpAddr>().ok().map(IpNet::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_addresses_and_blanks_are_taken_and_nonsense_is_passed_over() {
        let reservation = IPReservation {
            spec: IPReservationSpec {
                reserved_cidrs: Some(
                    [" 10.0.0.1 ", "10.0.1.7/24", "", "no", "fd00::1"]
                        .map(str::to_owned)
                        .to_vec(),
                ),
                ..IPReservationSpec::default()
            },
            ..IPReservation::default()
        };
        let ranges: Vec<String> = reservation.ranges().map(|range| range.to_string()).collect();
        assert_eq!(ranges, ["10.0.0.1/32", "10.0.1.0/24", "fd00::1/128"]);
    }
}
