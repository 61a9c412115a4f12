//! The real allocator and Calico take turns on real etcd, from every recorded state that has a block: what is stored after each
//! call is what Calico alone would have stored. (The pure core plays the same game, from more angles, in `shared`.)

use integration::calico::{self, Place, World};
use integration::json::with;
use integration::node::addresses;
use integration::{Kind, Lab, Pod, require};
use serde_json::{Value, json};

const HOST: &str = "node0";
const NETWORK: &str = "k8s-pod-network";
const STEPS: [&str; 15] = [
    "02-first-address",
    "03-second-address",
    "04-released",
    "05-specific-address",
    "06-dual-stack",
    "07-strict-affinity",
    "08-ipamconfiguration",
    "09-endpoint-cni",
    "10-endpoint-k8s",
    "11-bgp-resources",
    "12-borrowed",
    "13-borrowed-released",
    "14-endpoints-gone",
    "15-error-no-pool",
    "16-block-size-32",
];

/// A recorded state; every document of the allocator has a field that nobody knows yet.
fn recorded(step: &str) -> World {
    let path = require::file(&format!("shared/tests/calico-etcd/{step}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let step: Value = serde_json::from_str(&text).expect("a recorded step");
    let pair = |pair: &Value| {
        let key = pair["key"].as_str().unwrap_or_default().to_owned();
        let value: Value = serde_json::from_str(pair["value"].as_str().unwrap_or_default()).expect("JSON");
        let value = if key.contains("/ipam/v2/") {
            with(value, "future", json!({"n": u64::MAX, "list": [null, 1]}))
        } else {
            value
        };
        (key, value)
    };
    step["keys"].as_array().into_iter().flatten().map(pair).collect()
}

/// The two of them on one etcd.
struct Both<'a> {
    lab: &'a Lab,
    conf: Value,
    world: World,
    step: &'a str,
    v6: bool,
}

impl<'a> Both<'a> {
    fn at(lab: &'a Lab, step: &'a str) -> Self {
        let world = recorded(step);
        let v6 = calico::next(&world, HOST, true).is_some();
        let conf = [("type", "cni-ipam"), ("name", NETWORK), ("nodename", HOST)]
            .into_iter()
            .fold(lab.node.conf(), |conf, (field, value)| with(conf, field, value));
        let conf = with(conf, "ipam/assign_ipv6", v6.to_string());
        let both = Self {
            lab,
            conf,
            world,
            step,
            v6,
        };
        both.store();
        both.agree("as recorded");
        both
    }

    fn stored(&self) -> World {
        let parse = |(key, stored): (String, integration::etcd::Stored)| {
            let value = serde_json::from_str(&stored.value);
            let value = value.unwrap_or_else(|error| panic!("{key}: {error}"));
            (key, value)
        };
        self.lab.etcd().under("/calico/").into_iter().map(parse).collect()
    }

    /// Calico's documents, as they are now, into etcd.
    fn store(&self) {
        let stored = self.stored();
        let news = self
            .world
            .iter()
            .filter(|(key, value)| stored.get(*key) != Some(value));
        let news = news.map(|(key, value)| (key.clone(), value.to_string()));
        self.lab.etcd().put_all(news);
        let gone = stored.keys().filter(|key| !self.world.contains_key(*key));
        gone.for_each(|key| self.lab.etcd().delete(key));
    }

    fn agree(&self, what: &str) {
        let stored = self.stored();
        for key in stored.keys().chain(self.world.keys()) {
            assert_eq!(
                stored.get(key),
                self.world.get(key),
                "{}, {what}: {key}",
                self.step
            );
        }
    }

    fn places(&self) -> Vec<Place> {
        let families: &[bool] = if self.v6 { &[false, true] } else { &[false] };
        let next = |v6: &bool| calico::next(&self.world, HOST, *v6);
        families.iter().filter_map(next).collect()
    }

    fn we_assign(&mut self, pod: &Pod) -> Value {
        let result = self.lab.node.add(&self.conf, pod);
        let places = self.places();
        let expected: Vec<_> = places
            .iter()
            .map(|place| calico::address(place).to_string())
            .collect();
        assert_eq!(addresses(&result), expected, "{}", self.step);
        let stored = self.stored();
        for place in places {
            // When it was is ours to say.
            let noted = calico::owner_at(&stored, &place)["secondary"].clone();
            assert_eq!(noted["node"], HOST);
            assert_eq!(noted["pod"], "web");
            calico::take(&mut self.world, &place, &handle(&pod.container), &noted);
        }
        self.agree("we assign");
        result
    }

    fn calico_assigns(&mut self, container: &str) {
        let noted = json!({"node": HOST, "namespace": "default", "pod": container, "timestamp": "2026-11-22 17:00:00 +0000 UTC"});
        for place in self.places() {
            calico::take(&mut self.world, &place, &handle(container), &noted);
        }
        self.store();
    }

    fn calico_releases(&mut self, container: &str) {
        calico::give_back(&mut self.world, &handle(container));
        self.store();
    }

    fn we_release(&mut self, container: &str) {
        self.lab.node.del(&self.conf, &pod_named(container));
        calico::give_back(&mut self.world, &handle(container));
        calico::drop_empty_single(&mut self.world, HOST);
        self.agree(&format!("we release {container}"));
    }

    /// The runtime knows every container but one.
    fn we_collect(&mut self, gone: &str) {
        let valid: Vec<Value> = self
            .containers()
            .iter()
            .filter(|container| *container != gone)
            .map(|container| json!({"containerID": container, "ifname": "eth0"}))
            .collect();
        let mut conf = self.conf.clone();
        conf["cni.dev/valid-attachments"] = Value::Array(valid);
        self.lab.node.verb("GC", &conf).run().silent();
        calico::give_back(&mut self.world, &handle(gone));
        calico::drop_empty_single(&mut self.world, HOST);
        self.agree(&format!("we collect {gone}"));
    }

    fn containers(&self) -> Vec<String> {
        let prefix = handle("");
        let handles = calico::handles(&self.world).into_iter();
        handles
            .filter_map(|handle| handle.strip_prefix(&prefix).map(str::to_owned))
            .collect()
    }
}

fn handle(container: &str) -> String {
    format!("{NETWORK}.{container}")
}

fn pod_named(container: &str) -> Pod {
    Pod {
        container: container.to_owned(),
        ..Pod::new("calicos")
    }
}

#[test]
fn from_every_recorded_state_the_allocator_and_calico_take_turns() {
    let lab = Lab::plain(Kind::Etcd);
    for step in STEPS {
        let mut both = Both::at(&lab, step);
        let recorded = both.containers();
        let (first, second) = (
            Pod::kubernetes("default", "web"),
            Pod::kubernetes("default", "web"),
        );
        let result = both.we_assign(&first);
        both.calico_assigns("theirs-1");
        both.we_assign(&second);
        lab.node.check(&both.conf, &first, &result).silent();
        both.we_release("theirs-1");
        if let Some(container) = recorded.first() {
            both.we_release(container);
        }
        both.calico_releases(&first.container);
        let lost = lab.node.check(&both.conf, &first, &result).failure();
        lost.says(&[&first.container, &addresses(&result)[0]]);
        both.calico_assigns("theirs-2");
        both.we_collect("theirs-2");
        both.we_release(&second.container);
    }
}
