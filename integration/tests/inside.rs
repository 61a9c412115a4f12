//! The allocator as a part of `cni-net`'s process: no program is started, one connection is made, and what comes of it is
//! what comes of the program.

use std::fs;
use std::os::unix::fs::symlink;

use integration::json::with;
use integration::plugin::Call;
use integration::traces::Traces;
use integration::wait::eventually;
use integration::{Kind, Lab, Pod, on_both_stores, require};
use serde_json::Value;

on_both_stores!(what_one_gave_the_other_takes_back, the_answers_are_the_same);

pub(crate) fn pooled(lab: Lab) -> Lab {
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
    let starts = |verb: &str| {
        Call::traced("cni-net", verb, &conf, ("execve", &log))
            .about(&pod)
            .env("CNI_PATH", &folder.display().to_string())
            .within(lab.node.netns())
            .run()
            .ok();
        let lines = fs::read_to_string(&log).expect("strace wrote it");
        lines.contains("/calico-ipam\"")
    };
    for verb in ["ADD", "DEL"] {
        assert!(!starts(verb), "{verb}");
    }
    // A program of that name may be Calico's.
    fs::remove_file(folder.join("calico-ipam")).expect("the link");
    fs::rename(folder.join("cni-ipam"), folder.join("calico-ipam")).expect("a file");
    for verb in ["ADD", "DEL"] {
        assert!(starts(verb), "{verb}");
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

/// `run_dir/calls` counts both plugins, as when each is a program; what the allocator refuses is counted, too.
#[test]
fn both_are_counted() {
    let lab = pooled(Lab::new(Kind::Embedded));
    let calls = lab.node.run_dir().join("calls");
    let counted = || {
        let text = fs::read_to_string(&calls).expect("the calls");
        fs::remove_file(&calls).expect("the calls");
        let words = text
            .lines()
            .map(|line| line.rsplit_once(' ').map_or(line, |(words, _)| words));
        let mut words: Vec<_> = words.map(str::to_owned).collect();
        words.sort();
        words
    };
    for conf in both(&lab) {
        let pod = Pod::new("web");
        lab.node.add(&conf, &pod);
        lab.node.del(&conf, &pod);
        let both = [
            "cni-ipam ADD 0",
            "cni-ipam DEL 0",
            "cni-net ADD 0",
            "cni-net DEL 0",
        ];
        assert_eq!(counted(), both);
    }
    let wrong = with(lab.node.conf(), "ipam/ipv4_pools", "no list");
    lab.node.call("ADD", &wrong, &Pod::new("web")).run().failure();
    assert_eq!(counted(), ["cni-ipam ADD 7", "cni-net ADD 7"]);
}

/// The writes to etcd of a call, and whether the kernel was opened before the first request.
fn writes(lab: &Lab, verb: &str, pod: &Pod) -> (Vec<String>, bool) {
    let log = lab.path(&format!("trace-{verb}"));
    Call::traced("cni-net", verb, &lab.node.conf(), ("sendto,writev,socket", &log))
        .about(pod)
        .within(lab.node.netns())
        .run()
        .ok();
    let trace = fs::read_to_string(&log).expect("strace wrote it");
    let lines: Vec<_> = trace.lines().map(str::to_owned).collect();
    let at = |part: &str| lines.iter().position(|line| line.contains(part));
    let opened = at("AF_NETLINK").expect("the kernel was opened");
    let asked = at("/calico/").expect("etcd was asked");
    let writes = lines.iter().filter(|line| line.contains("TCP")).cloned();
    (writes.collect(), opened < asked)
}

/// A request is one write, which carries its own end, and the first is on its way before the kernel is opened.
#[test]
fn a_request_is_one_write_and_the_first_comes_before_the_kernel() {
    let lab = pooled(Lab::plain(Kind::Etcd));
    let pod = Pod::kubernetes("default", "web");
    for _ in 0..2 {
        lab.node.add(&lab.node.conf(), &pod);
        lab.node.del(&lab.node.conf(), &pod);
    }
    // Where the machine is busy the acknowledgements of etcd's pings come one by one.
    let few = (0..5).any(|_| {
        let [add, del] = ["ADD", "DEL"].map(|verb| writes(&lab, verb, &pod));
        for (writes, late) in [&add, &del] {
            let empty = writes.iter().find(|write| write.contains(r#""\0\0\0\0\1\0\0\0"#));
            assert_eq!(empty, None, "an empty DATA frame");
            assert!(!late, "{writes:#?}");
        }
        println!("{} and {} writes", add.0.len(), del.0.len());
        add.0.len() <= 10
    });
    assert!(
        few,
        "more writes than three requests and what the protocol wants beside them"
    );
}

/// Somebody else's call has the turn of the container's addresses: the record goes meanwhile.
#[test]
fn a_del_that_waits_for_its_addresses_removes_the_record_meanwhile() {
    let lab = pooled(Lab::new(Kind::Etcd));
    let conf = lab.node.conf();
    let warm = Pod::new("warm");
    lab.node.add(&conf, &warm);
    let before = Traces::of(&lab);
    let pod = Pod::kubernetes("default", "web");
    lab.node.add(&conf, &pod);
    let of_pod = |file: &String| file.ends_with(".ipam.json");
    let files = lab.node.attachment_files();
    let locks: Vec<_> = fs::read_dir(lab.node.run_dir().join("locks"))
        .expect("the locks")
        .flatten()
        .filter(|lock| lock.path().extension().is_some_and(|end| end == "ipam"))
        .map(|lock| fs::File::options().write(true).open(lock.path()).expect("a lock"))
        .collect();
    assert!(!locks.is_empty() && files.iter().any(of_pod));
    locks.iter().for_each(|lock| lock.lock().expect("nobody has it"));
    let mut going = lab.node.call("DEL", &conf, &pod).start();
    eventually("the record is gone", || {
        let records = lab.cnictl(["get", "workloadendpoints", "-A", "-o", "json"]).run();
        (!records.stdout.contains("web")).then_some(())
    });
    assert!(!going.has_ended(), "its addresses are not given back yet");
    drop(locks);
    going.wait().silent();
    before.unchanged(&lab);
}
