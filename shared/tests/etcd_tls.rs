//! TLS against a real etcd: what works, and that what does not is named.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "tests: files")]

use std::path::Path;

use shared::model::key::Key;
use shared::store::config::EtcdConfig;
use shared::store::etcd::Etcd;
use shared::store::{Datastore, StoreError};
use shared::txn::{Commit, Txn, Write};

mod support;

use support::certificates::Certificates;
use support::{in_time, read};

async fn refusal(config: &EtcdConfig) -> StoreError {
    read(config, support::PATIENCE)
        .await
        .expect_err("this configuration is wrong")
}

fn names(error: &StoreError, parts: &[&str]) {
    for part in parts {
        assert!(error.to_string().contains(part), "{part} is not in: {error}");
    }
}

async fn another_authority_is_named(made: &Certificates, good: &EtcdConfig, url: &str) {
    let mut wrong = good.clone();
    wrong.ca_cert_file = Some(made.path("stranger.pem"));
    let error = refusal(&wrong).await;
    assert!(matches!(error, StoreError::Refused(_)), "{error}");
    names(
        &error,
        &[
            "etcd_ca_cert_file",
            &made.text("stranger.pem"),
            "UnknownIssuer",
            url,
        ],
    );
}

async fn another_certificate_or_none_is_named(made: &Certificates, good: &EtcdConfig) {
    let mut none = good.clone();
    (none.cert_file, none.key_file) = (None, None);
    names(&refusal(&none).await, &["set etcd_cert_file and etcd_key_file"]);

    let mut strange = good.clone();
    strange.cert_file = Some(made.path("strange.pem"));
    strange.key_file = Some(made.path("strange.key"));
    names(
        &refusal(&strange).await,
        &["does not accept etcd_cert_file", &made.text("strange.pem")],
    );
}

#[tokio::test]
async fn certificates_work_and_a_wrong_one_is_named() {
    in_time(async {
        let made = Certificates::new();
        let member = made.member().await;
        made.authority("stranger");
        made.signed(
            "strange",
            "stranger",
            "extendedKeyUsage=clientAuth",
            &["-days", "2"],
        );
        let good = made.config(&member);
        let store = Etcd::new(good.clone(), support::PATIENCE);
        let mut txn = Txn::default();
        txn.write(Write::Put(Key::stored("/tls/a"), b"1".to_vec()));
        assert!(matches!(store.commit(&txn).await, Ok(Commit::Applied(_))));

        another_authority_is_named(&made, &good, &member.url).await;
        another_certificate_or_none_is_named(&made, &good).await;

        let mut other = good.clone();
        other.endpoints = vec![support::dead_endpoint("https")];
        let error = refusal(&other).await;
        assert!(
            matches!(error, StoreError::Unreachable(_)),
            "nobody listens there: {error}"
        );
    })
    .await;
}

#[tokio::test]
async fn an_expired_certificate_is_named_on_either_side() {
    in_time(async {
        let made = Certificates::new();
        let member = made.member().await;
        made.expired("old", "extendedKeyUsage=clientAuth");
        let mut old = made.config(&member);
        old.cert_file = Some(made.path("old.pem"));
        old.key_file = Some(made.path("old.key"));
        names(&refusal(&old).await, &["etcd_cert_file", &made.text("old.pem")]);

        made.expired("server", &made.of_the_server());
        // etcd reads its certificate anew for every connection.
        let error = refusal(&made.config(&member)).await;
        names(&error, &["etcd_ca_cert_file", "xpired"]);
    })
    .await;
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_and_not_shown() {
    let made = Certificates::new();
    let mut config = EtcdConfig::new(vec![support::dead_endpoint("https")]);
    let set = |config: &mut EtcdConfig, ca: &Path, cert: &Path, key: &Path| {
        config.ca_cert_file = Some(ca.to_owned());
        config.cert_file = Some(cert.to_owned());
        config.key_file = Some(key.to_owned());
    };
    let (ca, cert, key) = (
        made.path("ca.pem"),
        made.path("client.pem"),
        made.path("client.key"),
    );
    let missing = made.path("missing.pem");
    let broken = made.path("broken.key");
    let begin = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    std::fs::write(&broken, begin).unwrap();
    for (files, named) in [
        ((&missing, &cert, &key), ["etcd_ca_cert_file", "missing.pem"]),
        ((&ca, &missing, &key), ["etcd_cert_file", "missing.pem"]),
        ((&ca, &cert, &cert), ["etcd_key_file", "client.pem"]),
        ((&ca, &key, &key), ["etcd_cert_file", "client.key"]),
        ((&ca, &cert, &broken), ["etcd_key_file", "broken.key"]),
    ] {
        set(&mut config, files.0, files.1, files.2);
        let error = refusal(&config).await;
        assert!(matches!(error, StoreError::Config(_)), "{error}");
        names(&error, &named);
        assert!(!error.to_string().contains("c2VjcmV0"), "{error}");
    }
}
