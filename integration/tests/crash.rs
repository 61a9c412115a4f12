//! SIGKILL at any moment of an ADD, then DEL: no address, no interface, no record.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use integration::json::with;
use integration::process::Running;
use integration::proxy::spread;
use integration::traces::Traces;
use integration::wait::eventually;
use integration::{Kind, Lab, Pod, on_both_stores};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const KILLS: u32 = 100;

on_both_stores!(
    a_hundred_killed_adds_leave_nothing_after_their_dels,
    a_del_beside_an_add_of_the_same_container_waits_and_touches_nothing,
);

/// Where the moments come from; `MANX_SEED=n` takes others.
const SEED: u32 = 1;

fn seed() -> u32 {
    let given = std::env::var("MANX_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or(SEED)
}

/// SIGKILL to the IPAM plugin of a call.
pub(crate) fn kill_a_child(call: &Running) {
    let path = format!("/proc/{0}/task/{0}/children", call.pid());
    let children = fs::read_to_string(path).unwrap_or_default();
    for child in children.split_whitespace().filter_map(|pid| pid.parse().ok()) {
        // It may have ended by itself meanwhile.
        let _gone = kill(Pid::from_raw(child), Signal::SIGKILL);
    }
}

/// The pods of the test, by number: plain ones and Kubernetes', with one address and with two; the allocator inside, and
/// as a program.
struct Victims {
    lab: Lab,
    confs: [Value; 2],
    programs: [Value; 2],
}

/// Of three calls one has the allocator inside; one of the others loses it alone.
const KINDS: u32 = 3;
const INSIDE: u32 = 1;
const CHILD_KILLED: u32 = 0;

impl Victims {
    fn new(kind: Kind) -> Self {
        let lab = Lab::new(kind);
        lab.pool("pool", "10.0.0.0/24", 26);
        lab.pool("six", "fd00:66::/112", 122);
        let both = with(lab.node.conf(), "ipam/assign_ipv6", "true");
        let confs = [lab.node.conf(), both];
        let programs = confs.clone().map(|conf| with(conf, "exec_ipam", true));
        Self { lab, confs, programs }
    }

    fn make(&self, number: u32) -> (Pod, &Value) {
        let name = format!("kill{number}");
        let pod = match number % 2 {
            0 => Pod::new(&name),
            _ => Pod::kubernetes("default", &name),
        };
        let confs = match number % KINDS {
            INSIDE => &self.confs,
            _ => &self.programs,
        };
        (pod, &confs[(number / 2 % 2) as usize])
    }

    /// The time of a warm ADD that nobody disturbs: the shortest of several.
    fn whole(&self) -> Duration {
        let all = (0..8).map(|number| {
            let (pod, conf) = self.make(number);
            let took = self.lab.node.call("ADD", conf, &pod).run().ok().took;
            self.lab.node.del(conf, &pod);
            took
        });
        all.min().unwrap_or_default()
    }

    /// One killed ADD, or its killed child, and the DEL; how long the ADD took if it was over before the kill.
    fn kill(&self, number: u32, moment: Duration) -> Option<Duration> {
        let (pod, conf) = self.make(number);
        let mut call = self.lab.node.call("ADD", conf, &pod).quiet().start();
        std::thread::park_timeout(moment);
        let only_its_child = number % KINDS == CHILD_KILLED;
        if only_its_child {
            kill_a_child(&call);
        } else {
            call.kill();
        }
        let answer = call.wait();
        if !answer.status.success() && !only_its_child {
            assert_eq!(
                answer.status.signal(),
                Some(Signal::SIGKILL as i32),
                "{}",
                answer.told()
            );
        }
        self.lab.node.call("DEL", conf, &pod).quiet().run().silent();
        assert_eq!(
            pod.netns.links(),
            Vec::<String>::new(),
            "killed after {moment:?}, {}",
            answer.told()
        );
        answer.status.success().then_some(answer.took)
    }
}

fn a_hundred_killed_adds_leave_nothing_after_their_dels(kind: Kind) {
    let victims = Victims::new(kind);
    let (mut whole, seed) = (victims.whole(), seed());
    println!("MANX_SEED={seed}, an ADD takes {whole:?}");
    let before = Traces::of(&victims.lab);
    let mut killed = 0;
    for number in 0..KILLS {
        let moment = whole * (spread(seed, number) % 1000) / 1000;
        match victims.kill(number, moment) {
            // The machine is quicker now.
            Some(took) => whole = whole.min(took),
            None => killed += 1,
        }
    }
    before.unchanged(&victims.lab);
    println!("{killed} of {KILLS} hit");
    assert!(
        killed >= KILLS / 2,
        "only {killed} of {KILLS} kills came before the end"
    );
}

/// A plugin that never answers, in a folder of the laboratory.
fn stuck_plugin(lab: &Lab) -> String {
    let path = lab.path("stuck-ipam");
    let script = "#!/bin/sh\nexec sleep 600\n";
    fs::write(&path, script).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let all = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&path, all).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    lab.path("").display().to_string()
}

#[test]
fn our_ipam_child_dies_with_its_parent() {
    let lab = Lab::new(Kind::Embedded);
    lab.pool("pool", "10.0.0.0/24", 26);
    let lock = lab.path("ipam.lock");
    let conf = with(lab.node.conf(), "ipam_lock_file", lock.display().to_string());
    let conf = with(conf, "exec_ipam", true);
    // It waits for the host's lock.
    let file = fs::File::create(&lock).unwrap_or_else(|error| panic!("{}: {error}", lock.display()));
    file.lock()
        .unwrap_or_else(|error| panic!("{}: {error}", lock.display()));
    let pod = Pod::new("orphan");
    dies_with_its_parent(lab.node.call("ADD", &conf, &pod).start());
}

#[test]
fn anothers_ipam_child_dies_with_its_parent() {
    let lab = Lab::new(Kind::Embedded);
    let folder = stuck_plugin(&lab);
    let conf = with(lab.node.conf(), "ipam/type", "stuck-ipam");
    let pod = Pod::new("orphan");
    let call = lab.node.call("ADD", &conf, &pod).env("CNI_PATH", &folder);
    dies_with_its_parent(call.start());
}

fn dies_with_its_parent(mut call: Running) {
    let path = format!("/proc/{0}/task/{0}/children", call.pid());
    let child: i32 = eventually("cni-net starts its IPAM plugin", || {
        fs::read_to_string(&path)
            .ok()?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    call.kill();
    eventually("the IPAM plugin is gone", || {
        let state = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        (state.is_empty() || state.contains(") Z ")).then_some(())
    });
    drop(call.wait());
}

#[test]
fn an_ipam_plugin_that_never_answers_is_ended_at_the_limit_and_no_interface_stays() {
    let lab = Lab::new(Kind::Embedded);
    let folder = stuck_plugin(&lab);
    let conf = with(
        with(lab.node.conf(), "ipam/type", "stuck-ipam"),
        "timeouts",
        json!({"add": 2, "del": 2}),
    );
    let pod = Pod::new("stuck");
    // The plugin would take ten minutes.
    let call = lab.node.call("ADD", &conf, &pod).env("CNI_PATH", &folder);
    let failure = call.run().failure();
    assert_eq!(failure.code, 11, "{failure:?}");
    failure.says(&["stuck-ipam"]);
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
    assert_eq!(pod.netns.links(), Vec::<String>::new());
}

/// An ADD whose IPAM plugin never answers, once it has made its pair: it holds its locks from then on.
fn stuck_add(lab: &Lab, pod: &Pod) -> Running {
    let conf = with(lab.node.conf(), "ipam/type", "stuck-ipam");
    let folder = stuck_plugin(lab);
    let call = lab.node.call("ADD", &conf, pod).env("CNI_PATH", &folder).start();
    eventually("the pair is up", || {
        let up = |text: String| text.contains("UP");
        let pairs = lab.node.host_interfaces();
        let pair = pairs.first()?;
        (up(lab.node.netns().ip(&format!("link show {pair} up"))) && up(pod.netns.ip("link show eth0 up")))
            .then_some(())
    });
    call
}

fn a_del_beside_an_add_of_the_same_container_waits_and_touches_nothing(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    let conf = lab.node.conf();
    let clean = Traces::of(&lab);
    // Two containers of one pod share the host interface, and nothing else.
    let (pod, older) = (
        Pod::kubernetes("default", "web"),
        Pod::kubernetes("default", "web"),
    );
    let mut adding = stuck_add(&lab, &pod);
    let before = Traces::of(&lab);
    let hurried = with(conf.clone(), "timeouts", json!({"del": 1}));
    for (about, named) in [(&pod, pod.container.as_str()), (&older, "host interface")] {
        let failure = lab.node.call("DEL", &hurried, about).run().failure();
        assert_eq!(failure.code, 11, "{failure:?}");
        failure.says(&["another call for", named, "is still running"]);
        before.unchanged(&lab);
    }
    adding.kill();
    drop(adding.wait());
    lab.node.del(&conf, &pod);
    clean.unchanged(&lab);
}
