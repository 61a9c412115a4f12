//! The place, and who competes.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use crate::fabric::attach;
use crate::injector::{Peers, Space, Swarm};
use crate::json::text;
use crate::lab::{Kind, Lab};
use crate::netns::Netns;
use crate::race::kernel::Kernel;
use crate::race::{bird, ours};

/// Everybody's AS.
pub const NUMBER: u32 = 64_512;
/// Where the prefixes are.
pub(super) const POOL: &str = "10.0.0.0/8";
/// The first peer; the others follow.
const FIRST: Ipv4Addr = Ipv4Addr::new(172, 20, 16, 0);
/// Nobody is called silent while something is measured.
pub(super) const HOLD: u16 = 240;
/// As many as there may be.
const MOST: usize = 4096;

/// The namespaces around one etcd.
pub struct Arena {
    /// With `worker01`, where ours runs.
    pub lab: Lab,
    pub(super) bird: Arc<Netns>,
}

/// Who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// We.
    Manx,
    /// cz.nic.
    Bird,
}

/// What it is to do.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// So many peers, all its clients.
    pub peers: usize,
    /// What it learns goes into the kernel.
    pub kernel: bool,
}

/// One that runs, to be gone when dropped.
pub struct Rival<'a> {
    /// Its process.
    pub pid: i32,
    /// The protocol number of its routes.
    pub protocol: u8,
    netns: &'a Netns,
    task: Task,
    address: Ipv4Addr,
    _running: Box<dyn Ends + 'a>,
}

/// Whatever ends a rival when it is dropped.
pub(super) trait Ends: Send + Sync {}

impl Arena {
    /// Empty.
    pub fn new() -> Self {
        let lab = Lab::plain(Kind::Etcd);
        lab.leaf.ip("address add 172.20.0.1/24 dev br0");
        lab.leaf.ip(&format!("route add local {FIRST}/20 dev br0"));
        lab.pool("bench", POOL, 26);
        let bird = Arc::new(attach(&lab.leaf, "bird", 11));
        let arena = Self { lab, bird };
        for maker in [Maker::Manx, Maker::Bird] {
            let netns = arena.netns(maker);
            netns.ip(&format!("address add {}/16 dev uplink", address(maker)));
            arena.knows(netns);
        }
        arena
    }

    pub(super) fn netns(&self, maker: Maker) -> &Netns {
        match maker {
            Maker::Manx => self.lab.node.netns(),
            Maker::Bird => &self.bird,
        }
    }

    /// The peers' neighbour entries for good: so many would fill the kernel's table, which all namespaces share.
    fn knows(&self, netns: &Netns) {
        let bridge = self.lab.leaf.ip_json("link show br0");
        let bridge = bridge.first().map_or("", |link| text(link, "/address"));
        let entry = |who| {
            let address = Ipv4Addr::from(u32::from(FIRST) + who);
            format!("neigh replace {address} lladdr {bridge} dev uplink nud permanent\n")
        };
        let batch: String = (0..1024).map(entry).collect();
        netns.command("ip").args(["-batch", "-"]).stdin(batch).ok();
    }

    /// One of them, at work.
    pub fn start(&self, maker: Maker, task: Task) -> Rival<'_> {
        assert!(task.peers <= MOST);
        let peers: Vec<Ipv4Addr> = peers(maker, task.peers).addresses().collect();
        let (pid, protocol, running) = match maker {
            Maker::Manx => ours::start(&self.lab, &peers, task),
            Maker::Bird => bird::start(&self.bird, &peers, task),
        };
        Rival {
            pid,
            protocol,
            netns: self.netns(maker),
            task,
            address: address(maker),
            _running: running,
        }
    }
}

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}

impl Rival<'_> {
    /// Its peers, all up. To be made and used inside the leaf.
    pub fn swarm(&self, space: Space, hold: u16, limit: Duration) -> Swarm {
        let peers = Peers {
            to: self.address,
            hold,
            ..peers(Maker::Manx, self.task.peers)
        };
        let mut swarm = Swarm::new(peers, space);
        swarm.up(limit);
        swarm
    }

    /// How many routes of its the kernel has.
    pub fn installed(&self) -> usize {
        let shown = self.netns.ip(&format!("-4 route show proto {}", self.protocol));
        shown.lines().filter(|line| line.contains(" via ")).count()
    }

    /// Its kernel, asked from anywhere.
    pub fn kernel(&self) -> Kernel {
        self.netns.enter(|| Kernel::new(self.protocol))
    }
}

/// The daemon's own address.
fn address(maker: Maker) -> Ipv4Addr {
    Ipv4Addr::new(172, 20, 0, if maker == Maker::Manx { 4 } else { 11 })
}

fn peers(maker: Maker, count: usize) -> Peers {
    Peers {
        to: address(maker),
        from: FIRST,
        count,
        number: NUMBER,
        internal: true,
        hold: HOLD,
    }
}
