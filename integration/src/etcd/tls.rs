//! A cluster that speaks TLS as well.

use super::Etcd;
use crate::certificates::Certificates;

impl Etcd {
    pub(super) fn tls_arguments(&self) -> Vec<String> {
        let Some(tls) = &self.tls else {
            return Vec::new();
        };
        let file = |name: &str| tls.path(name).display().to_string();
        let files = [
            ("--cert-file", file("server.pem")),
            ("--key-file", file("server.key")),
            ("--trusted-ca-file", file("ca.pem")),
        ];
        let flags = files.into_iter().flat_map(|(flag, file)| [flag.to_owned(), file]);
        flags.chain(["--client-cert-auth".to_owned()]).collect()
    }

    /// [`Etcd::endpoints`] over TLS, and the certificates, in a cluster that was started with some.
    pub fn secured(&self) -> (String, &Certificates) {
        let url = |index| format!("https://{}:{}", self.host, port(index));
        let urls: Vec<_> = (0..self.number().0).map(url).collect();
        let tls = self.tls.as_ref();
        (
            urls.join(","),
            tls.unwrap_or_else(|| panic!("this etcd has no certificates")),
        )
    }
}

/// Beside the plain one.
pub(super) fn port(index: usize) -> usize {
    2378 + 100 * index
}
