//! The messages of the gRPC data plane: package `cni`, service `CniDataplane`, rpc `Add` and `Del`. The numbers are the
//! protocol.

use std::collections::HashMap;

/// What is wanted for a pod.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AddRequest {
    /// The pod end's name.
    #[prost(string, tag = "1")]
    pub(crate) interface_name: String,
    /// The pod's namespace, by path.
    #[prost(string, tag = "2")]
    pub(crate) netns: String,
    /// The host end's name as Felix expects it.
    #[prost(string, tag = "3")]
    pub(crate) desired_host_interface_name: String,
    #[prost(message, optional, tag = "4")]
    pub(crate) settings: Option<Settings>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) container_ips: Vec<ContainerIp>,
    /// The pod's routes, as CIDRs.
    #[prost(string, repeated, tag = "6")]
    pub(crate) container_routes: Vec<String>,
    #[prost(message, optional, tag = "7")]
    pub(crate) workload: Option<Workload>,
    /// Every text of `dataplane_options`.
    #[prost(map = "string, string", tag = "8")]
    pub(crate) dataplane_options: HashMap<String, String>,
}

/// How the interface is to be.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Settings {
    #[prost(bool, tag = "1")]
    pub(crate) allow_ip_forwarding: bool,
    /// In bytes; 0 is the data plane's own choice.
    #[prost(int32, tag = "2")]
    pub(crate) mtu: i32,
}

/// An address of the pod.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ContainerIp {
    /// With its length: `10.0.0.1/32`.
    #[prost(string, tag = "1")]
    pub(crate) address: String,
    #[prost(string, tag = "2")]
    pub(crate) gateway: String,
}

/// Whose interface it is: the workload endpoint.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Workload {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) namespace: String,
    #[prost(map = "string, string", tag = "3")]
    pub(crate) labels: HashMap<String, String>,
    /// The pod's.
    #[prost(map = "string, string", tag = "4")]
    pub(crate) annotations: HashMap<String, String>,
    #[prost(string, tag = "5")]
    pub(crate) endpoint: String,
    #[prost(string, tag = "6")]
    pub(crate) node: String,
    #[prost(string, tag = "7")]
    pub(crate) orchestrator: String,
    #[prost(string, tag = "8")]
    pub(crate) pod: String,
    #[prost(message, repeated, tag = "9")]
    pub(crate) ports: Vec<Port>,
}

/// A named port.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Port {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) protocol: String,
    #[prost(uint32, tag = "3")]
    pub(crate) port: u32,
    #[prost(uint32, tag = "4")]
    pub(crate) host_port: u32,
    #[prost(string, tag = "5")]
    pub(crate) host_ip: String,
}

/// What was made.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AddReply {
    #[prost(bool, tag = "1")]
    pub(crate) successful: bool,
    #[prost(string, tag = "2")]
    pub(crate) error_message: String,
    #[prost(string, tag = "3")]
    pub(crate) host_interface_name: String,
    #[prost(string, tag = "4")]
    pub(crate) container_mac: String,
}

/// What is to go.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DelRequest {
    #[prost(string, tag = "1")]
    pub(crate) interface_name: String,
    #[prost(string, tag = "2")]
    pub(crate) netns: String,
    #[prost(map = "string, string", tag = "3")]
    pub(crate) dataplane_options: HashMap<String, String>,
}

/// Whether it went.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DelReply {
    #[prost(bool, tag = "1")]
    pub(crate) successful: bool,
    #[prost(string, tag = "2")]
    pub(crate) error_message: String,
}
