//! Users, permissions and tokens, against a real etcd.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

use shared::model::key::Key;
use shared::store::config::EtcdConfig;
use shared::store::etcd::Etcd;
use shared::store::{Datastore, StoreError};
use shared::txn::{Commit, Reads, Txn, Write};

mod support;

use support::{Member, in_time, run};

fn names(error: &StoreError, parts: &[&str]) {
    for part in parts {
        assert!(error.to_string().contains(part), "{part} is not in: {error}");
    }
}

/// A member with users: root, and one that may touch /calico/ only.
async fn with_users(extra: &[&str]) -> Member {
    let member = support::cluster(1, extra).remove(0);
    support::answers(&[&member]).await;
    member.ctl(&["user", "add", "root:geheim"]);
    member.ctl(&["user", "add", "cni:geheim"]);
    member.ctl(&["role", "add", "calico"]);
    member.ctl(&[
        "role",
        "grant-permission",
        "calico",
        "--prefix=true",
        "readwrite",
        "/calico/",
    ]);
    member.ctl(&["user", "grant-role", "root", "root"]);
    member.ctl(&["user", "grant-role", "cni", "calico"]);
    member.ctl(&["auth", "enable"]);
    member
}

fn user(member: &Member, name: &str, password: &str) -> EtcdConfig {
    let mut config = support::config(std::slice::from_ref(member));
    config.user = Some((name.to_owned(), password.to_owned()));
    config
}

async fn write(store: &Etcd, key: &str) -> Result<Commit, StoreError> {
    let mut txn = Txn::default();
    txn.write(Write::Put(Key::stored(key), b"1".to_vec()));
    store.commit(&txn).await
}

#[tokio::test]
async fn a_user_works_and_a_refusal_says_why() {
    in_time(async {
        let member = with_users(&[]).await;
        let store = Etcd::new(user(&member, "cni", "geheim"), support::PATIENCE);
        assert!(matches!(write(&store, "/calico/a").await, Ok(Commit::Applied(_))));
        let error = write(&store, "/elsewhere").await.unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{error}");
        names(&error, &["permission denied", &member.url]);

        let error = write(
            &Etcd::new(user(&member, "cni", "falsch"), support::PATIENCE),
            "/calico/a",
        )
        .await
        .unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{error}");
        names(&error, &["authentication failed"]);
        assert!(!error.to_string().contains("falsch"), "{error}");

        let nobody = support::config(std::slice::from_ref(&member));
        let error = write(&Etcd::new(nobody, support::PATIENCE), "/calico/a")
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_user_is_no_hindrance_where_there_are_none() {
    in_time(async {
        let member = support::single().await;
        let store = Etcd::new(user(&member, "cni", "geheim"), support::PATIENCE);
        assert!(matches!(write(&store, "/calico/a").await, Ok(Commit::Applied(_))));
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_no_longer_valid_is_renewed() {
    in_time(async {
        let member = with_users(&[]).await;
        let store = Etcd::new(user(&member, "cni", "geheim"), support::PATIENCE);
        assert!(matches!(write(&store, "/calico/a").await, Ok(Commit::Applied(_))));
        // Disabling forgets every token.
        member.ctl(&["--user", "root:geheim", "auth", "disable"]);
        member.ctl(&["auth", "enable"]);
        assert!(matches!(write(&store, "/calico/b").await, Ok(Commit::Applied(_))));
        member.ctl(&["--user", "root:geheim", "auth", "disable"]);
        member.ctl(&["auth", "enable"]);
        let seen = store
            .read(&Reads::new().key(Key::stored("/calico/b")))
            .await
            .unwrap();
        assert_eq!(seen.exists(&Key::stored("/calico/b")), Some(true));
    })
    .await;
}

#[tokio::test]
async fn a_token_of_an_older_revision_is_renewed() {
    in_time(async {
        let made = tempfile::tempdir().unwrap();
        let file = |name: &str| made.path().join(name).display().to_string();
        run(
            "openssl",
            &["genrsa", "-traditional", "-out", &file("jwt.key"), "2048"],
        );
        run(
            "openssl",
            &[
                "rsa",
                "-in",
                &file("jwt.key"),
                "-pubout",
                "-out",
                &file("jwt.pub"),
            ],
        );
        let token = format!(
            "jwt,pub-key={},priv-key={},sign-method=RS256,ttl=10m",
            file("jwt.pub"),
            file("jwt.key")
        );
        let member = with_users(&["--auth-token", &token]).await;
        let store = Etcd::new(user(&member, "cni", "geheim"), support::PATIENCE);
        assert!(matches!(write(&store, "/calico/a").await, Ok(Commit::Applied(_))));
        // Every change of users makes a new revision, and this kind of token carries its own.
        member.ctl(&["--user", "root:geheim", "user", "add", "third:geheim"]);
        assert!(matches!(write(&store, "/calico/b").await, Ok(Commit::Applied(_))));
        member.ctl(&["--user", "root:geheim", "user", "add", "fourth:geheim"]);
        let seen = store
            .read(&Reads::new().key(Key::stored("/calico/b")))
            .await
            .unwrap();
        assert_eq!(seen.exists(&Key::stored("/calico/b")), Some(true));
    })
    .await;
}
