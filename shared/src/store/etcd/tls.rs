//! Edge: the TLS files. Read once per process; errors name the file, never what is in it.
#![expect(clippy::disallowed_methods, reason = "edge: reads certificates")]

use std::os::unix::fs::MetadataExt as _;
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
#[derive(Clone, Debug, Default)]
pub(super) struct Tls {
    read: OnceLock<Result<ClientTlsConfig, StoreError>>,
}

impl Tls {
    pub(super) fn get(&self, config: &EtcdConfig) -> Result<ClientTlsConfig, StoreError> {
        self.read.get_or_init(|| read(config)).clone()
    }
}

/// What the files hold.
struct Pems {
    roots: Vec<u8>,
    /// Certificate and key.
    client: Option<(Vec<u8>, Vec<u8>)>,
}

fn read(config: &EtcdConfig) -> Result<ClientTlsConfig, StoreError> {
    let Pems { roots, client } = together(config)?;
    let tls = ClientTlsConfig::new().ca_certificate(tonic::transport::Certificate::from_pem(roots));
    Ok(match client {
        Some((cert, key)) => tls.identity(Identity::from_pem(cert, key)),
        None => tls,
    })
}

/// All files of one moment: where they are renewed while they are read (a folder's link is renamed), a certificate would
/// stand beside another one's key.
fn together(config: &EtcdConfig) -> Result<Pems, StoreError> {
    const TURNS: usize = 8;
    for _ in 1..TURNS {
        let before = which(config);
        let found = once(config);
        if which(config) == before {
            return found;
        }
    }
    once(config)
}

/// Which files they are now.
fn which(config: &EtcdConfig) -> Vec<Option<(u64, i64, i64)>> {
    let files = [&config.ca_cert_file, &config.cert_file, &config.key_file];
    let one = |path: &PathBuf| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.ino(), found.mtime(), found.mtime_nsec()))
    };
    files.into_iter().flatten().map(one).collect()
}

fn once(config: &EtcdConfig) -> Result<Pems, StoreError> {
    let system = PathBuf::from(SYSTEM);
    let authority = config.ca_cert_file.as_ref().unwrap_or(&system);
    let roots = pem("etcd_ca_cert_file", authority, "CERTIFICATE-----")?;
    let (Some(cert), Some(key)) = (&config.cert_file, &config.key_file) else {
        return Ok(Pems { roots, client: None });
    };
    let cert = pem("etcd_cert_file", cert, "CERTIFICATE-----")?;
    let key = pem("etcd_key_file", key, "PRIVATE KEY-----")?;
    Ok(Pems {
        roots,
        client: Some((cert, key)),
    })
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

/// When the last of the certificates in a file expires, since 1970.
pub fn expiry(path: &Path) -> Result<Duration, StoreError> {
    let bytes = pem("certificate", path, "CERTIFICATE-----")?;
    let wrong = |what: String| StoreError::Config(format!("{}: {what}", path.display()));
    let chain = Certificate::load_pem_chain(&bytes).map_err(|error| wrong(error.to_string()))?;
    let end = |one: &Certificate| one.tbs_certificate().validity().not_after.to_unix_duration();
    chain
        .iter()
        .map(end)
        .max()
        .ok_or_else(|| wrong("there is no certificate in it".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    /// The files of a number take the place of those of the number before.
    fn renew(root: &Path, number: usize) {
        let set = root.join(format!("set-{number}"));
        fs::create_dir(&set).unwrap();
        for (name, kind) in [
            ("ca", "CERTIFICATE"),
            ("cert", "CERTIFICATE"),
            ("key", "PRIVATE KEY"),
        ] {
            fs::write(set.join(name), format!("-----BEGIN {kind}-----\n{number}\n")).unwrap();
        }
        let new = root.join("new");
        std::os::unix::fs::symlink(&set, &new).unwrap();
        fs::rename(&new, root.join("tls")).unwrap();
        if number > 0 {
            fs::remove_dir_all(root.join(format!("set-{}", number - 1))).unwrap();
        }
    }

    fn are_of_one_number(found: Pems) {
        let Pems { roots, client } = found;
        let number = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().nth(1).map(str::to_owned);
        let (cert, key) = client.unwrap();
        assert_eq!(number(&cert), number(&key));
        assert_eq!(number(&roots), number(&key));
    }

    #[test]
    fn certificates_that_are_renewed_while_they_are_read_belong_together() {
        let root = tempfile::tempdir().unwrap();
        let link = root.path().join("tls");
        renew(root.path(), 0);
        let config = EtcdConfig {
            ca_cert_file: Some(link.join("ca")),
            cert_file: Some(link.join("cert")),
            key_file: Some(link.join("key")),
            ..EtcdConfig::new(vec!["https://a:1".to_owned()])
        };
        let (over, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 1..200 {
                    let read = reads.load(Ordering::SeqCst);
                    renew(root.path(), number);
                    // A renewal is days after the one before; here it is two reads.
                    while reads.load(Ordering::SeqCst) < read + 2 {
                        std::thread::yield_now();
                    }
                }
                over.store(true, Ordering::SeqCst);
            });
            while !over.load(Ordering::SeqCst) {
                are_of_one_number(together(&config).unwrap());
                reads.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
}
