//! The error object of the protocol, and the one table of codes for all of Manx.
//!
//! A number, once given, is never given to something else: tools and operators match on it.

use std::fmt;

use serde_json::{Map, Value};

use super::version::SpecVersion;

macro_rules! codes {
    ($($number:literal $name:ident $doc:literal,)*) => {
        /// Why a call failed: the specification's codes below 100, ours from there.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $doc] $name,)*
            /// A code of another program (an IPAM plugin's), passed on as it came.
            Other(u32),
        }

        impl Code {
            /// Every code of this table, in the order of numbers.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The number on the wire.
            pub const fn number(self) -> u32 {
                match self {
                    $(Self::$name => $number,)*
                    Self::Other(number) => number,
                }
            }

            /// The code with this number; one that the table does not hold stays as it is.
            pub const fn from_number(number: u32) -> Self {
                match number {
                    $($number => Self::$name,)*
                    other => Self::Other(other),
                }
            }

            /// What the code means, in one line.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $doc,)*
                    Self::Other(_) => "A code of another program.",
                }
            }

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                    Self::Other(_) => "Other",
                }
            }
        }
    };
}

codes! {
    1 IncompatibleVersion "The cniVersion is missing or not spoken, or has no such verb.",
    2 UnsupportedField "A field of the network configuration is known and not supported.",
    3 UnknownContainer "The container is unknown or does not exist.",
    4 InvalidEnvironment "A CNI_* variable is missing or malformed.",
    5 IoFailure "Reading or writing failed: stdin, stdout, a file.",
    6 DecodeFailure "Something that should be JSON is not, or not of its form.",
    7 InvalidConfig "A field of the network configuration has a wrong type or value.",
    11 TryAgainLater "It may succeed when tried again: a datastore away, a plugin too slow.",
    50 PluginNotAvailable "STATUS: the plugin cannot serve ADD.",
    51 LimitedConnectivity "STATUS: it can, and existing pods may have limited connectivity.",
    100 NodeNameUnknown "Neither configuration nor file says the name of this node.",
    101 TwoTruths "No datastore is configured, yet something points to one elsewhere.",
    102 DatastoreUnsupported "The datastore_type is not one that is supported.",
    103 MtuFile "The MTU file cannot be read or holds no MTU.",
    104 IpamPluginFailed "The IPAM plugin is missing, cannot start, or failed without saying why.",
    105 StateDir "A file under state_dir or run_dir cannot be read or written.",
    106 TlsFile "A TLS file cannot be read, parsed or has expired.",
    107 FeatureOff "The configuration asks for what this build or version does not have.",
    120 DatastoreNotReady "The datastore answers that it is not ready: its operator locked it.",
    121 DatastoreRefused "The datastore answered and refused: credentials, permission, space.",
    122 CorruptObject "A stored object cannot be read.",
    123 DatastoreConfig "The datastore's configuration or files cannot be used.",
    124 EndpointConflict "The endpoint's record was changed by somebody else at the same time.",
    140 NoPool "No pool serves this request.",
    141 PoolFull "Every pool that serves this request is full.",
    142 BlockLimit "The node holds as many blocks as it may.",
    143 AddressTaken "The wanted address belongs to somebody else.",
    144 AddressOutsidePools "The wanted address lies in no pool that may be used.",
    145 StrictAffinity "The wanted address lies in another node's block, and affinity is strict.",
    146 EncapsulationUnsupported "The pool wants IPIP or VXLAN always.",
    147 UnknownPool "The pool asked for does not exist or is disabled.",
    148 AddressNotHeld "CHECK: the container does not hold the address.",
    149 NoAddressWanted "The request asks for no address of either family.",
    150 NothingToBorrow "Every block is taken, and no other host's has a free address.",
    151 AddressesReserved "Every address that is left is reserved.",
    152 ClaimsForbidden "The node needs a block, and the configuration forbids to claim one.",
    170 KernelRefused "The kernel refused an operation.",
    171 DuplicateAddress "The address is routed to another live pod.",
    172 WiringDiffers "CHECK: interfaces, addresses or routes differ from what was built.",
    173 NetnsMissing "CNI_NETNS does not exist or is no network namespace.",
    174 InterfaceExists "CNI_IFNAME exists in the pod already.",
    175 HostInterfaceTaken "The host interface's name belongs to something else.",
    190 KubernetesConfig "The kubeconfig, or what stands for it, is missing or cannot be used.",
    191 KubernetesRefused "The API server does not know the user, or does not let it read.",
    192 KubernetesMissing "The API server has no such pod or namespace.",
    193 Annotation "An annotation of the pod or of its namespace cannot be used.",
    194 KubernetesAnswer "What answered is no API server, or speaks another language.",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.number())
    }
}

/// What a failed call prints on stdout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CniError {
    /// The stable number.
    pub code: Code,
    /// One sentence: the object, the value, the way out.
    pub msg: String,
    /// More, for a reader; may be empty.
    pub details: String,
}

impl CniError {
    /// An error without details.
    pub fn new(code: Code, msg: impl Into<String>) -> Self {
        Self {
            code,
            msg: msg.into(),
            details: String::new(),
        }
    }

    /// What failed in a room that knows numbers but not the protocol.
    pub fn numbered(number: u32, error: impl fmt::Display) -> Self {
        Self::new(Code::from_number(number), error.to_string())
    }

    /// The same error with these details.
    pub fn details(self, details: impl Into<String>) -> Self {
        Self {
            details: details.into(),
            ..self
        }
    }

    /// The same error under a code of STATUS, which is all that a runtime looks at.
    pub fn unavailable(self) -> Self {
        if matches!(self.code, Code::PluginNotAvailable | Code::LimitedConnectivity) {
            return self;
        }
        let text = format!("{} [code {}]", self.msg, self.code.number());
        Self::new(Code::PluginNotAvailable, text).details(self.details)
    }

    /// What STATUS answers for a failure of its own: a request that is malformed (its version, its variables, its JSON,
    /// a field's type or value) keeps its code; whatever this node lacks is [`Self::unavailable`].
    pub fn of_status(self) -> Self {
        let malformed = [
            Code::IncompatibleVersion,
            Code::UnsupportedField,
            Code::InvalidEnvironment,
            Code::DecodeFailure,
            Code::InvalidConfig,
        ];
        if malformed.contains(&self.code) {
            self
        } else {
            self.unavailable()
        }
    }

    /// The error object, as one line of JSON.
    pub fn render(&self, version: SpecVersion) -> String {
        let mut object = Map::new();
        object.insert("cniVersion".into(), version.as_str().into());
        object.insert("code".into(), self.code.number().into());
        object.insert("msg".into(), self.msg.as_str().into());
        if !self.details.is_empty() {
            object.insert("details".into(), self.details.as_str().into());
        }
        Value::Object(object).to_string()
    }

    /// The error object in a failed plugin's answer, if it is one: a code that is not 0.
    pub fn from_answer(answer: &Value) -> Option<Self> {
        let number = u32::try_from(answer.get("code")?.as_u64()?).ok()?;
        let text = |key| answer.get(key).and_then(Value::as_str).unwrap_or_default();
        (number != 0).then(|| Self::new(Code::from_number(number), text("msg")).details(text("details")))
    }
}

impl fmt::Display for CniError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.msg)?;
        if !self.details.is_empty() {
            write!(f, "; {}", self.details)?;
        }
        Ok(())
    }
}

impl std::error::Error for CniError {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_distinct_and_read_back() {
        let mut numbers: Vec<u32> = Code::ALL.iter().map(|code| code.number()).collect();
        for (code, number) in Code::ALL.iter().zip(&numbers) {
            assert_eq!(Code::from_number(*number), *code);
        }
        assert!(numbers.is_sorted());
        numbers.dedup();
        assert_eq!(numbers.len(), Code::ALL.len());
    }

    #[test]
    fn a_runtime_sees_only_codes_of_status_but_for_a_malformed_request() {
        let error = CniError::new(Code::NodeNameUnknown, "node name unknown").of_status();
        assert_eq!(error.code, Code::PluginNotAvailable);
        assert!(error.msg.contains("[code 100]"));
        for kept in [
            Code::LimitedConnectivity,
            Code::PluginNotAvailable,
            Code::InvalidConfig,
        ] {
            let error = CniError::new(kept, "x");
            assert_eq!(error.clone().of_status(), error);
        }
        let child = CniError::new(Code::InvalidConfig, "x").unavailable();
        assert_eq!(
            child.code,
            Code::PluginNotAvailable,
            "what a delegated plugin says is a fact"
        );
    }

    #[test]
    fn a_foreign_code_survives() {
        let answer = json!({"cniVersion": "1.0.0", "code": 999, "msg": "it broke", "details": "badly"});
        let error = CniError::from_answer(&answer).unwrap();
        assert_eq!(
            error,
            CniError::new(Code::Other(999), "it broke").details("badly")
        );
        let rendered: Value = serde_json::from_str(&error.render(SpecVersion::V1_0_0)).unwrap();
        assert_eq!(rendered, answer);
    }

    #[test]
    fn what_has_no_code_is_no_error_object() {
        for answer in [
            json!(null),
            json!([]),
            json!({"msg": "x"}),
            json!({"code": 0}),
            json!({"code": "7"}),
            json!({"code": -1}),
            json!({"code": u64::MAX}),
        ] {
            assert_eq!(CniError::from_answer(&answer), None, "{answer}");
        }
    }

    #[test]
    fn the_oracle_reads_every_error_object() {
        for code in Code::ALL {
            let error = CniError::new(*code, "what \"happened\"\n").details("why");
            let ours = error.render(SpecVersion::V0_4_0);
            let theirs: rscni_types::types::ErrorResult = serde_json::from_str(&ours).unwrap();
            let again = serde_json::to_value(&theirs).unwrap();
            assert_eq!(again, serde_json::from_str::<Value>(&ours).unwrap());
        }
    }
}
