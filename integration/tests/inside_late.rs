//! The allocator as a part of `cni-net`'s process, behind a proxy that keeps requests and loses replies: neither holds the other up,
//! and nothing is left.

use std::time::{Duration, Instant};

use integration::audit::held;
use integration::json::with;
use integration::proxy::{Fault, Held, Proxy};
use integration::traces::Traces;
use integration::wait::eventually;
use integration::{Kind, Lab, Pod};
use serde_json::{Value, json};

use crate::inside::pooled;

/// More parts than an ADD or DEL exchanges with etcd.
const PARTS: u32 = 40;
/// Parts of an ADD, about.
const FEW: u32 = 8;
const SWEEPS: usize = 8;

/// A lab behind a proxy; its node has its block.
fn behind_a_proxy() -> (Lab, Proxy, Value) {
    let lab = pooled(Lab::plain(Kind::Etcd));
    let proxy = Proxy::start(lab.node.netns(), 10, &lab.etcd().endpoints());
    let conf = with(lab.node.conf(), "etcd_endpoints", proxy.endpoint.clone());
    let warm = Pod::new("warm");
    lab.node.add(&conf, &warm);
    lab.node.del(&conf, &warm);
    (lab, proxy, conf)
}

/// The pair is made while etcd keeps the allocator waiting: one thread, and neither stops the other.
#[test]
fn the_pair_is_there_while_the_allocator_waits() {
    let (lab, proxy, conf) = behind_a_proxy();
    // What the proxy takes for a part is another each time.
    let mut parts = (1..=FEW).cycle().take(FEW as usize * SWEEPS);
    let waited = parts.any(|part| {
        proxy.arm(Fault::HoldRequest(part));
        let pod = Pod::new("web");
        let mut adding = lab.node.call("ADD", &conf, &pod).start();
        eventually("a request is held, or the ADD is over", || {
            (proxy.is_holding() || adding.has_ended()).then_some(())
        });
        let waits = proxy.is_holding() && is_asking(&lab, &pod);
        if waits {
            eventually("the pair is made", || {
                pod.netns.links().contains(&"eth0".to_owned()).then_some(())
            });
            let addresses = pod.netns.ip("-4 -o address show scope global");
            assert_eq!(addresses, "", "its address is not known yet");
        }
        proxy.release(Held::Deliver);
        adding.wait().result();
        proxy.arm(Fault::None);
        lab.node.del(&conf, &pod);
        waits
    });
    assert!(waited, "no request of the allocator was held");
}

/// Whether the allocator has written down what it is about to do, and etcd knows nothing of it.
fn is_asking(lab: &Lab, pod: &Pod) -> bool {
    let files = lab.node.attachment_files();
    files.iter().any(|file| file.ends_with(".ipam.json")) && !is_held(lab, pod)
}

/// Whatever reply is lost, on the connection that both use: the call answers, and after the DEL nothing is there.
#[test]
fn a_reply_that_is_lost_on_the_common_connection_leaves_nothing() {
    let (lab, proxy, conf) = behind_a_proxy();
    let before = Traces::of(&lab);
    for verb in ["ADD", "DEL"] {
        let struck = (1..=PARTS).filter(|part| {
            let pod = Pod::kubernetes("default", "web");
            if verb == "DEL" {
                lab.node.add(&conf, &pod);
            }
            proxy.arm(Fault::CutReply(*part));
            lab.node.call(verb, &conf, &pod).quiet().run();
            let struck = proxy.has_struck();
            proxy.arm(Fault::None);
            lab.node.del(&conf, &pod);
            lab.node.settle(&conf);
            before.unchanged(&lab);
            struck
        });
        assert!(struck.count() >= 3, "{verb}: few replies were lost");
    }
}

/// Killed while a request is on its way, which comes when the DEL is over: it changes nothing.
#[test]
fn a_request_of_a_killed_add_that_comes_after_the_del_leaves_nothing() {
    let (lab, proxy, conf) = behind_a_proxy();
    let before = Traces::of(&lab);
    let mut held = 0;
    for part in (1..=FEW).cycle().take(FEW as usize * 2) {
        let pod = Pod::kubernetes("default", "web");
        proxy.arm(Fault::HoldRequest(part));
        let mut adding = lab.node.call("ADD", &conf, &pod).quiet().start();
        eventually("a request is held, or the ADD is over", || {
            (proxy.is_holding() || adding.has_ended()).then_some(())
        });
        held += u32::from(proxy.is_holding());
        adding.kill();
        drop(adding.wait());
        lab.node.del(&conf, &pod);
        proxy.release(Held::Deliver);
        proxy.arm(Fault::None);
        before.unchanged(&lab);
    }
    assert!(held >= FEW / 2, "{held} requests were held");
}

/// The allocator of a DEL has what is left of it, and not the share of `cni-net`'s own questions (1.6 s of 4): kept from etcd for
/// longer than that, it gives the address back all the same.
#[test]
fn a_release_has_the_whole_time_of_its_del() {
    let (lab, proxy, conf) = behind_a_proxy();
    let conf = with(conf, "timeouts", json!({"del": 4}));
    let mut parts = (1..=FEW).cycle().take(FEW as usize * SWEEPS);
    let released = parts.any(|part| {
        let pod = Pod::new("web");
        lab.node.add(&conf, &pod);
        proxy.arm(Fault::HoldRequest(part));
        let begun = Instant::now();
        let mut going = lab.node.call("DEL", &conf, &pod).start();
        eventually("a request is held, or the DEL is over", || {
            (proxy.is_holding() || going.has_ended()).then_some(())
        });
        let asks = || pod.netns.links().iter().all(|link| link != "eth0");
        let held_up = proxy.is_holding() && asks() && is_held(&lab, &pod);
        if held_up {
            eventually("its own share is over", || {
                (begun.elapsed() > Duration::from_millis(2200)).then_some(())
            });
        }
        proxy.release(Held::Deliver);
        going.wait().silent();
        proxy.arm(Fault::None);
        let released = held_up && !is_held(&lab, &pod);
        lab.node.settle(&conf);
        assert!(!is_held(&lab, &pod), "kept for later, at most");
        released
    });
    assert!(released, "no release was made after so long");
}

fn is_held(lab: &Lab, pod: &Pod) -> bool {
    let handle = format!("{}.{}", lab.network(), pod.container);
    held(lab.etcd()).contains_key(&handle)
}
