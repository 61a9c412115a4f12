//! A minute of `make soak`, which is half an hour: every fault once at least, and edits between them.

use std::time::Duration;

use integration::soak::{Settings, run};

#[test]
fn pods_that_stay_notice_nothing_of_faults_and_edits_but_of_a_cut_or_reset_on_their_own_nodes() {
    run(Settings {
        time: Duration::from_secs(60),
        seed: 1,
        patient: true,
    });
}
