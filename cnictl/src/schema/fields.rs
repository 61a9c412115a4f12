//! The fields of every kind but BGP's, in the order Calico writes them.

use super::{Field, TEXTS, Type};

const COUNT: Type = Type::Number(0, i32::MAX as u64);

/// Kubernetes' ObjectMeta, in its order. Of an applied document name, namespace, resourceVersion, labels and
/// annotations are looked at.
pub const METADATA: &[Field] = &[
    Field("name", Type::Text),
    Field("generateName", Type::Text),
    Field("namespace", Type::Text),
    Field("selfLink", Type::Text),
    Field("uid", Type::Text),
    Field("resourceVersion", Type::Any),
    Field("generation", Type::Any),
    Field("creationTimestamp", Type::Any),
    Field("deletionTimestamp", Type::Any),
    Field("deletionGracePeriodSeconds", Type::Any),
    Field("labels", Type::Labels),
    Field("annotations", Type::Labels),
    Field("ownerReferences", Type::Any),
    Field("finalizers", Type::Any),
    Field("managedFields", Type::Any),
];

pub(super) const IP_POOL: &[Field] = &[
    Field("cidr", Type::Text),
    Field("vxlanMode", Type::Text),
    Field("ipipMode", Type::Text),
    Field("natOutgoing", Type::Flag),
    Field("disabled", Type::Flag),
    Field("disableBGPExport", Type::Flag),
    Field("blockSize", Type::Number(0, 128)),
    Field("nodeSelector", Type::Text),
    Field("namespaceSelector", Type::Text),
    Field("allowedUses", TEXTS),
    Field("assignmentMode", Type::Text),
];

pub(super) const IP_RESERVATION: &[Field] = &[Field("reservedCIDRs", TEXTS)];

pub(super) const IPAM_CONFIGURATION: &[Field] = &[
    Field("strictAffinity", Type::Switch),
    Field("maxBlocksPerHost", COUNT),
    Field("autoAllocateBlocks", Type::Switch),
    Field("kubeVirtVMAddressPersistence", Type::Text),
    Field("ipCooldownSeconds", COUNT),
];

pub(super) const NODE: &[Field] = &[
    Field("bgp", Type::Object(NODE_BGP)),
    Field("ipv4VXLANTunnelAddr", Type::Text),
    Field("vxlanTunnelMACAddr", Type::Text),
    Field("ipv6VXLANTunnelAddr", Type::Text),
    Field("vxlanTunnelMACAddrV6", Type::Text),
    Field("orchRefs", Type::List(&Type::Object(ORCH_REF))),
    Field("wireguard", Type::Object(WIREGUARD)),
    Field("addresses", Type::List(&Type::Object(NODE_ADDRESS))),
    Field("interfaces", Type::List(&Type::Object(NODE_INTERFACE))),
];
const NODE_BGP: &[Field] = &[
    Field("asNumber", Type::AsNumber),
    Field("ipv4Address", Type::Text),
    Field("ipv6Address", Type::Text),
    Field("ipv4IPIPTunnelAddr", Type::Text),
    Field("routeReflectorClusterID", Type::Text),
];
const ORCH_REF: &[Field] = &[Field("nodeName", Type::Text), Field("orchestrator", Type::Text)];
const WIREGUARD: &[Field] = &[
    Field("interfaceIPv4Address", Type::Text),
    Field("interfaceIPv6Address", Type::Text),
];
const NODE_ADDRESS: &[Field] = &[Field("address", Type::Text), Field("type", Type::Text)];
const NODE_INTERFACE: &[Field] = &[Field("name", Type::Text), Field("addresses", TEXTS)];

pub(super) const WORKLOAD_ENDPOINT: &[Field] = &[
    Field("orchestrator", Type::Text),
    Field("workload", Type::Text),
    Field("node", Type::Text),
    Field("containerID", Type::Text),
    Field("pod", Type::Text),
    Field("endpoint", Type::Text),
    Field("serviceAccountName", Type::Text),
    Field("ipNetworks", TEXTS),
    Field("ipNATs", Type::List(&Type::Object(IP_NAT))),
    Field("ipv4Gateway", Type::Text),
    Field("ipv6Gateway", Type::Text),
    Field("profiles", TEXTS),
    Field("interfaceName", Type::Text),
    Field("mac", Type::Text),
    Field("ports", Type::List(&Type::Object(PORT))),
    Field("allowSpoofedSourcePrefixes", TEXTS),
    Field("qosControls", Type::Any),
];
const IP_NAT: &[Field] = &[Field("internalIP", Type::Word), Field("externalIP", Type::Word)];
const PORT: &[Field] = &[
    Field("name", Type::Word),
    // A name, or a number.
    Field("protocol", Type::Any),
    Field("port", Type::Given(0, u16::MAX as u64)),
    Field("hostPort", Type::Given(0, u16::MAX as u64)),
    Field("hostIP", Type::Word),
];
