//! A community in Calico's notation: `aa:nn` (RFC 1997) or `aa:nn:mm` (RFC 8092).

use std::fmt;
use std::str::FromStr;

use crate::wire::Attributes;

/// A standard or a large community.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Community {
    /// RFC 1997.
    Standard(u32),
    /// RFC 8092.
    Large([u32; 3]),
}

impl Community {
    /// Whether a route carries it.
    pub fn on(self, attributes: &Attributes) -> bool {
        match self {
            Self::Standard(value) => attributes.communities.contains(&value),
            Self::Large(value) => attributes.large_communities.contains(&value),
        }
    }

    /// Puts it on a route.
    pub fn add(self, attributes: &mut Attributes) {
        match self {
            Self::Standard(value) => attributes.communities.insert(value),
            Self::Large(value) => attributes.large_communities.insert(value),
        };
    }
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard(value) => write!(f, "{}:{}", value >> 16, value & 0xffff),
            Self::Large([global, first, second]) => write!(f, "{global}:{first}:{second}"),
        }
    }
}

impl FromStr for Community {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<u32>> = text.split(':').map(number).collect();
        match numbers.as_deref() {
            Some([high, low]) if *high <= 0xffff && *low <= 0xffff => Ok(Self::Standard(high << 16 | low)),
            Some([global, first, second]) => Ok(Self::Large([*global, *first, *second])),
            Some(_) | None => {
                Err("no community; write aa:nn with numbers up to 65535, or aa:nn:mm".to_owned())
            }
        }
    }
}

/// Digits only: `parse` would let a sign pass.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_are_read_and_written() {
        for text in ["64700:100", "0:0", "65535:65281", "4200002024:1:4294967295"] {
            assert_eq!(text.parse::<Community>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "1",
            "1:",
            "65536:1",
            "1:65536",
            "1:2:3:4",
            "+1:2",
            "a:b",
            "1:2:4294967296",
        ] {
            assert!(text.parse::<Community>().is_err(), "{text}");
        }
    }
}
