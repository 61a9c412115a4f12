//! The daemon ends and comes back, asked, killed or as another version: no route is lost on either side, no packet between
//! pods, and the switch never sees a withdrawal.

use integration::fabric::Watched;
use integration::sidecar::{KernelRoute, LEARNED, Sidecar};
use integration::wait::eventually;

use super::bgp_running::{End, nothing_moves, running, started};
use super::bgp_setup::{Make, ONE, lab};

/// One end and one start.
fn survives(make: Make, end: End) {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    let mut running = running(make, &lab, &other);
    nothing_moves(&mut running, &lab, |running| {
        running.comes_back(end);
        drop(running.is_current(&lab));
    });
    running.one.must_live();
    running.two.must_live();
}

#[test]
fn sigterm_at_bird() {
    survives(Make::Bird, End::Asked);
}

#[test]
fn sigkill_at_bird() {
    survives(Make::Bird, End::Killed);
}

#[test]
fn sigterm_at_frr() {
    survives(Make::Frr, End::Asked);
}

#[test]
fn sigkill_at_frr() {
    survives(Make::Frr, End::Killed);
}

#[test]
fn sigterm_at_gobgp() {
    survives(Make::Gobgp, End::Asked);
}

#[test]
fn sigkill_at_gobgp() {
    survives(Make::Gobgp, End::Killed);
}

fn survives_twice(make: Make) {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    let mut running = running(make, &lab, &other);
    nothing_moves(&mut running, &lab, |running| {
        running.comes_back(End::Killed);
        running.comes_back(End::Asked);
        drop(running.is_current(&lab));
    });
}

#[test]
fn twice_in_a_row_at_bird() {
    survives_twice(Make::Bird);
}

#[test]
fn twice_in_a_row_at_frr() {
    survives_twice(Make::Frr);
}

/// What a package manager does: another file under the same name while the old one runs, then a restart.
fn is_upgraded(make: Make) {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    let mut running = started(make, &lab, &other, Sidecar::start_installed);
    nothing_moves(&mut running, &lab, |running| {
        running.one.replace();
        assert!(
            running.one.is_outdated(),
            "it runs from the file that was replaced"
        );
        running.comes_back(End::Asked);
        assert!(!running.one.is_outdated(), "it runs from the new file");
        drop(running.is_current(&lab));
    });
}

#[test]
fn it_is_upgraded_at_bird() {
    is_upgraded(Make::Bird);
}

#[test]
fn it_is_upgraded_at_frr() {
    is_upgraded(Make::Frr);
}

#[test]
fn routes_stay_in_the_kernel_while_it_is_away() {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    let mut running = running(Make::Frr, &lab, &other);
    let before = running.one.routes();
    assert!(before.len() >= 2, "{before:?}");
    running.one.stop();
    assert_eq!(running.one.routes(), before);
    running.first.must_reach(&running.there);
    running.one.run();
    running.tor.up(ONE);
    running.one.kill();
    assert_eq!(running.one.routes(), before);
    running.first.must_reach(&running.there);
}

#[test]
fn a_node_that_leaves_for_good_takes_its_routes_with_it() {
    let lab = lab();
    let other = lab.add_node("worker02", 5);
    let mut running = running(Make::Bird, &lab, &other);
    running.one.withdraw();
    running.tor.loses(&running.block);
    running.two.forgets(&running.block);
    eventually("the kernel has none of its learned routes", || {
        let learned = |route: &KernelRoute| route.metric == LEARNED;
        (!running.one.routes().iter().any(learned)).then_some(())
    });
}
