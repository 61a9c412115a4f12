//! How many sessions there are: arithmetic, not chance.

use crate::table::{grouped, table};

const NODES: [u64; 8] = [10, 50, 100, 200, 500, 1_000, 2_000, 5_000];
/// Reflectors of a cluster.
const REFLECTORS: u64 = 3;
/// Switches that a node speaks with.
const SWITCHES: u64 = 2;
/// Seconds between two KEEPALIVEs of a session, each way: a third of Calico's hold time.
const KEEPALIVE: u64 = 30;

const HEAD: [&str; 7] = [
    "nodes",
    "mesh",
    "of a node",
    "KEEPALIVEs/s of a node",
    "3 reflectors",
    "of a reflector",
    "2 switches per rack",
];

/// Sessions of a full mesh.
pub fn mesh(nodes: u64) -> u64 {
    nodes * nodes.saturating_sub(1) / 2
}

/// Sessions with reflectors that are nodes beside the others and mesh among themselves.
pub fn reflected(nodes: u64) -> u64 {
    nodes * REFLECTORS + mesh(REFLECTORS)
}

/// The table.
pub fn run() -> String {
    let row = |nodes: u64| {
        vec![
            grouped(nodes),
            grouped(mesh(nodes)),
            grouped(nodes - 1),
            grouped((2 * (nodes - 1)).div_ceil(KEEPALIVE)),
            grouped(reflected(nodes)),
            grouped(nodes + REFLECTORS - 1),
            grouped(nodes * SWITCHES),
        ]
    };
    table("Sessions", &HEAD, &NODES.map(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mesh_grows_with_the_square_and_reflection_with_the_number() {
        assert_eq!(mesh(5), 10);
        assert_eq!(mesh(1_000), 499_500);
        assert_eq!((reflected(1_000), reflected(2_000)), (3_003, 6_003));
        assert!(run().contains("| 5,000 | 12,497,500 | 4,999 |"), "{}", run());
    }
}
