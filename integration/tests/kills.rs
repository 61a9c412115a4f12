//! SIGKILL at random moments to everything of ours at once: ADD and DEL of both plugins or of `cni-ipam` alone, and the
//! sidecar of their node. What is left is whole, and after the DELs there is nothing. `MANX_KILLS` says how many (`make soak`:
//! 1000), `MANX_SEED` when.

use std::time::Duration;

use integration::audit::audit;
use integration::fabric::{Router, Tor, Watched};
use integration::json::with;
use integration::proxy::spread;
use integration::sidecar::Sidecar;
use integration::traces::Traces;
use integration::wait::eventually;
use integration::{Lab, Pod};
use serde_json::{Value, json};

use super::bgp_setup::{Make, ONE, TOR, block, lab, peer};
use crate::crash::kill_a_child;
use crate::disturbed::number;
use crate::vanished::undisturbed;

const KILLS: u32 = 100;
const NUMBER: u32 = 64_512;
/// The sidecar dies with every so many.
const WITH_THE_SIDECAR: u32 = 5;
/// Of so many one is at `cni-ipam` alone, whose caller has to tell and to clear away.
const OF_THE_ALLOCATOR: u32 = 3;

struct Killer<'a> {
    lab: &'a Lab,
    conf: Value,
    /// The same, with `cni-ipam` as a program.
    program: Value,
    /// How long an undisturbed ADD takes.
    whole: Duration,
    seed: u32,
    hit: u32,
    sidecars: u32,
}

impl Killer<'_> {
    fn moment(&self, number: u32) -> Duration {
        self.whole * (spread(self.seed, number) % 1000) / 1000
    }

    /// A call that is killed in its course, and the sidecar with it every now and then.
    fn kill(&mut self, verb: &str, pod: &Pod, number: u32, sidecar: &mut Sidecar) {
        let alone = number.is_multiple_of(OF_THE_ALLOCATOR);
        let conf = if alone { &self.program } else { &self.conf };
        let mut call = self.lab.node.call(verb, conf, pod).quiet().start();
        std::thread::park_timeout(self.moment(number));
        if number.is_multiple_of(WITH_THE_SIDECAR) {
            sidecar.kill();
            self.sidecars += 1;
        }
        match alone {
            true => kill_a_child(&call),
            false => call.kill(),
        }
        self.hit += u32::from(!call.wait().status.success());
        if number.is_multiple_of(WITH_THE_SIDECAR) {
            sidecar.run();
        }
    }

    /// A pod whose ADD and DEL are killed leaves nothing broken, and after one more DEL nothing at all.
    fn turn(&mut self, turn: u32, sidecar: &mut Sidecar) {
        let pod = match turn % 2 {
            0 => Pod::new(&format!("kill{turn}")),
            _ => Pod::kubernetes("default", &format!("kill{turn}")),
        };
        self.kill("ADD", &pod, 2 * turn, sidecar);
        self.kill("DEL", &pod, 2 * turn + 1, sidecar);
        assert_eq!(audit(self.lab.etcd()), Vec::<String>::new(), "turn {turn}");
        self.lab.node.del(&self.conf, &pod);
        assert_eq!(pod.netns.links(), Vec::<String>::new(), "turn {turn}");
    }
}

/// A pod that stays, answered for by the switch all the while.
fn stays(lab: &Lab, conf: &Value) -> (Pod, String) {
    let pod = Pod::new("stays");
    let address = integration::node::address(&lab.node.add(conf, &pod));
    (pod, block(&address))
}

#[test]
fn both_plugins_and_the_sidecar_killed_at_any_moment_leave_nothing_and_announce_what_is_there() {
    let lab = lab();
    peer(&lab, "tor", TOR, NUMBER);
    let tor: Box<dyn Router> = Make::Bird.start(&lab.leaf, &Tor::new(TOR, NUMBER).knows(ONE, NUMBER));
    let conf = lab.node.conf();
    let (stays, block) = stays(&lab, &conf);
    let mut sidecar = Sidecar::start(&lab, &lab.node, &json!({}));
    tor.learns(&block, ONE);
    let whole = (0..5).map(|_| undisturbed(&lab, &conf)).min().unwrap_or_default();
    let before = Traces::of(&lab);
    let (kills, seed) = (number("MANX_KILLS", KILLS), number("MANX_SEED", 1));
    println!("MANX_KILLS={kills} MANX_SEED={seed}, an ADD takes {whole:?}");
    let mut killer = Killer {
        lab: &lab,
        program: with(conf.clone(), "exec_ipam", true),
        conf: conf.clone(),
        whole,
        seed,
        hit: 0,
        sidecars: 0,
    };
    for turn in 0..kills.div_ceil(2) {
        killer.turn(turn, &mut sidecar);
    }
    println!(
        "{} of {kills} hit a call, {} the sidecar",
        killer.hit, killer.sidecars
    );
    assert!(killer.hit >= kills / 4, "{} of {kills}", killer.hit);
    lab.node.settle(&conf);
    eventually("the switch has the block of what stays", || {
        tor.route(&block, ONE)
    });
    before.unchanged(&lab);
    stays.must_reach(TOR);
    sidecar.must_live();
}
