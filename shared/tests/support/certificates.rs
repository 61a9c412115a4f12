//! Certificates of every kind, made by openssl, and an etcd member that wants them.
#![expect(clippy::disallowed_methods, reason = "tests: files")]
#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::Ipv4Addr;
use std::path::PathBuf;

use shared::store::config::EtcdConfig;
use tempfile::TempDir;

use super::{Member, PATIENCE, eventually, own_address, read, run};

/// Certificates below one directory, for one member.
pub(crate) struct Certificates {
    dir: TempDir,
    /// The address of the member.
    host: Ipv4Addr,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let made = Self {
            dir: tempfile::tempdir().unwrap(),
            host: own_address(),
        };
        made.authority("ca");
        made.signed("server", "ca", &made.of_the_server(), &["-days", "2"]);
        made.signed("client", "ca", "extendedKeyUsage=clientAuth", &["-days", "2"]);
        made
    }

    /// The extension of a certificate for the member's address.
    pub(crate) fn of_the_server(&self) -> String {
        format!("subjectAltName=IP:{}", self.host)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(crate) fn authority(&self, name: &str) {
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

    pub(crate) fn signed(&self, name: &str, authority: &str, extension: &str, days: &[&str]) {
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
    pub(crate) async fn member(&self) -> Member {
        let args = [
            "--cert-file",
            &self.text("server.pem"),
            "--key-file",
            &self.text("server.key"),
            "--trusted-ca-file",
            &self.text("ca.pem"),
            "--client-cert-auth",
        ];
        let member = super::cluster_at(&[self.host], "https", &args).remove(0);
        let config = self.config(&member);
        eventually("the member answers", async || {
            read(&config, PATIENCE).await.is_ok()
        })
        .await;
        member
    }

    pub(crate) fn config(&self, member: &Member) -> EtcdConfig {
        let mut config = super::config(std::slice::from_ref(member));
        config.ca_cert_file = Some(self.path("ca.pem"));
        config.cert_file = Some(self.path("client.pem"));
        config.key_file = Some(self.path("client.key"));
        config
    }

    /// Valid for a day in 2020. `openssl x509` before 3.4 cannot date a certificate back; `openssl ca` can.
    pub(crate) fn expired(&self, name: &str, extension: &str) {
        self.signed(name, "ca", extension, &["-days", "2"]);
        let config = self.text("ca.conf");
        let dir = self.dir.path().display();
        std::fs::write(self.path("index.txt"), "").unwrap();
        std::fs::write(self.path("ca.srl"), "77\n").unwrap();
        std::fs::write(
        &config,
        format!(
            "[ca]\ndefault_ca=d\n[d]\ndatabase={dir}/index.txt\nnew_certs_dir={dir}\nserial={dir}/ca.srl\n\
             default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n"
        ),
    )
    .unwrap();
        let file = |suffix: &str| self.text(&format!("{name}.{suffix}"));
        let (csr, cert, ext) = (file("csr"), file("pem"), file("ext"));
        let (ca, ca_key) = (self.text("ca.pem"), self.text("ca.key"));
        let what = [
            "ca", "-batch", "-notext", "-config", &config, "-in", &csr, "-out", &cert,
        ];
        let rest = ["-cert", &ca, "-keyfile", &ca_key, "-extfile", &ext];
        let dates = ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"];
        run("openssl", &[&what[..], &rest[..], &dates[..]].concat());
    }
}
