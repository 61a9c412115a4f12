//! What is announced, as data.

use serde_json::{Value, json};
use shared::model::Stored as _;

use super::*;

mod guard;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

#[derive(Debug, Default)]
struct World {
    affinities: BTreeMap<IpNet, BlockAffinity>,
    blocks: BTreeMap<IpNet, Block>,
    pools: Vec<IPPool>,
}

impl World {
    fn pool(mut self, name: &str, spec: Value) -> Self {
        let document = json!({"metadata": {"name": name}, "spec": spec});
        self.pools
            .push(IPPool::from_bytes(document.to_string().as_bytes()).unwrap());
        self
    }

    fn new() -> Self {
        Self::default().pool("p", json!({"cidr": "10.1.0.0/16"}))
    }

    fn affinity(mut self, cidr: &str, state: &str) -> Self {
        let value = json!({ "state": state }).to_string();
        self.affinities
            .insert(net(cidr), BlockAffinity::from_bytes(value.as_bytes()).unwrap());
        self
    }

    /// `held`: ordinal and node; the node `-` rests, `` names none.
    fn block(mut self, cidr: &str, owner: Option<&str>, held: &[(usize, &str)]) -> Self {
        let cidr = net(cidr);
        let mut allocations = vec![Value::Null; 1 << (cidr.max_prefix_len() - cidr.prefix_len())];
        let mut attributes = Vec::new();
        for (ordinal, node) in held {
            allocations[*ordinal] = json!(attributes.len());
            attributes.push(match *node {
                "-" => json!({"releasedAt": "2026-11-22T16:00:00Z"}),
                "" => json!({"handle_id": "h"}),
                node => json!({"handle_id": "h", "secondary": {"node": node}}),
            });
        }
        let affinity = owner.map(|owner| format!("host:{owner}"));
        let document =
            json!({"cidr": cidr, "affinity": affinity, "allocations": allocations, "attributes": attributes});
        self.blocks
            .insert(cidr, Block::from_bytes(document.to_string().as_bytes()).unwrap());
        self
    }

    fn own(self, cidr: &str, held: &[(usize, &str)]) -> Self {
        self.affinity(cidr, "confirmed").block(cidr, Some("n1"), held)
    }

    fn originate(&self) -> Origin {
        originate(&Input {
            node: "n1",
            affinities: &self.affinities,
            blocks: &self.blocks,
            pools: &self.pools,
        })
    }
}

fn nets<const N: usize>(texts: [&str; N]) -> BTreeSet<IpNet> {
    texts.map(net).into()
}

#[test]
fn an_own_block_is_announced_behind_a_blackhole_whatever_is_in_it() {
    let origin = World::new()
        .own("10.1.0.0/29", &[(1, "n1"), (2, "-"), (3, "")])
        .originate();
    assert_eq!(origin.announced, nets(["10.1.0.0/29"]));
    assert_eq!(origin.blackholes, nets(["10.1.0.0/29"]));
    assert_eq!(
        origin.own,
        ["10.1.0.1", "10.1.0.3"].map(|ip| ip.parse().unwrap()).into()
    );
    assert_eq!((origin.lent.len(), origin.withheld.len()), (0, 0));
}

#[test]
fn an_old_affinity_without_state_is_confirmed() {
    let world = World::new()
        .affinity("10.1.0.0/26", "")
        .block("10.1.0.0/26", Some("n1"), &[]);
    assert_eq!(world.originate().announced, nets(["10.1.0.0/26"]));
}

#[test]
fn what_is_not_surely_ours_is_withheld_with_the_reason() {
    let cidr = "10.1.0.0/29";
    for (world, reason) in [
        (
            World::new()
                .affinity(cidr, "pending")
                .block(cidr, Some("n1"), &[]),
            Reason::Pending,
        ),
        (
            World::new().affinity(cidr, "odd").block(cidr, Some("n1"), &[]),
            Reason::State("odd".into()),
        ),
        (World::new().affinity(cidr, "confirmed"), Reason::NoBlock),
        (
            World::new()
                .affinity(cidr, "confirmed")
                .block(cidr, Some("n2"), &[]),
            Reason::Foreign(Some("host:n2".into())),
        ),
        (
            World::new().affinity(cidr, "confirmed").block(cidr, None, &[]),
            Reason::Foreign(None),
        ),
    ] {
        let origin = world.originate();
        assert_eq!(origin.withheld, BTreeMap::from([(net(cidr), reason)]));
        assert_eq!((origin.announced.len(), origin.blackholes.len()), (0, 0));
    }
}

#[test]
fn a_block_outside_exporting_pools_is_withheld_and_keeps_its_blackhole() {
    let silent = json!({"cidr": "10.1.0.0/16", "disableBGPExport": true});
    for (world, reason) in [
        (
            World::default().pool("p", silent),
            Reason::NotExported("p".into()),
        ),
        (World::default(), Reason::NoPool),
    ] {
        let origin = world.own("10.1.0.0/29", &[(0, "n1")]).originate();
        assert_eq!(origin.announced, nets([]));
        assert_eq!(origin.blackholes, nets(["10.1.0.0/29"]));
        assert_eq!(origin.withheld[&net("10.1.0.0/29")], reason);
        assert_eq!(origin.withheld[&net("10.1.0.0/32")], reason);
    }
}

#[test]
fn a_block_being_given_up_keeps_its_blackhole_and_its_pods_addresses() {
    let cidr = "10.1.0.0/29";
    let going = World::new().affinity(cidr, "pendingDeletion");
    let origin = going.block(cidr, Some("n1"), &[(1, "n1"), (2, "n2")]).originate();
    assert_eq!(origin.announced, nets(["10.1.0.1/32"]));
    assert_eq!(origin.blackholes, nets([cidr]));
    assert_eq!(
        origin.lent,
        BTreeMap::from([("10.1.0.2".parse().unwrap(), "n2".to_owned())])
    );
    assert_eq!(origin.withheld[&net(cidr)], Reason::PendingDeletion);
    let gone = World::new().affinity(cidr, "pendingDeletion").originate();
    assert_eq!(gone.blackholes, nets([cidr]));
    let lost = World::new()
        .affinity(cidr, "pendingDeletion")
        .block(cidr, Some("n2"), &[]);
    assert_eq!(lost.originate().blackholes, nets([]));
}

#[test]
fn a_borrowed_address_is_announced_by_its_holder_and_routed_by_its_owner() {
    let borrowed = World::new()
        .block("10.1.0.0/29", Some("n2"), &[(1, "n2"), (2, "n1"), (3, "")])
        .block("10.1.0.8/29", None, &[(0, "n1"), (1, "n3"), (2, "")]);
    let origin = borrowed.originate();
    assert_eq!(origin.announced, nets(["10.1.0.2/32", "10.1.0.8/32"]));
    assert_eq!((origin.blackholes.len(), origin.lent.len()), (0, 0));
    let lent = World::new()
        .own("10.1.0.0/29", &[(1, "n1"), (2, "n2"), (3, "-")])
        .originate();
    assert_eq!(
        lent.lent,
        BTreeMap::from([("10.1.0.2".parse().unwrap(), "n2".to_owned())])
    );
    assert_eq!(lent.announced, nets(["10.1.0.0/29"]));
}

#[test]
fn a_single_address_is_announced_only_while_a_pod_of_ours_holds_it() {
    let cidr = "10.1.0.5/32";
    let held = World::new().own(cidr, &[(0, "n1")]).originate();
    assert_eq!((&held.announced, &held.blackholes), (&nets([cidr]), &nets([])));
    let free = World::new().own(cidr, &[]).originate();
    assert_eq!(free.announced, nets([]));
    assert_eq!(free.withheld[&net(cidr)], Reason::Unallocated);
    let resting = World::new().own(cidr, &[(0, "-")]).originate();
    assert_eq!(resting.withheld[&net(cidr)], Reason::Unallocated);
    let lent = World::new().own(cidr, &[(0, "n2")]).originate();
    assert_eq!(lent.withheld[&net(cidr)], Reason::Lent("n2".into()));
    assert_eq!((lent.announced.len(), lent.lent.len()), (0, 1));
}

#[test]
fn a_released_single_address_is_held_until_everybody_knows() {
    let cidr = "10.1.0.5/32";
    let held = World::new().own(cidr, &[(0, "n1")]).originate();
    let free = World::new().own(cidr, &[(0, "-")]).originate();
    assert_eq!(to_hold(&held, &free), nets([cidr]));
    assert_eq!(to_hold(&free, &held), nets([]));
    // The address moved under an own block: its pod is there.
    let block = World::new().own("10.1.0.0/29", &[(5, "n1")]).originate();
    assert_eq!(to_hold(&held, &block), nets([]));
    assert_eq!(to_hold(&block, &free), nets([]));
}

#[test]
fn pools_with_a_tunnel_are_named() {
    let world = World::new()
        .pool("b", json!({"cidr": "10.3.0.0/16", "vxlanMode": "CrossSubnet"}))
        .pool(
            "a",
            json!({"cidr": "10.2.0.0/16", "ipipMode": "Always", "vxlanMode": "Never"}),
        );
    let of = |cidr: &str, pool: &str, cross_subnet| Encapsulated {
        cidr: net(cidr),
        pool: pool.to_owned(),
        cross_subnet,
    };
    assert_eq!(
        world.originate().encapsulated,
        [of("10.2.0.0/16", "a", false), of("10.3.0.0/16", "b", true)]
    );
}

#[test]
fn both_families_follow_one_rule() {
    let origin = World::default()
        .pool("six", json!({"cidr": "fd00::/112"}))
        .own("fd00::40/122", &[(0, "n1")])
        .own("fd00::80/128", &[(0, "n1")])
        .originate();
    assert_eq!(origin.announced, nets(["fd00::40/122", "fd00::80/128"]));
    assert_eq!(origin.blackholes, nets(["fd00::40/122"]));
}
