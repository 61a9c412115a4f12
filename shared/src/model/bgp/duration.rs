//! Durations as Go writes them: "90s", "1m30s", "1.5h".

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

/// A duration, and its text, which is written back as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoDuration {
    duration: Duration,
    text: String,
}

/// Why text is no duration.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0} is no duration: write numbers with units (h, m, s, ms), such as \"90s\" or \"1m30s\"")]
pub struct DurationError(pub String);

const UNITS: [(&str, f64); 7] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("h", 3600.0),
    ("m", 60.0),
    ("s", 1.0),
];

/// Three centuries, as much as Go holds.
const LONGEST: f64 = 9.2e9;

impl GoDuration {
    /// The duration.
    pub fn get(&self) -> Duration {
        self.duration
    }

    /// Whole seconds, rounded, as timers of BGP are.
    pub fn seconds(&self) -> u64 {
        self.duration.saturating_add(Duration::from_millis(500)).as_secs()
    }
}

impl FromStr for GoDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let seconds = seconds_of(text.trim()).filter(|seconds| *seconds <= LONGEST);
        Ok(Self {
            duration: Duration::from_secs_f64(seconds.ok_or_else(|| DurationError(format!("{text:?}")))?),
            text: text.to_owned(),
        })
    }
}

fn seconds_of(text: &str) -> Option<f64> {
    if text == "0" {
        return Some(0.0);
    }
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() || text.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let (unit, factor) = UNITS.iter().find(|(unit, _)| rest.starts_with(unit))?;
        seconds += number * factor;
        rest = &rest[unit.len()..];
    }
    Some(seconds)
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let parsed = match value.as_str() {
            Some(text) => text.parse(),
            None => Err(DurationError(value.to_string())),
        };
        parsed.map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gos_durations_are_read_and_written_back() {
        for (text, millis) in [
            ("90s", 90_000),
            ("1m30s", 90_000),
            ("1h0m0.5s", 3_600_500),
            ("300ms", 300),
            ("1.5h", 5_400_000),
            ("0", 0),
            ("0s", 0),
        ] {
            let read: GoDuration = serde_json::from_value(text.into()).unwrap();
            assert_eq!(read.get(), Duration::from_millis(millis), "{text}");
            assert_eq!(serde_json::to_value(&read).unwrap(), text);
        }
    }

    #[test]
    fn seconds_are_rounded() {
        for (text, seconds) in [("1499ms", 1), ("1500ms", 2), ("2m", 120)] {
            assert_eq!(text.parse::<GoDuration>().unwrap().seconds(), seconds, "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_named_with_the_way_out() {
        for wrong in ["", "90", "s", "1x", "-1s", "1..5s", "1s2", "99999999999h"] {
            let error = wrong.parse::<GoDuration>().unwrap_err().to_string();
            assert!(error.contains(&format!("{wrong:?}")), "{error}");
            assert!(error.contains("1m30s"), "{error}");
        }
        let error = serde_json::from_str::<GoDuration>("90").unwrap_err().to_string();
        assert!(error.starts_with("90 is no duration"), "{error}");
    }
}
