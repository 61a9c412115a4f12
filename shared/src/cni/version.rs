//! The versions of the CNI specification that are spoken, and which verbs each one has.

use std::fmt;

use serde_json::{Map, Value};

use super::error::{CniError, Code};

/// A version of the CNI specification, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpecVersion {
    /// 0.3.0, the same protocol as 0.3.1.
    V0_3_0,
    /// 0.3.1.
    V0_3_1,
    /// 0.4.0: CHECK.
    V0_4_0,
    /// 1.0.0: `ips[].version` is gone.
    V1_0_0,
    /// 1.1.0: GC and STATUS.
    V1_1_0,
}

impl SpecVersion {
    /// Every version spoken, oldest first.
    pub const ALL: [Self; 5] = [
        Self::V0_3_0,
        Self::V0_3_1,
        Self::V0_4_0,
        Self::V1_0_0,
        Self::V1_1_0,
    ];
    /// The newest version spoken.
    pub const CURRENT: Self = Self::V1_1_0;
    /// What an error object carries when the request's version could not be learned.
    pub const UNKNOWN: Self = Self::V1_0_0;

    /// As it stands in `cniVersion`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0_3_0 => "0.3.0",
            Self::V0_3_1 => "0.3.1",
            Self::V0_4_0 => "0.4.0",
            Self::V1_0_0 => "1.0.0",
            Self::V1_1_0 => "1.1.0",
        }
    }

    /// The version so written, if it is spoken here.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }

    /// Whether results carry `ips[].version` and interfaces nothing but name, MAC and sandbox.
    pub fn is_legacy(self) -> bool {
        self < Self::V1_0_0
    }

    /// The `cniVersion` that a document declares; `None` where it declares none.
    pub fn declared(document: &Map<String, Value>) -> Result<Option<Self>, CniError> {
        match document.get("cniVersion") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Self::from_text(text).map(Some).ok_or_else(|| unspoken(text)),
            Some(other) => Err(CniError::new(
                Code::InvalidConfig,
                format!("cniVersion: {other} is not a string"),
            )),
        }
    }
}

impl fmt::Display for SpecVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Every version spoken, for a message.
pub(super) fn spoken() -> String {
    SpecVersion::ALL.map(SpecVersion::as_str).join(", ")
}

fn unspoken(text: &str) -> CniError {
    CniError::new(
        Code::IncompatibleVersion,
        format!("cniVersion {text:?} is not supported"),
    )
    .details(format!("supported versions are {}", spoken()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn declared(document: Value) -> Result<Option<SpecVersion>, CniError> {
        SpecVersion::declared(document.as_object().unwrap())
    }

    #[test]
    fn every_version_reads_back_as_itself() {
        for version in SpecVersion::ALL {
            assert_eq!(
                declared(json!({"cniVersion": version.as_str()})),
                Ok(Some(version))
            );
        }
    }

    #[test]
    fn absent_null_and_empty_declare_nothing() {
        for document in [json!({}), json!({"cniVersion": null}), json!({"cniVersion": ""})] {
            assert_eq!(declared(document), Ok(None));
        }
    }

    #[test]
    fn an_unknown_version_is_refused_with_the_supported_ones() {
        for text in ["0.2.0", "1.2.0", "2.0.0", "1.0", " 1.0.0", "v1.0.0", "latest"] {
            let error = declared(json!({"cniVersion": text})).unwrap_err();
            assert_eq!(error.code, Code::IncompatibleVersion, "{text}");
            assert!(
                error.msg.contains(text) && error.details.contains("0.3.1"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_version_that_is_not_text_is_invalid_configuration() {
        for value in [json!(1), json!(1.0), json!(["1.0.0"]), json!({}), json!(true)] {
            let error = declared(json!({"cniVersion": value})).unwrap_err();
            assert_eq!(error.code, Code::InvalidConfig);
            assert!(error.msg.contains("cniVersion"), "{error}");
        }
    }
}
