use super::*;

#[test]
fn what_an_electing_cluster_says_is_waited_for_and_a_write_repeated_only_if_it_was_not_taken() {
    for (code, text, taken) in [
        (Code::Unavailable, "etcdserver: no leader", false),
        (Code::FailedPrecondition, "etcdserver: not leader", false),
        (Code::Unknown, "raft proposal dropped", false),
        (Code::Unavailable, "etcdserver: leader changed", true),
        (Code::Unavailable, "etcdserver: request timed out", true),
        (
            Code::Unavailable,
            "etcdserver: request timed out, possibly due to previous leader failure",
            true,
        ),
    ] {
        let failure = by_status("http://a", &Status::new(code, text));
        let (waits, said) = match &failure {
            Failure::NoLeader(said) => (Some(false), said.as_str()),
            Failure::LeaderLost(said) => (Some(true), said.as_str()),
            Failure::Unsent(_)
            | Failure::Tls(_)
            | Failure::Lost(_)
            | Failure::Handshake(_)
            | Failure::Token(_)
            | Failure::Final(_) => (None, ""),
        };
        assert!(waits == Some(taken) && said.contains(text), "{failure:?}");
        let mut failures = Failures::default();
        failures.push(failure);
        assert!(failures.electing() && failures.may_pass());
        failures.next_round();
        assert!(!failures.electing(), "each round tells anew");
    }
    let stopped = by_status("http://a", &Status::unavailable("etcdserver: server stopped"));
    assert!(matches!(stopped, Failure::Lost(_)), "{stopped:?}");
}
