//! The fabric of `conf/kubernetes/bank`: two racks of an AS each, two switches a rack that do not reflect, a spine.

use std::sync::Arc;

use crate::fabric::{Leaf, Tor, default_by, forwards};
use crate::frr::{self, Frr};
use crate::netns::Netns;
use crate::node::Node;

/// The racks' AS numbers.
const RACKS: [u32; 2] = [4_200_002_001, 4_200_002_002];
const SPINE: u32 = 65_000;
/// The passwords of the racks' peers, as Secret `tor` has them.
pub const PASSWORDS: [(&str, &str); 2] = [("rack-1", "first/rack"), ("rack-2", "second=rack")];
/// What a node calls its ways out.
const UPLINKS: [&str; 2] = ["uplink", "uplink2"];
/// The switches, rack by rack.
pub const SWITCHES: [[&str; 2]; 2] = [["10.21.1.1", "10.21.1.2"], ["10.21.2.1", "10.21.2.2"]];
/// A node in each rack.
pub const NODES: [&str; 2] = ["10.21.1.101", "10.21.2.101"];

/// Switches, cabled and running.
pub struct Racks {
    /// Those of the first rack, then those of the second.
    pub switches: Vec<Frr>,
    _spine: Frr,
    _leaves: Vec<Leaf>,
}

impl Racks {
    /// A node in each rack, cabled to both of its switches.
    pub(super) fn build(nodes: [&Node; 2]) -> Self {
        let above = Arc::new(Netns::new("spine"));
        let (mut leaves, mut switches) = (Vec::new(), Vec::new());
        let mut spine = Tor::new("10.255.255.255", SPINE);
        for (rack, node) in nodes.into_iter().enumerate() {
            let number = |place: usize| u8::try_from(2 * rack + place).unwrap_or(u8::MAX);
            let pair = [0, 1].map(|place| Leaf::new(&above, number(place), SWITCHES[rack][place]));
            pair[0].cable(node, UPLINKS[0], &format!("{}/24", NODES[rack]));
            pair[1].cable(node, UPLINKS[1], &format!("{}/32", NODES[rack]));
            default_by(node, &[(&pair[0], UPLINKS[0]), (&pair[1], UPLINKS[1])]);
            for leaf in &pair {
                switches.push(Frr::start(&leaf.netns, &frr::conf(&tor(leaf, rack))));
                spine = spine.knows_from(&leaf.below(), RACKS[rack], &leaf.above());
            }
            leaves.extend(pair);
        }
        forwards(&above);
        Self {
            _spine: Frr::start(&above, &frr::conf(&spine)),
            switches,
            _leaves: leaves,
        }
    }
}

fn tor(leaf: &Leaf, rack: usize) -> Tor {
    let (subnet, _) = leaf.address.rsplit_once('.').unwrap_or_default();
    Tor::new(&leaf.address, RACKS[rack])
        .knows(NODES[rack], RACKS[rack])
        .with_password(PASSWORDS[rack].1)
        .knows_from(&leaf.above(), SPINE, &leaf.below())
        .is_next_hop()
        .announces(&format!("{subnet}.0/24"))
}
