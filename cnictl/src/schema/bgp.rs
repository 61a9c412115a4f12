//! The fields of BGPConfiguration, BGPPeer and BGPFilter.

use super::{Field, TEXTS, Type};

/// Metrics of the kernel that Calico gives out as route priorities.
const PRIORITY: Type = Type::Number(1, i32::MAX as u64 - 1);
const RANGES: Type = Type::List(&Type::Object(&[Field("cidr", Type::Text)]));
const PASSWORD: Type = Type::Object(&[Field("secretKeyRef", Type::Object(SECRET_KEY_REF))]);
const SECRET_KEY_REF: &[Field] = &[
    Field("name", Type::Text),
    Field("key", Type::Text),
    Field("optional", Type::Flag),
];

pub(super) const CONFIGURATION: &[Field] = &[
    Field("logSeverityScreen", Type::Text),
    Field("nodeToNodeMeshEnabled", Type::Switch),
    Field("asNumber", Type::AsNumber),
    Field("serviceLoadBalancerIPs", RANGES),
    Field("serviceExternalIPs", RANGES),
    Field("serviceClusterIPs", RANGES),
    Field("serviceLoadBalancerAggregation", Type::Text),
    Field("communities", Type::List(&Type::Object(COMMUNITY))),
    Field("prefixAdvertisements", Type::List(&Type::Object(ADVERTISEMENT))),
    Field("listenPort", Type::Number(1, u16::MAX as u64)),
    Field("nodeMeshPassword", PASSWORD),
    // Durations are text; what is none is told with an example.
    Field("nodeMeshMaxRestartTime", Type::Any),
    Field("bindMode", Type::Text),
    Field("ignoredInterfaces", TEXTS),
    Field("localWorkloadPeeringIPV4", Type::Text),
    Field("localWorkloadPeeringIPV6", Type::Text),
    Field("programClusterRoutes", Type::Text),
    Field("ipv4NormalRoutePriority", PRIORITY),
    Field("ipv6NormalRoutePriority", PRIORITY),
];
const COMMUNITY: &[Field] = &[Field("name", Type::Text), Field("value", Type::Text)];
const ADVERTISEMENT: &[Field] = &[Field("cidr", Type::Text), Field("communities", TEXTS)];

pub(super) const PEER: &[Field] = &[
    Field("node", Type::Text),
    Field("nodeSelector", Type::Text),
    Field("peerIP", Type::Text),
    Field("asNumber", Type::AsNumber),
    Field("localASNumber", Type::AsNumber),
    Field("peerSelector", Type::Text),
    Field("keepOriginalNextHop", Type::Flag),
    Field("nextHopMode", Type::Text),
    Field("password", PASSWORD),
    Field("sourceAddress", Type::Text),
    Field("maxRestartTime", Type::Any),
    Field("keepaliveTime", Type::Any),
    Field("numAllowedLocalASNumbers", Type::Number(0, i32::MAX as u64)),
    Field("ttlSecurity", Type::Number(1, u8::MAX as u64)),
    Field("reachableBy", Type::Text),
    Field("filters", TEXTS),
    Field("localWorkloadSelector", Type::Text),
    Field("reversePeering", Type::Text),
];

pub(super) const FILTER: &[Field] = &[
    Field("exportV4", Type::List(&Type::Object(RULE_V4))),
    Field("importV4", Type::List(&Type::Object(RULE_V4))),
    Field("exportV6", Type::List(&Type::Object(RULE_V6))),
    Field("importV6", Type::List(&Type::Object(RULE_V6))),
];
const RULE_V4: &[Field] = &rule(const { &lengths(32) });
const RULE_V6: &[Field] = &rule(const { &lengths(128) });

/// A rule of either family.
const fn rule(lengths: &'static [Field]) -> [Field; 11] {
    [
        Field("cidr", Type::Text),
        Field("prefixLength", Type::Object(lengths)),
        Field("source", Type::Text),
        Field("interface", Type::Text),
        Field("matchOperator", Type::Text),
        Field("peerType", Type::Text),
        Field("communities", Type::Object(COMMUNITIES)),
        Field("asPathPrefix", Type::List(&Type::AsNumber)),
        Field("priority", PRIORITY),
        Field("action", Type::Text),
        Field("operations", Type::List(&Type::Object(OPERATION))),
    ]
}

/// `max: 0` is the default route alone: it says something.
const fn lengths(longest: u64) -> [Field; 2] {
    [
        Field("min", Type::Given(0, longest)),
        Field("max", Type::Given(0, longest)),
    ]
}

const COMMUNITIES: &[Field] = &[Field("values", TEXTS)];
const OPERATION: &[Field] = &[
    Field("addCommunity", Type::Object(&[Field("value", Type::Text)])),
    Field(
        "prependASPath",
        Type::Object(&[Field("prefix", Type::List(&Type::AsNumber))]),
    ),
    Field("setPriority", Type::Object(&[Field("value", PRIORITY)])),
];
