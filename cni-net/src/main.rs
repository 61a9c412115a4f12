//! The interface plugin: a veth pair with Calico's 169.254.1.1 gateway for every pod.
#![expect(
    dead_code,
    reason = "the commands that call these modules come with the next commit"
)]

mod apply;
mod netns;
mod observe;
mod plan;
mod wiring;

fn main() {}
