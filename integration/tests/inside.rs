//! The allocator as a part of `cni-net`'s process: no program is started, one connection is made, and what comes of it is
//! what comes of the program, also where replies get lost.

use std::fs;
use std::os::unix::fs::symlink;

use integration::audit::held;
use integration::json::with;
use integration::plugin::Call;
use integration::proxy::{Fault, Held, Proxy};
use integration::traces::Traces;
use integration::wait::eventually;
use integration::{Kind, Lab, Pod, on_both_stores, require};
use serde_json::Value;

/// More parts than an ADD or DEL exchanges with etcd.
const PARTS: u32 = 40;
/// Parts of an ADD, about.
const FEW: u32 = 8;
const SWEEPS: usize = 8;

on_both_stores!(what_one_gave_the_other_takes_back, the_answers_are_the_same);

fn pooled(lab: Lab) -> Lab {
    lab.pool("pods", "10.10.0.0/24", 30);
    lab
}

/// With the allocator inside, and as a program.
fn both(lab: &Lab) -> [Value; 2] {
    [false, true].map(|program| with(lab.node.conf(), "exec_ipam", program))
}

/// The lines of a call's trace.
fn traced(lab: &Lab, verb: &str, conf: &Value, pod: &Pod) -> Vec<String> {
    let log = lab.path(&format!("trace-{verb}"));
    Call::traced("cni-net", verb, conf, ("execve,connect", &log))
        .about(pod)
        .within(lab.node.netns())
        .run()
        .ok();
    let trace = fs::read_to_string(&log).expect("strace wrote it");
    trace.lines().map(str::to_owned).collect()
}

fn count(lines: &[String], part: &str) -> usize {
    lines.iter().filter(|line| line.contains(part)).count()
}

#[test]
fn an_add_and_a_del_start_no_program_and_make_one_connection() {
    let lab = pooled(Lab::new(Kind::Etcd));
    let pod = Pod::kubernetes("default", "web");
    let [inside, program] = both(&lab);
    lab.node.add(&inside, &pod);
    lab.node.del(&inside, &pod);
    for verb in ["ADD", "DEL"] {
        let lines = traced(&lab, verb, &inside, &pod);
        assert_eq!(count(&lines, "/cni-ipam\""), 0, "{verb} {}", lines.join("\n"));
        assert_eq!(count(&lines, "AF_INET"), 1, "{verb} {}", lines.join("\n"));
    }
    for verb in ["ADD", "DEL"] {
        let lines = traced(&lab, verb, &program, &pod);
        assert_eq!(count(&lines, "/cni-ipam\""), 1, "{verb} {}", lines.join("\n"));
        assert_eq!(count(&lines, "AF_INET"), 2, "{verb} {}", lines.join("\n"));
    }
}

/// The installer's link, by which a conflist of Calico's goes on working.
#[test]
fn what_calicos_name_leads_to_is_ours() {
    let lab = pooled(Lab::new(Kind::Etcd));
    let pod = Pod::kubernetes("default", "web");
    let folder = lab.path("bin");
    fs::create_dir(&folder).expect("a folder");
    fs::copy(require::dist("cni-ipam"), folder.join("cni-ipam")).expect("a copy");
    symlink("cni-ipam", folder.join("calico-ipam")).expect("a link");
    let conf = with(lab.node.conf(), "ipam/type", "calico-ipam");
    let log = lab.path("trace-link");
    for verb in ["ADD", "DEL"] {
        Call::traced("cni-net", verb, &conf, ("execve", &log))
            .about(&pod)
            .env("CNI_PATH", &folder.display().to_string())
            .within(lab.node.netns())
            .run()
            .ok();
        let lines = fs::read_to_string(&log).expect("strace wrote it");
        assert!(!lines.contains("-ipam\""), "{verb} {lines}");
    }
}

fn what_one_gave_the_other_takes_back(kind: Kind) {
    let lab = pooled(Lab::new(kind));
    let confs = both(&lab);
    let warm = Pod::new("warm");
    lab.node.add(&confs[0], &warm);
    let before = Traces::of(&lab);
    for (giver, taker) in [(0, 1), (1, 0)] {
        let pod = Pod::kubernetes("default", "web");
        let result = lab.node.add(&confs[giver], &pod);
        lab.node.check(&confs[taker], &pod, &result).ok();
        lab.node.del(&confs[taker], &pod);
        before.unchanged(&lab);
    }
}

/// Also those of a call that fails: code, text and details are the allocator's.
fn the_answers_are_the_same(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("tiny", "10.10.0.0/30", 30);
    let confs = both(&lab);
    let answers = confs.each_ref().map(|conf| {
        let pods: Vec<_> = (0..4).map(|number| Pod::new(&format!("p{number}"))).collect();
        let mut given: Vec<_> = pods
            .iter()
            .map(|pod| lab.node.add(conf, pod)["ips"].clone())
            .collect();
        let one_more = Pod::new("more");
        let before = Traces::of(&lab);
        let full = lab.node.call("ADD", conf, &one_more).run().failure();
        before.unchanged(&lab);
        let wrong = with(conf.clone(), "ipam/ipv4_pools", "no list");
        let wrong = lab.node.call("ADD", &wrong, &one_more).run().failure();
        let named = Pod::new("named").with_arg("IP=10.99.0.1");
        let named = lab.node.call("ADD", conf, &named).run().failure();
        before.unchanged(&lab);
        pods.iter().for_each(|pod| lab.node.del(conf, pod));
        given.sort_by_key(Value::to_string);
        let failures = [full, wrong, named].map(|failure| (failure.code, failure.msg));
        (given, failures)
    });
    let [inside, program] = answers;
    assert_eq!(inside, program);
}

/// `run_dir/calls` counts both plugins, as when each is a program.
#[test]
fn both_are_counted() {
    let lab = pooled(Lab::new(Kind::Embedded));
    let counted = both(&lab).map(|conf| {
        let calls = lab.node.run_dir().join("calls");
        let _ = fs::remove_file(&calls);
        let pod = Pod::new("web");
        lab.node.add(&conf, &pod);
        lab.node.del(&conf, &pod);
        let text = fs::read_to_string(&calls).expect("the calls");
        let words = text
            .lines()
            .map(|line| line.rsplit_once(' ').map_or(line, |(words, _)| words));
        let mut words: Vec<_> = words.map(str::to_owned).collect();
        words.sort();
        words
    });
    let [inside, program] = counted;
    assert_eq!(inside, program);
    assert_eq!(
        inside,
        [
            "cni-ipam ADD 0",
            "cni-ipam DEL 0",
            "cni-net ADD 0",
            "cni-net DEL 0"
        ]
    );
}

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
    let handle = format!("{}.{}", lab.network(), pod.container);
    files.iter().any(|file| file.ends_with(".ipam.json")) && !held(lab.etcd()).contains_key(&handle)
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
