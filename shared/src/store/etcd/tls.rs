//! Edge: the TLS files. Read once per process; errors name the file, never what is in it.
#![expect(clippy::disallowed_methods, reason = "edge: reads certificates")]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use tonic::transport::{ClientTlsConfig, Identity};
use x509_cert::Certificate;

use super::super::StoreError;
use super::super::config::EtcdConfig;

/// What Debian, and most others, call the bundle of the system's authorities.
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The TLS configuration, read when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Tls {
    read: OnceLock<Result<ClientTlsConfig, StoreError>>,
}

impl Tls {
    pub(super) fn get(&self, config: &EtcdConfig) -> Result<ClientTlsConfig, StoreError> {
        self.read.get_or_init(|| read(config)).clone()
    }
}

fn read(config: &EtcdConfig) -> Result<ClientTlsConfig, StoreError> {
    let system = PathBuf::from(SYSTEM);
    let authority = config.ca_cert_file.as_ref().unwrap_or(&system);
    let roots = pem("etcd_ca_cert_file", authority, "CERTIFICATE-----")?;
    let tls = ClientTlsConfig::new().ca_certificate(tonic::transport::Certificate::from_pem(roots));
    let (Some(cert), Some(key)) = (&config.cert_file, &config.key_file) else {
        return Ok(tls);
    };
    let cert = pem("etcd_cert_file", cert, "CERTIFICATE-----")?;
    let key = pem("etcd_key_file", key, "PRIVATE KEY-----")?;
    Ok(tls.identity(Identity::from_pem(cert, key)))
}

/// The file, if it is what the field says.
fn pem(field: &str, path: &Path, wanted: &str) -> Result<Vec<u8>, StoreError> {
    let bytes = std::fs::read(path)
        .map_err(|error| StoreError::Config(format!("{field} {}: {error}", path.display())))?;
    let text = String::from_utf8_lossy(&bytes);
    let begins = |line: &str| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(wanted);
    if text.lines().any(begins) {
        return Ok(bytes);
    }
    Err(StoreError::Config(format!(
        "{field} {}: there is no PEM block \"BEGIN … {wanted}\" in it",
        path.display()
    )))
}

/// Whether the certificates can be read and are valid at this time, without dialling anybody.
pub(in super::super) fn usable(config: &EtcdConfig, now: Duration) -> Result<(), StoreError> {
    if !config
        .endpoints
        .iter()
        .any(|endpoint| endpoint.starts_with("https://"))
    {
        return Ok(());
    }
    read(config)?;
    for (field, file) in [
        ("etcd_ca_cert_file", &config.ca_cert_file),
        ("etcd_cert_file", &config.cert_file),
    ] {
        if let Some(path) = file {
            valid(field, path, now)?;
        }
    }
    Ok(())
}

fn valid(field: &str, path: &Path, now: Duration) -> Result<(), StoreError> {
    let wrong = |what: String| StoreError::Config(format!("{field} {}: {what}", path.display()));
    let bytes = pem(field, path, "CERTIFICATE-----")?;
    let chain = Certificate::load_pem_chain(&bytes).map_err(|error| wrong(error.to_string()))?;
    // A bundle may hold authorities that have expired; one that has not is enough.
    let validity = |certificate: &Certificate| *certificate.tbs_certificate().validity();
    let Some(best) = chain
        .iter()
        .map(validity)
        .max_by_key(|validity| validity.not_after.to_unix_duration())
    else {
        return Err(wrong("there is no certificate in it".to_owned()));
    };
    if best.not_after.to_unix_duration() < now {
        return Err(wrong(format!(
            "the certificate expired at {}; renew it",
            best.not_after
        )));
    }
    if best.not_before.to_unix_duration() > now {
        return Err(wrong(format!(
            "the certificate is valid from {}; is this clock right?",
            best.not_before
        )));
    }
    Ok(())
}

/// The files a TLS configuration was made of, for an error that cannot tell which one is wrong.
pub(super) fn files(config: &EtcdConfig) -> String {
    let named =
        |field: &str, file: &Option<PathBuf>| file.as_ref().map(|file| format!("{field} {}", file.display()));
    [
        named("etcd_ca_cert_file", &config.ca_cert_file),
        named("etcd_cert_file", &config.cert_file),
        named("etcd_key_file", &config.key_file),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
}
