//! AS numbers (RFC 6793) as people write them: a number, its text, or "high.low" (RFC 5396 asdot+).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

/// An AS number, and how it was written: it is written back so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsNumber {
    number: u32,
    /// The text it was read from; `None` for a JSON number.
    text: Option<String>,
}

/// Why something is no AS number.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0} is no AS number: write 0 to 4294967295, or dotted such as \"64086.61928\"")]
pub struct AsNumberError(pub String);

impl AsNumber {
    /// The number.
    pub fn get(&self) -> u32 {
        self.number
    }

    /// The number, unless it is 0, which Calico stores for "none given".
    pub fn given(&self) -> Option<u32> {
        (self.number != 0).then_some(self.number)
    }

    /// A number or its text out of a document.
    pub fn of(value: &Value) -> Result<Self, AsNumberError> {
        let wrong = || AsNumberError(value.to_string());
        match value {
            Value::Number(number) => {
                let number = number.as_u64().and_then(|number| u32::try_from(number).ok());
                Ok(Self::from(number.ok_or_else(wrong)?))
            }
            Value::String(text) => text.parse(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(wrong()),
        }
    }
}

impl From<u32> for AsNumber {
    fn from(number: u32) -> Self {
        Self { number, text: None }
    }
}

impl FromStr for AsNumber {
    type Err = AsNumberError;

    fn from_str(text: &str) -> Result<Self, AsNumberError> {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let number = match text.trim().split_once('.') {
            Some((high, low)) if digits(high) && digits(low) => high
                .parse::<u16>()
                .and_then(|high| Ok((u32::from(high) << 16) | u32::from(low.parse::<u16>()?)))
                .ok(),
            None if digits(text.trim()) => text.trim().parse().ok(),
            Some(_) | None => None,
        };
        Ok(Self {
            number: number.ok_or_else(|| AsNumberError(format!("{text:?}")))?,
            text: Some(text.to_owned()),
        })
    }
}

impl fmt::Display for AsNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

impl Serialize for AsNumber {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.text {
            Some(text) => to.serialize_str(text),
            None => to.serialize_u32(self.number),
        }
    }
}

impl<'de> Deserialize<'de> for AsNumber {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::of(&Value::deserialize(from)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_its_text_and_the_dotted_form_are_one_as() {
        for (written, number) in [
            ("64512", 64512),
            ("4200002024", 4_200_002_024),
            ("\"4200002024\"", 4_200_002_024),
            ("\"64086.61928\"", 4_200_002_024),
            ("\"0.64512\"", 64512),
            ("4294967295", u32::MAX),
        ] {
            let read: AsNumber = serde_json::from_str(written).unwrap();
            assert_eq!(read.get(), number, "{written}");
            assert_eq!(serde_json::to_string(&read).unwrap(), written);
        }
    }

    #[test]
    fn what_is_no_as_number_is_named_with_the_way_out() {
        for wrong in [
            "-1",
            "4294967296",
            "1.5",
            "\"a\"",
            "\"1.65536\"",
            "\"1.2.3\"",
            "\"\"",
            "\"+1\"",
            "true",
        ] {
            let error = serde_json::from_str::<AsNumber>(wrong).unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
            assert!(error.contains("64086.61928"), "{error}");
        }
    }

    #[test]
    fn zero_is_none_given() {
        assert_eq!(AsNumber::from(0).given(), None);
        assert_eq!(AsNumber::from(7).given(), Some(7));
    }
}
