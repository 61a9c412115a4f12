//! The text of a method.

use std::fmt;

use ipnet::IpNet;
use regex_lite::Regex;

use super::Question;

/// A way to find the node's address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// `first-found`
    #[default]
    FirstFound,
    /// `interface=`
    Interface(Vec<Pattern>),
    /// `skip-interface=`
    SkipInterface(Vec<Pattern>),
    /// `can-reach=`
    CanReach(String),
    /// `cidr=`
    Cidr(Vec<IpNet>),
    /// `kubernetes-internal-ip`
    KubernetesInternalIp,
}

/// A regular expression over names of interfaces, matching anywhere in them, as Go's do.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// Interfaces of containers and tunnels: beginnings of their names.
const LEFT_OUT: [&str; 18] = [
    "lo",
    "docker",
    "podman",
    "cbr",
    "dummy",
    "virbr",
    "lxcbr",
    "veth",
    "cali",
    "tunl",
    "flannel",
    "kube-ipvs",
    "cni",
    "vxlan.calico",
    "vxlan-v6.calico",
    "wireguard.cali",
    "wg-v6.cali",
    "nodelocaldns",
];

pub(super) fn left_out(name: &str) -> bool {
    LEFT_OUT.iter().any(|beginning| name.starts_with(beginning))
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = |error| format!("{text:?} is no regular expression ({error}): write for example ens.*");
        Regex::new(text).map(Self).map_err(wrong)
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }

    pub(super) fn is_whole(&self, name: &str) -> bool {
        self.0
            .find(name)
            .is_some_and(|found| found.start() == 0 && found.end() == name.len())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl Method {
    /// The method in this text; empty is `first-found`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let list = |rest: &str| {
            let words = rest.split(',').map(str::trim).filter(|word| !word.is_empty());
            let words: Vec<String> = words.map(str::to_owned).collect();
            if words.is_empty() {
                return Err(format!("{text:?} names nothing after its ="));
            }
            Ok(words)
        };
        let patterns = |rest: &str| -> Result<Vec<Pattern>, String> {
            list(rest)?.iter().map(|word| Pattern::parse(word)).collect()
        };
        match text.split_once('=') {
            None if text.is_empty() || text == "first-found" => Ok(Method::FirstFound),
            None if text == "kubernetes-internal-ip" => Ok(Method::KubernetesInternalIp),
            Some(("interface", rest)) => patterns(rest).map(Method::Interface),
            Some(("skip-interface", rest)) => patterns(rest).map(Method::SkipInterface),
            Some(("can-reach", rest)) => Ok(Method::CanReach(list(rest)?.join(","))),
            Some(("cidr", rest)) => {
                let cidr = |word: &String| word.parse::<IpNet>().map(|net| net.trunc());
                let cidrs = list(rest)?.iter().map(cidr).collect::<Result<_, _>>();
                cidrs
                    .map(Method::Cidr)
                    .map_err(|_| format!("{text:?} holds something that is no CIDR such as 10.0.0.0/8"))
            }
            Some(_) | None => Err(format!(
                "{text:?} is none of first-found, interface=, skip-interface=, can-reach=, cidr=, \
                 kubernetes-internal-ip"
            )),
        }
    }

    /// What must be asked before [`super::choose`].
    pub fn question(&self) -> Option<Question> {
        match self {
            Method::CanReach(destination) => Some(Question::Towards(destination.clone())),
            Method::KubernetesInternalIp => Some(Question::Kubernetes),
            Method::FirstFound | Method::Interface(_) | Method::SkipInterface(_) | Method::Cidr(_) => None,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |patterns: &[Pattern]| {
            let texts: Vec<&str> = patterns.iter().map(|pattern| pattern.0.as_str()).collect();
            texts.join(",")
        };
        match self {
            Method::FirstFound => f.write_str("first-found"),
            Method::Interface(patterns) => write!(f, "interface={}", join(patterns)),
            Method::SkipInterface(patterns) => write!(f, "skip-interface={}", join(patterns)),
            Method::CanReach(destination) => write!(f, "can-reach={destination}"),
            Method::Cidr(ranges) => {
                let texts: Vec<String> = ranges.iter().map(ToString::to_string).collect();
                write!(f, "cidr={}", texts.join(","))
            }
            Method::KubernetesInternalIp => f.write_str("kubernetes-internal-ip"),
        }
    }
}
