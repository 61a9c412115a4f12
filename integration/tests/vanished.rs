//! A pod's namespace goes away at any moment of its ADD, as when a runtime gives a sandbox up: whatever ADD says, after DEL
//! nothing is left.

use integration::json::with;
use integration::proxy::spread;
use integration::traces::Traces;
use integration::{Kind, Lab, Pod, on_both_stores};

use crate::disturbed::number;

const TURNS: u32 = 40;

on_both_stores!(a_namespace_deleted_at_any_moment_of_an_add_leaves_nothing_after_the_del,);

fn a_namespace_deleted_at_any_moment_of_an_add_leaves_nothing_after_the_del(kind: Kind) {
    let lab = Lab::new(kind);
    lab.pool("pool", "10.0.0.0/24", 26);
    lab.pool("six", "fd00:66::/112", 122);
    let conf = with(lab.node.conf(), "ipam/assign_ipv6", "true");
    let warm = Pod::new("warm");
    let whole = lab.node.call("ADD", &conf, &warm).run().ok().took;
    lab.node.del(&conf, &warm);
    let before = Traces::of(&lab);
    let seed = number("MANX_SEED", 1);
    let mut failed = 0;
    for turn in 0..TURNS {
        let pod = Pod::kubernetes("default", &format!("vanishes{turn}"));
        let adding = lab.node.call("ADD", &conf, &pod).quiet().start();
        std::thread::park_timeout(whole * (spread(seed, turn) % 1000) / 1000);
        pod.netns.delete();
        let answer = adding.wait();
        // It may have been over before.
        if !answer.status.success() {
            drop(answer.failure());
            failed += 1;
        }
        lab.node.del(&conf, &pod);
        before.unchanged(&lab);
    }
    println!("{failed} of {TURNS} ADDs failed, each took {whole:?}: MANX_SEED={seed}");
    // That there is none is told by path.
    let gone = Pod::new("gone");
    gone.netns.delete();
    let failure = lab.node.call("ADD", &conf, &gone).run().failure();
    failure.says(&[&gone.netns.path().display().to_string()]);
    before.unchanged(&lab);
}
