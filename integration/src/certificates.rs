//! Edge: certificates made by openssl: etcd's own, a node's, and those of an authority that nobody trusts.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::json::with;
use crate::process::Cmd;
use crate::require;

/// Certificates in a folder of their own, for one etcd server.
pub struct Certificates {
    dir: TempDir,
}

impl Certificates {
    /// For a server at this address: `ca`, `server` and `client`, and a `stranger` with a client `strange`.
    pub fn new(host: &str) -> Self {
        let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("temporary folder: {error}"));
        let made = Self { dir };
        for authority in ["ca", "stranger"] {
            let subject = format!("/CN={authority}");
            made.request(authority, &subject, (&["-x509", "-days", "2", "-out"], "pem"));
        }
        made.signed("server", "ca", &format!("subjectAltName=IP:{host}"));
        made.signed("client", "ca", "extendedKeyUsage=clientAuth");
        made.signed("strange", "stranger", "extendedKeyUsage=clientAuth");
        made
    }

    /// A client more, by name; or a new key and certificate in place of a client's.
    pub fn renew(&self, client: &str) {
        self.signed(client, "ca", "extendedKeyUsage=clientAuth");
    }

    /// One more of the authority, in files of this name, for this subject, with this extension.
    pub fn issue(&self, name: &str, subject: &str, extension: &str) {
        self.request(name, subject, (&["-out"], "csr"));
        self.sign(name, "ca", extension);
    }

    /// The path of a file: `ca.pem`, `client.key` …
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// A netconf that trusts this authority and shows this certificate.
    pub fn conf(&self, conf: Value, authority: &str, client: &str) -> Value {
        let files = [
            ("etcd_ca_cert_file", format!("{authority}.pem")),
            ("etcd_cert_file", format!("{client}.pem")),
            ("etcd_key_file", format!("{client}.key")),
        ];
        files.into_iter().fold(conf, |conf, (field, file)| {
            with(conf, field, self.path(&file).display().to_string())
        })
    }

    fn request(&self, name: &str, subject: &str, (more, ending): (&[&str], &str)) {
        let (key, out) = (
            self.path(&format!("{name}.key")),
            self.path(&format!("{name}.{ending}")),
        );
        openssl()
            .args([
                "req",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
            ])
            .args(["-subj", subject])
            .args([Path::new("-keyout"), &key])
            .args(more)
            .args([out])
            .ok();
    }

    fn signed(&self, name: &str, authority: &str, extension: &str) {
        self.request(name, &format!("/CN={name}"), (&["-out"], "csr"));
        self.sign(name, authority, extension);
    }

    fn sign(&self, name: &str, authority: &str, extension: &str) {
        let file = |name: &str, ending: &str| self.path(&format!("{name}.{ending}"));
        let extensions = file(name, "ext");
        std::fs::write(&extensions, format!("{extension}\n"))
            .unwrap_or_else(|error| panic!("{}: {error}", extensions.display()));
        openssl()
            .args(["x509", "-req", "-days", "2", "-CAcreateserial"])
            .args([Path::new("-in"), &file(name, "csr")])
            .args([Path::new("-CA"), &file(authority, "pem")])
            .args([Path::new("-CAkey"), &file(authority, "key")])
            .args([Path::new("-extfile"), &extensions])
            .args([Path::new("-out"), &file(name, "pem")])
            .ok();
    }
}

fn openssl() -> Cmd {
    Cmd::new(require::tool("openssl")).label("openssl").quiet()
}
