//! What this node is to everybody: AS, BGP identifier, addresses.

use std::net::{IpAddr, Ipv4Addr};

use sha2::{Digest as _, Sha256};

use super::{Input, World};
use crate::session::Local;

/// How the BGP identifier is found (RFC 6286: any four octets that are not 0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouterId {
    /// The node's IPv4 address; on a node without one, as `Hash`.
    #[default]
    Node,
    /// Out of the node's name, as Calico does it.
    Hash,
    /// This.
    Literal(Ipv4Addr),
}

/// This node, or why it takes no part in BGP.
pub fn local(input: &Input<'_>, id: RouterId) -> Result<Local, String> {
    let mut problems = Vec::new();
    let Some(world) = World::new(input, &mut problems) else {
        let own = format!("Node {}", input.node);
        let mine = problems.iter().filter(|problem| problem.origin == own);
        return Err(mine.map(ToString::to_string).collect::<Vec<_>>().join("; "));
    };
    let addresses: Vec<IpAddr> = world.own.speaker.addresses().collect();
    let id = match (id, world.own.speaker.ipv4.map(|net| net.addr())) {
        (RouterId::Literal(id), _) => id,
        (RouterId::Node, Some(IpAddr::V4(address))) => address,
        (RouterId::Node | RouterId::Hash, _) => hash(input.node),
    };
    Ok(Local {
        node: input.node.to_owned(),
        number: world.own.number,
        id,
        addresses,
        cluster: world.own.cluster(),
    })
}

/// The first four octets of the name's SHA-256, kept below 224 as addresses are.
fn hash(node: &str) -> Ipv4Addr {
    let digest = Sha256::digest(node.as_bytes());
    let mut octets = [0; 4];
    octets.copy_from_slice(&digest[..4]);
    if octets[0] > 223 {
        octets[0] -= 32;
    }
    match Ipv4Addr::from(octets) {
        Ipv4Addr::UNSPECIFIED => Ipv4Addr::new(0, 0, 0, 1),
        id => id,
    }
}
