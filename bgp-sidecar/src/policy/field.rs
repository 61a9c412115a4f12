//! A field of a resource, with its path: whatever is wrong with it is said of it.

use ipnet::IpNet;
use serde_json::Value;

use super::Community;
use crate::wire::Family;

/// What is wrong with a BGPFilter, where, and what would be right.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("BGPFilter {filter}: {field}: {value}: {problem}")]
pub struct PolicyError {
    /// The resource's name.
    pub filter: String,
    /// The path of the field.
    pub field: String,
    /// What stands there.
    pub value: String,
    /// What is wrong with it, and the way out.
    pub problem: String,
}

#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    pub(super) filter: &'a str,
    pub(super) path: String,
    pub(super) value: &'a Value,
}

impl<'a> Field<'a> {
    pub(super) fn error(&self, problem: impl Into<String>) -> PolicyError {
        PolicyError {
            filter: self.filter.to_owned(),
            field: self.path.clone(),
            value: self.value.to_string(),
            problem: problem.into(),
        }
    }

    /// A field of this object; null is none.
    pub(super) fn get(&self, name: &str) -> Option<Field<'a>> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Field {
            filter: self.filter,
            path: format!("{}.{name}", self.path),
            value,
        })
    }

    pub(super) fn required(&self, name: &str) -> Result<Field<'a>, PolicyError> {
        self.get(name)
            .ok_or_else(|| self.error(format!("{name} is missing; set it")))
    }

    /// An object with no other fields than these: a condition that is not known would let more match than is meant.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), PolicyError> {
        let Some(object) = self.value.as_object() else {
            return Err(self.error("not an object"));
        };
        match object.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(other) => Err(self.error(format!(
                "{other} is not known; remove it (known: {})",
                known.join(", ")
            ))),
        }
    }

    pub(super) fn items(&self) -> Result<Vec<Field<'a>>, PolicyError> {
        let items = self.value.as_array().ok_or_else(|| self.error("not a list"))?;
        let numbered = items.iter().enumerate();
        let fields = numbered.map(|(number, value)| Field {
            filter: self.filter,
            path: format!("{}[{number}]", self.path),
            value,
        });
        Ok(fields.collect())
    }

    pub(super) fn text(&self) -> Result<&'a str, PolicyError> {
        self.value.as_str().ok_or_else(|| self.error("not text"))
    }

    /// The value that one of these words stands for.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, PolicyError> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.error(format!("none of {}", words.join(", ")))
        })
    }

    pub(super) fn number(&self, least: u32, most: u32) -> Result<u32, PolicyError> {
        let number = self.value.as_u64().and_then(|number| u32::try_from(number).ok());
        let inside = number.filter(|number| (least..=most).contains(number));
        inside.ok_or_else(|| self.error(format!("not a number from {least} to {most}")))
    }

    /// An AS number: a number, its digits, or `a.b` (RFC 5396).
    pub(super) fn as_number(&self) -> Result<u32, PolicyError> {
        let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
        let number = match self.value.as_str() {
            None => return self.number(0, u32::MAX),
            Some(text) => match text.split_once('.') {
                Some((high, low)) if digits(high) && digits(low) => {
                    let (high, low) = (high.parse::<u16>().ok(), low.parse::<u16>().ok());
                    high.zip(low)
                        .map(|(high, low)| u32::from(high) << 16 | u32::from(low))
                }
                Some(_) => None,
                None => Some(text)
                    .filter(|text| digits(text))
                    .and_then(|text| text.parse().ok()),
            },
        };
        number.ok_or_else(|| self.error("no AS number; write 64512, 4200002024 or \"64086.60520\""))
    }

    pub(super) fn community(&self) -> Result<Community, PolicyError> {
        self.text()?
            .parse()
            .map_err(|problem: String| self.error(problem))
    }

    pub(super) fn net(&self, family: Family) -> Result<IpNet, PolicyError> {
        let (example, other) = match family {
            Family::Ipv4 => ("10.0.0.0/8", "V6"),
            Family::Ipv6 => ("fd00::/8", "V4"),
        };
        let net: IpNet = self
            .text()?
            .parse()
            .map_err(|_| self.error(format!("no CIDR; write it as {example}")))?;
        if Family::of_net(net) != family {
            return Err(self.error(format!(
                "of the other family; move the rule to the list that ends in {other}"
            )));
        }
        Ok(net.trunc())
    }
}
