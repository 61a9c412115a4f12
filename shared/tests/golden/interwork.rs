//! Our calls and Calico's take turns, from every recorded state on. After each call all that is stored is what Calico alone
//! would have stored, fields of a future Calico and numbers of 64 bits included, and nothing contradicts anything.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::ipam::gc::GcRequest;
use shared::ipam::{AssignRequest, ReleaseRequest};

use crate::calico::{self, Place, World};
use crate::recorded::{STEPS, texts};
use crate::scene::Scene;

const NETWORK: &str = "k8s-pod-network";
const HOST: &str = "node0";
const NOW: (u64, &str) = (1_795_366_800_123_456_789, "2026-11-22T17:00:00Z");

fn handle(container: &str) -> String {
    format!("{NETWORK}.{container}")
}

fn attributes(container: &str) -> Value {
    json!({"node": HOST, "namespace": "default", "pod": container, "timestamp": format!("2026-11-22 17:00:00.123 +0000 UTC {container}")})
}

/// The two of them on one store.
struct Both {
    scene: Scene,
    world: World,
    step: usize,
}

impl Both {
    /// A recorded state; every document of the allocator has a field that nobody knows yet.
    fn at(step: usize) -> Self {
        let marked = |(key, text): (&String, &String)| {
            let mut value: Value = serde_json::from_str(text).unwrap();
            if key.contains("/ipam/v2/") {
                value["future"] = json!({"n": u64::MAX, "list": [null, 1]});
            }
            (key.clone(), value)
        };
        let world: World = texts(step).iter().map(marked).collect();
        let texts = world.iter().map(|(key, value)| (key.as_str(), value.to_string()));
        Self {
            scene: Scene::with(texts),
            world,
            step,
        }
    }

    fn agree(&self, what: &str) {
        let stored = self.scene.world();
        for (key, value) in &self.world {
            assert_eq!(stored.get(key), Some(value), "step {}, {what}: {key}", self.step);
        }
        assert_eq!(
            stored.keys().collect::<Vec<_>>(),
            self.world.keys().collect::<Vec<_>>(),
            "step {}, {what}",
            self.step
        );
        assert_eq!(self.scene.audit(), [], "step {}, {what}", self.step);
    }

    /// Calico's documents, as they are now, into the store.
    fn store(&self) {
        let stored = self.scene.world();
        for (key, value) in &self.world {
            if stored.get(key) != Some(value) {
                self.scene.put(key, value.to_string());
            }
        }
        for key in stored.keys().filter(|key| !self.world.contains_key(*key)) {
            self.scene
                .store
                .delete(shared::model::key::Key::stored(key.as_str()));
        }
    }

    /// Ours allocates in both families; a host without a block of a family claims one, which one is no contract.
    fn we_assign(&mut self, container: &str) {
        let secondary = attributes(container);
        let request = AssignRequest {
            host: HOST.to_owned(),
            handle: handle(container),
            attributes: serde_json::from_value(secondary.clone()).unwrap(),
            want_v4: true,
            want_v6: true,
            now: jiff::Timestamp::from_nanosecond(i128::from(NOW.0)).unwrap(),
            ..AssignRequest::default()
        };
        let leases = self.scene.assign(&request).unwrap();
        assert_eq!(leases.len(), 2);
        for lease in leases {
            let v6 = lease.address.is_ipv6();
            let place = calico::next(&self.world, HOST, v6).unwrap_or_else(|| {
                calico::claim(&mut self.world, HOST, &lease.block.to_string(), NOW);
                (lease.block.to_string(), 0)
            });
            assert_eq!(lease.address, calico::address(&place), "step {}", self.step);
            calico::take(&mut self.world, &place, &handle(container), &secondary);
        }
        self.agree(&format!("we assign {container}"));
    }

    fn calico_assigns(&mut self, container: &str) {
        for v6 in [false, true] {
            let place: Place = calico::next(&self.world, HOST, v6).expect("we have claimed a block");
            calico::take(
                &mut self.world,
                &place,
                &handle(container),
                &attributes(container),
            );
        }
        self.store();
        self.agree(&format!("Calico assigns {container}"));
    }

    fn we_release(&mut self, handle: &str) {
        let request = ReleaseRequest {
            host: HOST.to_owned(),
            handles: vec![handle.to_owned()],
            now: "2026-11-22T17:00:01Z".parse().unwrap(),
            ..ReleaseRequest::default()
        };
        assert!(self.scene.release(&request).unwrap().found, "{handle}");
        calico::give_back(&mut self.world, handle);
        calico::drop_empty_single(&mut self.world, HOST);
        self.agree(&format!("we release {handle}"));
    }

    fn calico_releases(&mut self, handle: &str) {
        calico::give_back(&mut self.world, handle);
        self.store();
        self.agree(&format!("Calico releases {handle}"));
    }

    /// Every container has what Calico's documents say, and nothing else.
    fn we_check(&self) {
        let stranger = "10.66.200.200".parse().unwrap();
        for handle in calico::handles(&self.world) {
            let places = calico::held(&self.world, &handle);
            let mut addresses: Vec<_> = places.iter().map(calico::address).collect();
            assert_eq!(
                self.scene.missing(&handle, &addresses),
                [] as [std::net::IpAddr; 0]
            );
            addresses.push(stranger);
            assert_eq!(self.scene.missing(&handle, &addresses), [stranger]);
        }
    }

    /// Ours collects what belongs to one container that is gone.
    fn we_collect(&mut self, gone: &str) {
        let valid: BTreeSet<String> = calico::handles(&self.world).into_iter().collect();
        let request = GcRequest {
            host: HOST.to_owned(),
            network: NETWORK.to_owned(),
            valid: valid.into_iter().filter(|handle| handle != gone).collect(),
            known: BTreeSet::new(),
            now: "2026-11-22T17:00:02Z".parse().unwrap(),
        };
        while self.scene.collect(&request).unwrap().found {}
        // What another node borrowed of our block is that node's to collect.
        if calico::owner(&self.world, gone)["secondary"]["node"] == HOST {
            calico::give_back(&mut self.world, gone);
            calico::drop_empty_single(&mut self.world, HOST);
        }
        self.agree(&format!("we collect {gone}"));
    }
}

#[test]
fn from_every_recorded_state_our_calls_and_calicos_take_turns() {
    for step in 1..=STEPS.len() {
        let mut both = Both::at(step);
        both.agree("as recorded");
        let recorded = calico::handles(&both.world);
        both.we_check();
        both.we_assign("ours-1");
        both.calico_assigns("theirs-1");
        both.we_assign("ours-2");
        both.we_check();
        let mut recorded = recorded.iter();
        if let Some(first) = recorded.next() {
            both.we_release(first);
        }
        both.we_release(&handle("theirs-1"));
        both.calico_releases(&handle("ours-1"));
        if let Some(second) = recorded.next() {
            both.calico_releases(second);
        }
        both.we_assign("ours-3");
        both.calico_assigns("theirs-2");
        if let Some(third) = recorded.next() {
            both.we_collect(third);
        }
        both.we_collect(&handle("theirs-2"));
        both.we_check();
        both.we_release(&handle("ours-2"));
        both.we_release(&handle("ours-3"));
    }
}

#[test]
fn a_whole_block_is_handed_out_in_turns_and_in_the_order_of_the_queue() {
    let mut both = Both::at(4);
    // The recorded block: 62 addresses never used, then the one that was released.
    for turn in 0..40 {
        both.we_assign(&format!("ours-{turn}"));
        both.calico_assigns(&format!("theirs-{turn}"));
        if turn % 3 == 0 {
            both.we_release(&handle(&format!("theirs-{turn}")));
            both.calico_releases(&handle(&format!("ours-{turn}")));
        }
    }
}

/// The oracle itself: Calico's recorded calls lead from one recorded state to the next.
#[test]
fn the_recorded_steps_prove_what_we_hold_calico_to() {
    let world = |step: usize| -> World {
        let parsed = |(key, text): (&String, &String)| (key.clone(), serde_json::from_str(text).unwrap());
        let mut world: World = texts(step).iter().map(parsed).collect();
        world.retain(|key, _| key.contains("/ipam/v2/") && !key.ends_with("/config"));
        world
    };
    let secondary = |step: usize, place: &Place| calico::owner_at(&world(step), place)["secondary"].clone();
    let long = |n: u32| handle(&format!("c0ffee{n:058}"));
    let tiny = |n: u32| handle(&format!("b0b{n:061}"));

    let mut now = world(2);
    let place = calico::next(&now, HOST, false).unwrap();
    calico::take(&mut now, &place, &long(2), &secondary(3, &place));
    assert_eq!(now, world(3));
    calico::give_back(&mut now, &long(1));
    assert_eq!(now, world(4));
    let mut now = world(5);
    let four = calico::next(&now, HOST, false).unwrap();
    let six = ("fd00:66::8780/122".to_owned(), 0);
    let claimed = world(6)[&calico::block_key(&six.0)].clone();
    let number = claimed["sequenceNumberForAllocation"]["0"].as_u64().unwrap();
    let time = claimed["affinity_claim_time"].as_str().unwrap();
    calico::claim(&mut now, HOST, &six.0, (number, time));
    for place in [four, six] {
        calico::take(&mut now, &place, &long(4), &secondary(6, &place));
    }
    assert_eq!(now, world(6));
    let mut now = world(12);
    for n in [1, 2] {
        calico::give_back(&mut now, &tiny(n));
    }
    assert_eq!(now, world(13));
    calico::give_back(&mut now, &handle("abcdef0123456789"));
    assert_eq!(now, world(14));
}
