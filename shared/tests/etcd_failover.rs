//! What happens when members of an etcd cluster, or replies, go missing.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "tests: the clock")]

use std::time::{Duration, Instant};

use shared::model::key::Key;
use shared::store::config::EtcdConfig;
use shared::store::etcd::Etcd;
use shared::store::{Datastore, StoreError, TransactError, transact};
use shared::txn::{Commit, Decision, Guard, Reads, Txn, Write};

mod support;

use support::proxy::{Loss, Proxy};
use support::{Member, PATIENCE, client, dead_endpoint, eventually, in_time, quick};

fn key(name: &str) -> Key {
    Key::stored(format!("/failover/{name}"))
}

/// Writes a key of its own once; recognises it.
async fn claim(store: &Etcd, name: &str) -> Result<&'static str, TransactError<String>> {
    let key = key(name);
    transact(store, Reads::new().key(key.clone()), |snapshot| {
        if snapshot.get(&key).is_some() {
            return Ok(Decision::Done("found"));
        }
        let mut txn = Txn::default();
        txn.guard(snapshot.guard(&key));
        txn.write(Write::Put(key.clone(), b"mine".to_vec()));
        Ok(Decision::Commit(txn, "written"))
    })
    .await
}

/// A client as the plugins have it: a second to connect, two for a request.
fn plugin(members: &[Member]) -> Etcd {
    let endpoints = members.iter().map(|member| member.url.clone()).collect();
    Etcd::new(EtcdConfig::new(endpoints), PATIENCE)
}

/// Every member is the first choice of some of these clients. The longest of their calls.
async fn many_claims(members: &[Member], round: &str) -> Duration {
    let mut longest = Duration::ZERO;
    for number in 0..9 {
        let begin = Instant::now();
        claim(&plugin(members), &format!("{round}-{number}"))
            .await
            .unwrap();
        longest = longest.max(begin.elapsed());
    }
    longest
}

/// Of several rounds one is as quick as that: the first may meet an election, and any of them a busy machine.
async fn a_round_within(limit: Duration, members: &[Member], name: &str) {
    let mut round = 0;
    eventually(&format!("{name}: no call takes {limit:?}"), async || {
        round += 1;
        many_claims(members, &format!("{name}-{round}")).await < limit
    })
    .await;
}

#[tokio::test]
async fn a_killed_member_costs_nothing_a_stopped_one_its_timeout() {
    in_time(async {
        let mut members = support::three().await;
        a_round_within(Duration::from_secs(1), &members, "all").await;
        members[1].kill();
        a_round_within(Duration::from_secs(1), &members, "killed").await;
        members[1].restart();
        support::answers(&[&members[1]]).await;
        members[0].signal("STOP");
        a_round_within(Duration::from_secs(2), &members, "stopped").await;
        members[0].signal("CONT");
    })
    .await;
}

#[tokio::test]
async fn a_refused_endpoint_is_passed_over() {
    in_time(async {
        let member = support::single().await;
        for _ in 0..6 {
            let mut config = support::config(std::slice::from_ref(&member));
            config.endpoints.insert(0, dead_endpoint("http"));
            let store = Etcd::new(config, PATIENCE);
            let mut txn = Txn::default();
            txn.write(Write::Put(key("refused"), b"1".to_vec()));
            // A commit as the first request: what was never sent is sent elsewhere, not ambiguous.
            assert!(matches!(store.commit(&txn).await, Ok(Commit::Applied(_))));
        }
    })
    .await;
}

#[tokio::test]
async fn with_all_members_down_the_error_names_each_and_comes_soon() {
    in_time(async {
        let dead: Vec<String> = (0..3).map(|_| dead_endpoint("http")).collect();
        quick("three refusals", Duration::from_secs(3), async || {
            let store = Etcd::new(EtcdConfig::new(dead.clone()), PATIENCE);
            let error = store.read(&Reads::new()).await.unwrap_err();
            assert!(matches!(error, StoreError::Unreachable(_)), "{error}");
            for url in &dead {
                assert!(error.to_string().contains(url), "{url} is not in: {error}");
            }
            assert!(error.to_string().contains("refused"), "{error}");
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn with_all_members_stopped_the_deadline_holds() {
    in_time(async {
        let members = support::three().await;
        members.iter().for_each(|member| member.signal("STOP"));
        let limit = Duration::from_millis(2500);
        let endpoints: Vec<String> = members.iter().map(|member| member.url.clone()).collect();
        quick("three members that do not answer", limit * 2, async || {
            let store = Etcd::new(EtcdConfig::new(endpoints.clone()), limit);
            let start = Instant::now();
            let error = store.read(&Reads::new()).await.unwrap_err();
            assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
            assert!(matches!(error, StoreError::Deadline { .. }), "{error}");
            assert!(error.to_string().contains("2500 ms"), "{error}");
            assert!(error.to_string().contains("no answer within"), "{error}");
        })
        .await;
        members.iter().for_each(|member| member.signal("CONT"));
    })
    .await;
}

/// Two of three members are away, and the third has noticed.
async fn leaderless(members: &[Member]) {
    eventually("the member has no leader", async || {
        let outcome = plugin(&members[2..]).read(&Reads::new()).await;
        matches!(outcome, Err(StoreError::Unreachable(text)) if text.contains("no leader"))
    })
    .await;
}

#[tokio::test]
async fn a_member_without_a_leader_is_given_two_elections_time_and_then_named() {
    in_time(async {
        let mut members = support::three().await;
        members[0].kill();
        members[1].kill();
        leaderless(&members).await;
        let mut txn = Txn::default();
        txn.write(Write::Put(key("leaderless"), b"1".to_vec()));
        let start = Instant::now();
        let error = plugin(&members[2..]).commit(&txn).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Unreachable(text) if text.contains("no leader")),
            "nothing was sent: {error}"
        );
        assert!(start.elapsed() >= ELECTION, "{:?}", start.elapsed());
        // The deadline of the call holds all the same.
        let limit = Duration::from_secs(1);
        quick("a deadline below the election's time", ELECTION, async || {
            let store = Etcd::new(support::config(&members[2..]), limit);
            let error = store.commit(&txn).await.unwrap_err();
            assert!(matches!(error, StoreError::Deadline { .. }), "{error}");
        })
        .await;
    })
    .await;
}

/// How long a call waits for a leader.
const ELECTION: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_write_that_meets_an_election_waits_for_the_leader_and_happens_once() {
    in_time(async {
        let members = support::three().await;
        let mut round = 0;
        // On a busy machine an election may take longer than a call waits; then the call must have waited.
        eventually("a write outlasts an election", async || {
            round += 1;
            let name = format!("outlasts-{round}");
            members[..2].iter().for_each(|member| member.signal("STOP"));
            leaderless(&members).await;
            let store = plugin(&members[2..]);
            let start = Instant::now();
            let wake = async { members[..2].iter().for_each(|member| member.signal("CONT")) };
            let (outcome, ()) = tokio::join!(claim(&store, &name), wake);
            if let Err(error) = outcome {
                assert!(start.elapsed() >= ELECTION, "{:?}: {error}", start.elapsed());
                return false;
            }
            assert_eq!(outcome, Ok("written"));
            let stored = members[2].ctl(&["get", &format!("/failover/{name}"), "-w", "json"]);
            assert!(stored.contains("\"version\":1,"), "written once: {stored}");
            true
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_lost_reply_is_ambiguous_and_transact_finds_out() {
    in_time(async {
        let member = support::single().await;
        let proxy = Proxy::start(member.endpoint());
        for loss in [Loss::Swallow, Loss::Cut] {
            let name = format!("{loss:?}");
            let mut config = EtcdConfig::new(vec![proxy.url.clone()]);
            config.request_timeout = Duration::from_secs(1);
            let store = Etcd::new(config.clone(), PATIENCE);
            store.read(&Reads::new()).await.unwrap();
            proxy.lose(loss);
            let mut txn = Txn::default();
            txn.guard(Guard::Absent(key(&name)));
            txn.write(Write::Put(key(&name), b"mine".to_vec()));
            let outcome = store.commit(&txn).await;
            assert!(
                matches!(outcome, Err(StoreError::Ambiguous(_))),
                "{loss:?}: {outcome:?}"
            );
            eventually("the reply is lost", async || proxy.has_lost()).await;
            if loss == Loss::Swallow {
                // The request went through, the reply did not.
                let stored = async || member.ctl(&["get", key(&name).as_str()]).contains("mine");
                eventually("the key is there", stored).await;
                assert_eq!(claim(&store, &name).await, Ok("found"));
            }
            // The whole loop: read, lose the Txn's reply, read again, know.
            let before = member.ctl(&["get", "--prefix", "/failover/", "--keys-only"]);
            let name = format!("loop-{loss:?}");
            let outcome = lossy_claim(&Etcd::new(config, PATIENCE), &proxy, loss, &name).await;
            assert!(matches!(outcome, "found" | "written"), "{outcome}");
            let after = member.ctl(&["get", "--prefix", "/failover/", "--keys-only"]);
            assert_eq!(after.replace(&format!("/failover/{name}\n\n"), ""), before);
            let version = member.ctl(&["get", &format!("/failover/{name}"), "-w", "json"]);
            assert!(version.contains("\"version\":1,"), "written once: {version}");
        }
    })
    .await;
}

/// As [`claim`], and the reply to its first Txn is lost.
async fn lossy_claim(store: &Etcd, proxy: &Proxy, loss: Loss, name: &str) -> &'static str {
    let key = key(name);
    let mut tries = 0;
    let outcome = transact(store, Reads::new().key(key.clone()), |snapshot| {
        if snapshot.get(&key).is_some() {
            return Ok::<_, String>(Decision::Done("found"));
        }
        tries += 1;
        if tries == 1 {
            proxy.lose(loss);
        }
        let mut txn = Txn::default();
        txn.guard(snapshot.guard(&key));
        txn.write(Write::Put(key.clone(), b"mine".to_vec()));
        Ok(Decision::Commit(txn, "written"))
    });
    outcome.await.unwrap()
}

#[tokio::test]
async fn a_server_that_restarts_between_two_calls_is_asked_again() {
    in_time(async {
        let mut member = support::single().await;
        let store = client(std::slice::from_ref(&member));
        assert_eq!(claim(&store, "restart").await, Ok("written"));
        member.restart();
        support::answers(&[&member]).await;
        assert_eq!(claim(&store, "restart").await, Ok("found"));
        assert_eq!(claim(&store, "restarted").await, Ok("written"));
    })
    .await;
}
