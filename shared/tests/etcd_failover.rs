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
use support::{Member, client, eventually, free_port, in_time};

const LIMIT: Duration = Duration::from_secs(20);

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

/// Every member is the first choice of some of these clients.
async fn many_claims(members: &[Member], round: &str) -> Duration {
    let mut longest = Duration::ZERO;
    for number in 0..9 {
        let begin = Instant::now();
        let store = client(members, LIMIT);
        claim(&store, &format!("{round}-{number}")).await.unwrap();
        longest = longest.max(begin.elapsed());
    }
    longest
}

#[tokio::test]
async fn a_killed_member_costs_nothing_a_stopped_one_its_timeout() {
    in_time(async {
        let mut members = support::three().await;
        many_claims(&members, "all").await;
        members[1].kill();
        // The first calls may meet an election.
        many_claims(&members, "election").await;
        let killed = many_claims(&members, "killed").await;
        assert!(killed < Duration::from_secs(1), "{killed:?}");
        members[1].restart();
        support::answers(&[&members[1]]).await;
        members[0].signal("STOP");
        many_claims(&members, "stopped-election").await;
        let stopped = many_claims(&members, "stopped").await;
        assert!(stopped < Duration::from_secs(5), "{stopped:?}");
        members[0].signal("CONT");
    })
    .await;
}

#[tokio::test]
async fn a_refused_endpoint_is_passed_over() {
    in_time(async {
        let member = support::single().await;
        for _ in 0..6 {
            let dead = format!("http://127.0.0.1:{}", free_port());
            let store = Etcd::new(EtcdConfig::new(vec![dead, member.url.clone()]), LIMIT);
            let mut txn = Txn::default();
            txn.write(Write::Put(key("refused"), b"1".to_vec()));
            // A commit as the first request: what was never sent is sent elsewhere, not ambiguous.
            assert!(matches!(store.commit(&txn).await, Ok(Commit::Applied(_))));
        }
    })
    .await;
}

#[tokio::test]
async fn with_all_members_down_the_error_names_each_and_the_deadline_holds() {
    in_time(async {
        let dead: Vec<String> = (0..3)
            .map(|_| format!("http://127.0.0.1:{}", free_port()))
            .collect();
        let store = Etcd::new(EtcdConfig::new(dead.clone()), LIMIT);
        let start = Instant::now();
        let error = store.read(&Reads::new()).await.unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        assert!(matches!(error, StoreError::Unreachable(_)), "{error}");
        for url in &dead {
            assert!(error.to_string().contains(url), "{url} is not in: {error}");
        }
        assert!(error.to_string().contains("refused"), "{error}");

        let members = support::three().await;
        members.iter().for_each(|member| member.signal("STOP"));
        let limit = Duration::from_millis(2500);
        let store = client(&members, limit);
        let start = Instant::now();
        let error = store.read(&Reads::new()).await.unwrap_err();
        let took = start.elapsed();
        assert!(took >= Duration::from_secs(2) && took < limit * 2, "{took:?}");
        assert!(matches!(error, StoreError::Deadline { .. }), "{error}");
        assert!(error.to_string().contains("2500 ms"), "{error}");
        assert!(error.to_string().contains("no answer within"), "{error}");
        members.iter().for_each(|member| member.signal("CONT"));
    })
    .await;
}

#[tokio::test]
async fn a_member_without_a_leader_says_so_at_once() {
    in_time(async {
        let mut members = support::three().await;
        members[0].kill();
        members[1].kill();
        let store = || client(&members[2..], LIMIT);
        // Until the member has noticed that the others are gone, it only lets requests time out.
        eventually("the member has no leader", async || {
            let error = store().read(&Reads::new()).await;
            matches!(error, Err(StoreError::Unreachable(text)) if text.contains("no leader"))
        })
        .await;
        let mut txn = Txn::default();
        txn.write(Write::Put(key("leaderless"), b"1".to_vec()));
        let start = Instant::now();
        let error = store().commit(&txn).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Unreachable(_)),
            "nothing was sent: {error}"
        );
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
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
            config.request_timeout = Duration::from_millis(500);
            let store = Etcd::new(config.clone(), LIMIT);
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
            assert!(proxy.has_lost());
            if loss == Loss::Swallow {
                // The request went through, the reply did not: the key is there.
                assert_eq!(claim(&store, &name).await, Ok("found"));
            }
            // The whole loop: read, lose the Txn's reply, read again, know.
            let before = member.ctl(&["get", "--prefix", "/failover/", "--keys-only"]);
            let name = format!("loop-{loss:?}");
            let outcome = lossy_claim(&Etcd::new(config, LIMIT), &proxy, loss, &name).await;
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
        let store = client(std::slice::from_ref(&member), LIMIT);
        assert_eq!(claim(&store, "restart").await, Ok("written"));
        member.restart();
        support::answers(&[&member]).await;
        assert_eq!(claim(&store, "restart").await, Ok("found"));
        assert_eq!(claim(&store, "restarted").await, Ok("written"));
    })
    .await;
}
