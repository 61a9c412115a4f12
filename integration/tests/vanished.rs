//! A pod's namespace goes away at any moment of its ADD, as when a runtime gives a sandbox up: whatever ADD says, after DEL
//! nothing is left.

use std::time::Duration;

use integration::json::with;
use integration::proxy::spread;
use integration::traces::Traces;
use integration::{Kind, Lab, Pod, on_both_stores};
use serde_json::Value;

use crate::disturbed::number;

const TURNS: u32 = 40;

on_both_stores!(a_namespace_deleted_at_any_moment_of_an_add_leaves_nothing_after_the_del,);

fn a_namespace_deleted_at_any_moment_of_an_add_leaves_nothing_after_the_del(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    lab.pool("six", "fd00:66::/112", 122);
    let conf = with(lab.node.conf(), "ipam/assign_ipv6", "true");
    let whole = (0..5).map(|_| undisturbed(&lab, &conf)).min().unwrap_or_default();
    let before = Traces::of(&lab);
    let seed = number("MANX_SEED", 1);
    let (mut hit, mut failed) = (0, 0);
    for turn in 0..TURNS {
        let pod = Pod::kubernetes("default", &format!("vanishes{turn}"));
        let mut adding = lab.node.call("ADD", &conf, &pod).quiet().start();
        std::thread::park_timeout(whole * (spread(seed, turn) % 1000) / 1000);
        hit += u32::from(!adding.has_ended());
        pod.netns.delete();
        let answer = adding.wait();
        if !answer.status.success() {
            drop(answer.failure());
            failed += 1;
        }
        lab.node.del(&conf, &pod);
        before.unchanged(&lab);
    }
    println!("{hit} of {TURNS} under a running ADD of {whole:?}, {failed} of them failed: MANX_SEED={seed}");
    assert!(hit >= TURNS / 4, "{hit} of {TURNS}");
    // That there is none is told by path.
    let gone = Pod::new("gone");
    gone.netns.delete();
    let failure = lab.node.call("ADD", &conf, &gone).run().failure();
    failure.says(&[&gone.netns.path().display().to_string()]);
    before.unchanged(&lab);
}

/// How long an ADD takes that nobody disturbs.
pub(crate) fn undisturbed(lab: &Lab, conf: &Value) -> Duration {
    let pod = Pod::new("warm");
    let took = lab.node.call("ADD", conf, &pod).run().ok().took;
    lab.node.del(conf, &pod);
    took
}
