//! `make soak`: five nodes at a switch under random pods, faults and edits, for `MANX_MINUTES` from `MANX_SEED`.

use std::time::Duration;

use integration::soak::{Settings, run};

const MINUTES: u64 = 30;

fn main() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    run(Settings {
        time: Duration::from_secs(60 * number("MANX_MINUTES").unwrap_or(MINUTES)),
        seed: number("MANX_SEED").map_or(1, |seed| seed as u32),
        patient: false,
    });
}
