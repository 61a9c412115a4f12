//! TLS files, users and tokens, against a real etcd; certificates are made by openssl.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "tests: files")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use shared::model::key::Key;
use shared::store::config::EtcdConfig;
use shared::store::etcd::Etcd;
use shared::store::{Datastore, StoreError};
use shared::txn::{Commit, Reads, Txn, Write};
use tempfile::TempDir;

mod support;

use support::{Member, eventually, in_time, read, run};

const LIMIT: Duration = Duration::from_secs(15);

/// Certificates below one directory.
struct Certificates {
    dir: TempDir,
}

impl Certificates {
    fn new() -> Self {
        let made = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        made.authority("ca");
        made.signed("server", "ca", "subjectAltName=IP:127.0.0.1", &["-days", "2"]);
        made.signed("client", "ca", "extendedKeyUsage=clientAuth", &["-days", "2"]);
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn authority(&self, name: &str) {
        let (key, cert) = (
            self.text(&format!("{name}.key")),
            self.text(&format!("{name}.pem")),
        );
        let subject = format!("/CN={name}");
        let what = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ];
        let rest = ["-keyout", &key, "-out", &cert, "-subj", &subject, "-days", "2"];
        run("openssl", &[&what[..], &rest[..]].concat());
    }

    fn signed(&self, name: &str, authority: &str, extension: &str, days: &[&str]) {
        let file = |suffix: &str| self.text(&format!("{name}.{suffix}"));
        std::fs::write(file("ext"), format!("{extension}\n")).unwrap();
        let subject = format!("/CN={name}");
        let (key, csr, cert, ext) = (file("key"), file("csr"), file("pem"), file("ext"));
        let what = [
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ];
        let rest = ["-keyout", &key, "-out", &csr, "-subj", &subject];
        run("openssl", &[&what[..], &rest[..]].concat());
        let ca = self.text(&format!("{authority}.pem"));
        let ca_key = self.text(&format!("{authority}.key"));
        let what = [
            "x509",
            "-req",
            "-in",
            &csr,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-CAcreateserial",
        ];
        let rest = ["-out", &cert, "-extfile", &ext];
        run("openssl", &[&what[..], &rest[..], days].concat());
    }

    /// A member that wants a certificate of everybody.
    async fn member(&self) -> Member {
        let args = [
            "--cert-file",
            &self.text("server.pem"),
            "--key-file",
            &self.text("server.key"),
            "--trusted-ca-file",
            &self.text("ca.pem"),
            "--client-cert-auth",
        ];
        let member = support::cluster(1, "https", &args).await.remove(0);
        let config = self.config(&member);
        eventually("the member answers", async || read(&config, LIMIT).await.is_ok()).await;
        member
    }

    fn config(&self, member: &Member) -> EtcdConfig {
        let mut config = EtcdConfig::new(vec![member.url.clone()]);
        config.ca_cert_file = Some(self.path("ca.pem"));
        config.cert_file = Some(self.path("client.pem"));
        config.key_file = Some(self.path("client.key"));
        config
    }
}

async fn refusal(config: &EtcdConfig) -> StoreError {
    read(config, LIMIT)
        .await
        .expect_err("this configuration is wrong")
}

fn names(error: &StoreError, parts: &[&str]) {
    for part in parts {
        assert!(error.to_string().contains(part), "{part} is not in: {error}");
    }
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
        let store = Etcd::new(good.clone(), LIMIT);
        let mut txn = Txn::default();
        txn.write(Write::Put(Key::stored("/tls/a"), b"1".to_vec()));
        assert!(matches!(store.commit(&txn).await, Ok(Commit::Applied(_))));

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
                &member.url,
            ],
        );

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

        let mut other = good.clone();
        other.endpoints = vec![member.url.replace("127.0.0.1", "127.0.0.2")];
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
        let past = ["-not_before", "20200101000000Z", "-not_after", "20200102000000Z"];
        let member = made.member().await;
        expired(&made, "old", "extendedKeyUsage=clientAuth", &past);
        let mut old = made.config(&member);
        old.cert_file = Some(made.path("old.pem"));
        old.key_file = Some(made.path("old.key"));
        names(&refusal(&old).await, &["etcd_cert_file", &made.text("old.pem")]);

        expired(&made, "server", "subjectAltName=IP:127.0.0.1", &past);
        // etcd reads its certificate anew for every connection.
        let error = refusal(&made.config(&member)).await;
        names(&error, &["etcd_ca_cert_file", "xpired"]);
    })
    .await;
}

/// `openssl x509` before 3.4 cannot date a certificate back; `openssl ca` can.
fn expired(made: &Certificates, name: &str, extension: &str, _past: &[&str]) {
    made.signed(name, "ca", extension, &["-days", "2"]);
    let config = made.text("ca.conf");
    let dir = made.dir.path().display();
    std::fs::write(made.path("index.txt"), "").unwrap();
    std::fs::write(made.path("ca.srl"), "77\n").unwrap();
    std::fs::write(
        &config,
        format!(
            "[ca]\ndefault_ca=d\n[d]\ndatabase={dir}/index.txt\nnew_certs_dir={dir}\nserial={dir}/ca.srl\n\
             default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n"
        ),
    )
    .unwrap();
    let file = |suffix: &str| made.text(&format!("{name}.{suffix}"));
    let (csr, cert, ext) = (file("csr"), file("pem"), file("ext"));
    let (ca, ca_key) = (made.text("ca.pem"), made.text("ca.key"));
    let what = [
        "ca", "-batch", "-notext", "-config", &config, "-in", &csr, "-out", &cert,
    ];
    let rest = ["-cert", &ca, "-keyfile", &ca_key, "-extfile", &ext];
    let dates = ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"];
    run("openssl", &[&what[..], &rest[..], &dates[..]].concat());
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_and_not_shown() {
    let made = Certificates::new();
    let mut config = EtcdConfig::new(vec!["https://127.0.0.1:1".to_owned()]);
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

/// A member with users: root, and one that may touch /calico/ only.
async fn with_users(extra: &[&str]) -> Member {
    let member = support::cluster(1, "http", extra).await.remove(0);
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
    let mut config = EtcdConfig::new(vec![member.url.clone()]);
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
        let store = Etcd::new(user(&member, "cni", "geheim"), LIMIT);
        assert!(matches!(write(&store, "/calico/a").await, Ok(Commit::Applied(_))));
        let error = write(&store, "/elsewhere").await.unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{error}");
        names(&error, &["permission denied", &member.url]);

        let error = write(&Etcd::new(user(&member, "cni", "falsch"), LIMIT), "/calico/a")
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{error}");
        names(&error, &["authentication failed"]);
        assert!(!error.to_string().contains("falsch"), "{error}");

        let nobody = EtcdConfig::new(vec![member.url.clone()]);
        let error = write(&Etcd::new(nobody, LIMIT), "/calico/a").await.unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_no_longer_valid_is_renewed() {
    in_time(async {
        let member = with_users(&[]).await;
        let store = Etcd::new(user(&member, "cni", "geheim"), LIMIT);
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
        let store = Etcd::new(user(&member, "cni", "geheim"), LIMIT);
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
