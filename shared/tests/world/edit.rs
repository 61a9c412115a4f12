//! The pools and settings of the cluster, and what an operator does to them.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::OnceLock;

use serde_json::{Value, json};
use shared::ipam::Lease;
use shared::model::Stored;
use shared::model::affinity::BlockAffinity;
use shared::model::block::{Attribute, Block};
use shared::model::clusterinformation::ClusterInformation;
use shared::model::handle::Handle;
use shared::model::key::Key;
use shared::txn::Entry;

use super::pod::{File, Phase};
use super::steps::{Edit, Wish};
use super::{HOSTS, World};
use crate::scene::Scene;

/// Name, range and block size, by name: small enough that a schedule runs out of them.
pub(super) const POOLS: [(&str, &str, u8); 6] = [
    ("a-rack", "10.0.2.0/29", 31),
    ("blocks", "10.0.0.0/27", 30),
    ("more", "10.0.1.0/28", 30),
    ("singles", "10.1.0.0/29", 32),
    ("v6", "fd00::/125", 127),
    WIDE,
];
/// One of more blocks than a request probes.
const WIDE: (&str, &str, u8) = ("wide", "10.2.0.0/25", 32);
/// So many of them are others'.
const FAR: u8 = 122;
/// The one that only labelled nodes may use.
pub(super) const RACKED: &str = "a-rack";

const CONFIG: &str = "/calico/ipam/v2/config";
pub(super) const RESERVATION: &str = "/calico/resources/v3/projectcalico.org/ipreservations/gateways";
const SECONDS: u32 = 5;

pub(super) fn pool_key(name: &str) -> String {
    format!("/calico/resources/v3/projectcalico.org/ippools/{name}")
}

fn node_key(host: &str) -> String {
    format!("/calico/resources/v3/projectcalico.org/nodes/{host}")
}

fn pool((name, cidr, size): (&str, &str, u8)) -> Value {
    let selector = if name == RACKED { "rack == 'a'" } else { "all()" };
    json!({"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":name,"uid":"u"},
        "spec":{"cidr":cidr,"blockSize":size,"nodeSelector":selector}})
}

pub(super) fn scene() -> Scene {
    let scene = Scene::default();
    for each in POOLS.into_iter().filter(|each| *each != WIDE) {
        scene.put(&pool_key(each.0), pool(each).to_string());
    }
    scene.put(
        ClusterInformation::only_key().as_str(),
        json!({"kind":"ClusterInformation","spec":{"clusterGUID":"one","datastoreReady":true}}).to_string(),
    );
    scene.put(CONFIG, json!({"auto_allocate_blocks": true}).to_string());
    scene
}

/// A pool of IPv4.
pub(super) fn v4_pool(which: u8) -> &'static str {
    [POOLS[0], POOLS[1], POOLS[2], POOLS[3], WIDE][usize::from(which) % 5].0
}

/// An address of some pool.
pub(super) fn v4_address(which: u8) -> IpAddr {
    let (third, last) = match which % 4 {
        0 | 1 => ([0, 0], which / 4 % 32),
        2 => ([0, 1], which / 4 % 16),
        _ => ([1, 0], which / 4 % 8),
    };
    IpAddr::from([10, third[0], third[1], last])
}

pub(super) fn v6_address(which: u8) -> IpAddr {
    Ipv6Addr::from((0xfd00_u128 << 112) + u128::from(which % 8)).into()
}

/// What there is when every host has a container: made once, by the allocator.
struct Inhabited {
    stored: Vec<(Key, Entry)>,
    pods: Vec<(Phase, Vec<Lease>, Option<File>)>,
}

static INHABITED: OnceLock<Inhabited> = OnceLock::new();

impl World {
    pub(super) fn inhabit(&mut self) {
        let made = INHABITED.get_or_init(|| {
            let mut world = Self::new(super::Start::Empty);
            for pod in 0..HOSTS {
                let wish = if pod % 4 == 0 { Wish::Dual } else { Wish::V4 };
                world.add(pod, &wish);
                world.settle().unwrap();
                assert_eq!(world.pods[pod].phase, Phase::Up);
            }
            let pods = world.pods.into_iter();
            Inhabited {
                stored: world.scene.store.dump().into_iter().collect(),
                pods: pods.map(|pod| (pod.phase, pod.told, pod.file)).collect(),
            }
        });
        for (key, entry) in &made.stored {
            self.scene.store.put(key.clone(), entry.value.clone());
        }
        for (pod, before) in self.pods.iter_mut().zip(&made.pods) {
            (pod.phase, pod.told, pod.file) = before.clone();
        }
        self.calls = HOSTS as u32;
    }

    pub(super) fn two_hosts(&mut self) {
        for pod in &mut self.pods {
            pod.host = pod.number % 2;
        }
        self.set("maxBlocksPerHost", 2);
        self.set("ipCooldownSeconds", SECONDS);
    }

    /// The wide pool, and the hosts far away that have most of it.
    pub(super) fn widen(&mut self) {
        let store = &self.scene.store;
        self.scene.put(&pool_key(WIDE.0), pool(WIDE).to_string());
        for number in 0..FAR {
            let (host, handle) = (format!("far{}", number % 8), format!("calico.far{number}"));
            let address = IpAddr::from([10, 2, 0, number]);
            let mut block = Block::new(address.into(), &host, self.now());
            block.take(
                0,
                Attribute::new(&handle, &[("node".to_owned(), host.clone())].into()),
            );
            block.touch();
            let mut count = Handle::default();
            count.increment(block.cidr);
            store.put(
                Key::affinity(&host, block.cidr),
                BlockAffinity::confirmed().to_bytes(),
            );
            store.put(Key::handle(&handle), count.to_bytes());
            store.put(Key::block(block.cidr), block.to_bytes());
            self.kept.push((handle, address));
        }
    }

    /// One of the settings the allocator reads.
    pub(super) fn setting(&self, name: &str) -> Value {
        self.json(CONFIG)[name].clone()
    }

    fn set(&self, name: &str, value: impl Into<Value>) {
        let mut config = self.scene.get(CONFIG).unwrap_or_else(|| json!({}));
        config[name] = value.into();
        self.scene.put(CONFIG, config.to_string());
    }

    pub(super) fn edit(&self, edit: Edit) {
        match edit {
            Edit::Strict(strict) => self.set("strict_affinity", strict),
            Edit::MaxBlocks(most) => self.set("maxBlocksPerHost", most),
            Edit::Cooldown(on) => self.set("ipCooldownSeconds", if on { SECONDS } else { 0 }),
            Edit::Reserve(None) => drop(self.scene.store.delete(Key::stored(RESERVATION))),
            Edit::Reserve(Some(which)) => {
                let block = format!("{}/30", v4_address(which));
                let list = json!({"kind":"IPReservation","metadata":{"name":"gateways"},
                    "spec":{"reservedCIDRs":[v4_address(which.wrapping_add(85)), v6_address(which), block]}});
                self.scene.put(RESERVATION, list.to_string());
            }
            Edit::Disable(which, off) => {
                let key = pool_key(POOLS[usize::from(which) % POOLS.len()].0);
                if let Some(mut pool) = self.scene.get(&key) {
                    pool["spec"]["disabled"] = json!(off);
                    self.scene.put(&key, pool.to_string());
                }
            }
            Edit::AddPool(which) => {
                let each = POOLS[usize::from(which) % POOLS.len()];
                self.scene.put(&pool_key(each.0), pool(each).to_string());
            }
            Edit::Label(host) => self.label(usize::from(host) % HOSTS),
        }
    }

    fn label(&self, host: usize) {
        let host = format!("n{host}");
        let key = node_key(&host);
        let mut node = self.scene.get(&key).unwrap_or_else(|| {
            json!({"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":host,"uid":"u"},"spec":{}})
        });
        let labels = if self.is_labelled(&host) {
            json!({})
        } else {
            json!({"rack": "a"})
        };
        node["metadata"]["labels"] = labels;
        self.scene.put(&key, node.to_string());
    }

    pub(super) fn is_labelled(&self, host: &str) -> bool {
        let node = self.json(&node_key(host));
        node["metadata"]["labels"]["rack"] == "a"
    }
}
