//! The allocator's programs on a real etcd whose replies get lost, whose requests come late, and whose callers are killed:
//! nothing they leave contradicts anything, and after the DEL of a container nothing of it is there.

use std::fs;

use integration::audit::{audit, held};
use integration::json::with;
use integration::process::Running;
use integration::proxy::{Fault, Held, Proxy};
use integration::wait::eventually;
use integration::{Call, Kind, Lab, Node};
use serde_json::{Value, json};

/// More parts than an ADD or DEL exchanges with etcd.
const PARTS: u32 = 60;

/// A pool whose blocks stay with their node, and one whose blocks are claimed and given back with each address.
const POOLS: [&str; 2] = ["four", "single"];

/// A node behind a proxy.
pub(crate) struct Site<'l> {
    lab: &'l Lab,
    pub(crate) node: &'l Node,
    pub(crate) proxy: Proxy,
    conf: Value,
}

impl<'l> Site<'l> {
    pub(crate) fn new(lab: &'l Lab, node: &'l Node, last: u8) -> Self {
        let proxy = Proxy::start(node.netns(), last, &lab.etcd().endpoints());
        let conf = with(node.conf(), "type", "cni-ipam");
        let conf = with(conf, "etcd_endpoints", proxy.endpoint.clone());
        Self {
            lab,
            node,
            proxy,
            conf,
        }
    }

    /// With a setting of the `ipam` section.
    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.conf = with(self.conf, &format!("ipam/{field}"), value);
        self
    }

    pub(crate) fn call(&self, verb: &str, container: &str) -> Call {
        self.call_of(&self.conf, verb, container)
    }

    fn call_of(&self, conf: &Value, verb: &str, container: &str) -> Call {
        Call::new("cni-ipam", verb, conf)
            .env("CNI_CONTAINERID", container)
            .env("CNI_IFNAME", "eth0")
            .env("CNI_NETNS", "/run/netns/none")
            .within(self.node.netns())
            .quiet()
    }

    pub(crate) fn handle(&self, container: &str) -> String {
        format!("{}.{container}", self.lab.network())
    }

    /// ADD, undisturbed.
    fn add(&self, container: &str) {
        self.proxy.arm(Fault::None);
        self.call("ADD", container).run().result();
    }

    /// DEL, undisturbed; afterwards nothing of the container is there, and nothing contradicts anything.
    fn del(&self, container: &str) {
        self.proxy.arm(Fault::None);
        self.call("DEL", container).run().silent();
        self.nothing_of(container);
    }

    fn nothing_of(&self, container: &str) {
        let etcd = self.lab.etcd();
        assert_eq!(audit(etcd), Vec::<String>::new(), "after {container}");
        assert_eq!(held(etcd).remove(&self.handle(container)), None);
        let spool = self.node.spool();
        assert!(!spool.iter().any(|name| name.contains(container)), "{spool:?}");
    }
}

pub(crate) fn lab() -> Lab {
    let lab = Lab::plain(Kind::Etcd);
    lab.pool(POOLS[0], "10.0.0.0/24", 30);
    lab.pool(POOLS[1], "10.1.0.0/24", 32);
    lab.pool("six", "fd00:66::/120", 126);
    lab
}

fn site<'l>(lab: &'l Lab, last: u8, pool: &str) -> Site<'l> {
    let site = Site::new(lab, &lab.node, last).with("ipv4_pools", json!([pool]));
    // Hints, a Node and, of the pool of four, a block with room.
    site.add("resident");
    site
}

/// Takes a turn for each part of the traffic; one that is not hit is the last.
fn at_every_part(mut turn: impl FnMut(u32) -> bool) {
    let parts = (1..=PARTS).take_while(|part| turn(*part)).count();
    // How the traffic is cut into parts is the machine's affair: a busy one sends more at once.
    assert!((1..PARTS as usize).contains(&parts), "{parts} parts");
}

#[test]
fn a_lost_reply_at_any_point_of_an_add_or_a_del_does_no_harm() {
    let lab = lab();
    for (last, pool) in (10..).zip(POOLS) {
        let site = site(&lab, last, pool);
        at_every_part(|part| {
            let name = format!("{pool}-add-{part}");
            site.proxy.arm(Fault::CutReply(part));
            site.call("ADD", &name).run().result();
            let struck = site.proxy.has_struck();
            assert_eq!(audit(lab.etcd()), Vec::<String>::new(), "after {name}");
            let held = held(lab.etcd()).remove(&site.handle(&name)).unwrap_or_default();
            assert_eq!(held.len(), 1, "{name}: {held:?}");
            site.del(&name);
            struck
        });
        at_every_part(|part| {
            let name = format!("{pool}-del-{part}");
            site.add(&name);
            site.proxy.arm(Fault::CutReply(part));
            site.call("DEL", &name).run().silent();
            let struck = site.proxy.has_struck();
            site.nothing_of(&name);
            struck
        });
    }
}

/// Kills the process once a part of its traffic is held; whether one was.
fn kill_when_held(site: &Site<'_>, fault: Fault, verb: &str, container: &str) -> bool {
    site.proxy.arm(fault);
    let mut call: Running = site.call(verb, container).start();
    let held = eventually("a part is held, or the call has ended", || {
        let ended = call.has_ended();
        (site.proxy.is_holding() || ended).then(|| site.proxy.is_holding())
    });
    call.kill();
    drop(call.wait());
    held
}

#[test]
fn a_kill_at_any_point_between_a_request_and_its_reply_leaves_nothing_after_the_del() {
    let lab = lab();
    let points: [fn(u32) -> Fault; 2] = [Fault::HoldRequest, Fault::HoldReply];
    for (last, pool) in (10..).zip(POOLS) {
        let site = site(&lab, last, pool);
        for (number, point) in points.into_iter().enumerate() {
            for verb in ["ADD", "DEL"] {
                at_every_part(|part| {
                    let name = format!("{pool}-{}-{number}-{part}", verb.to_lowercase());
                    if verb == "DEL" {
                        site.add(&name);
                    }
                    let held = kill_when_held(&site, point(part), verb, &name);
                    site.proxy.release(Held::Drop);
                    assert_eq!(audit(lab.etcd()), Vec::<String>::new(), "after {name}");
                    site.del(&name);
                    held
                });
            }
        }
    }
}

/// Whether the attachment file of a container says that more than one request was sent for it.
fn is_in_doubt(node: &Node, container: &str) -> bool {
    let files = fs::read_dir(node.run_dir().join("attachments")).expect("ADD made it");
    let texts = files.map(|file| fs::read_to_string(file.expect("a file").path()).unwrap_or_default());
    let of_it = |text: &String| text.contains(&format!("\"{container}\"")) && text.contains("\"handles\"");
    let mut theirs = texts.filter(of_it);
    theirs.any(|text| text.contains("\"in_doubt\":true"))
}

/// The first may be what its DEL finds, and the second come after that.
#[test]
fn an_add_that_had_to_send_twice_says_so_and_its_del_fences_off_the_other() {
    const NODES: &str = "/calico/resources/v3/projectcalico.org/nodes/";
    let lab = lab();
    let site = site(&lab, 10, POOLS[1]);
    let mut fenced = 0;
    at_every_part(|part| {
        let name = format!("twice-{part}");
        site.proxy.arm(Fault::HoldRequest(part));
        let mut call: Running = site.call("ADD", &name).start();
        let held = eventually("a part is held, or the call has ended", || {
            let ended = call.has_ended();
            (site.proxy.is_holding() || ended).then(|| site.proxy.is_holding())
        });
        site.proxy.release(Held::Drop);
        call.wait().result();
        let twice = is_in_doubt(site.node, &name);
        let revision = |key: &str| lab.etcd().under(NODES).get(key).map(|node| node.revision);
        let node = format!("{NODES}{}", site.node.name);
        let before = revision(&node);
        site.del(&name);
        assert_eq!(revision(&node) != before, twice, "{name}");
        fenced += u32::from(twice);
        held
    });
    assert!(fenced > 0, "no ADD had to send its write twice");
}

/// Kills an ADD at every part of its traffic, does what comes then, and lets the part arrive at last.
fn late(
    site: &mut Site<'_>,
    name: &str,
    before: impl Fn(&mut Site<'_>, u32),
    then: impl Fn(&Site<'_>, &str),
) {
    at_every_part(|part| {
        let name = format!("{name}-{part}");
        before(site, part);
        let held = kill_when_held(site, Fault::HoldRequest(part), "ADD", &name);
        then(site, &name);
        site.call("DEL", &name).run().silent();
        site.proxy.release(Held::Deliver);
        site.nothing_of(&name);
        held
    });
}

#[test]
fn a_write_of_a_killed_add_that_arrives_after_its_del_is_fenced_off() {
    let lab = lab();
    for (last, pool) in (10..).zip(POOLS) {
        // A claim of the pool of single addresses is one of a new block each time.
        late(&mut site(&lab, last, pool), pool, |_, _| {}, |_, _| {});
    }
}

#[test]
fn the_first_claim_of_a_host_that_arrives_after_its_del_is_fenced_off() {
    let lab = lab();
    let mut site = Site::new(&lab, &lab.node, 10).with("ipv4_pools", json!([POOLS[0]]));
    let new_host = |site: &mut Site<'_>, part: u32| {
        site.conf = with(site.conf.clone(), "nodename", format!("new{part}"));
    };
    late(&mut site, "first", new_host, |_, _| {});
}

#[test]
fn a_write_of_a_killed_add_that_is_tried_again_with_other_words_is_fenced_off() {
    let lab = lab();
    let again = |site: &Site<'_>, name: &str| {
        // The pool is another; the datastore and the way to it are the same.
        let conf = with(site.conf.clone(), "ipam/ipv4_pools", json!([POOLS[1]]));
        site.call_of(&conf, "ADD", name).run().result();
    };
    late(&mut site(&lab, 10, POOLS[0]), "again", |_, _| {}, again);
}
