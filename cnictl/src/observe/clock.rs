//! etcd's clock: the Date of its `/health` (RFC 9110 §6.6.1), by HTTP/1.1 as a person would ask with curl.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::fmt::rfc2822;
use shared::store::config::EtcdConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::ByName;

/// For one endpoint.
const LIMIT: Duration = Duration::from_secs(2);
/// An answer of `/health` has a few hundred octets.
const LONGEST: u64 = 8192;

/// By how many seconds each endpoint's clock is ahead of `now`, and why that is not known of others.
pub(super) async fn ahead(etcd: &EtcdConfig, now: Duration) -> (ByName<i64>, Vec<String>) {
    let (mut clocks, mut unknown) = (ByName::new(), Vec::new());
    for endpoint in &etcd.endpoints {
        let asked = timeout(LIMIT, date(etcd, endpoint)).await;
        match asked.unwrap_or_else(|_| Err("no answer".to_owned())) {
            Ok(there) => {
                let here = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
                clocks.insert(endpoint.clone(), there - here);
            }
            Err(why) => unknown.push(format!("{endpoint}: {why}")),
        }
    }
    (clocks, unknown)
}

async fn date(etcd: &EtcdConfig, endpoint: &str) -> Result<i64, String> {
    let told = |error: std::io::Error| error.to_string();
    let (scheme, place) = endpoint.split_once("://").unwrap_or(("http", endpoint));
    let place = place.trim_end_matches('/');
    let stream = TcpStream::connect(place).await.map_err(told)?;
    let head = if scheme == "https" {
        let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .map_err(|error| error.to_string())?;
        let connector = TlsConnector::from(Arc::new(tls(etcd)?));
        health(connector.connect(name, stream).await.map_err(told)?, place).await
    } else {
        health(stream, place).await
    };
    let head = head.map_err(told)?;
    let line = head.lines().find_map(|line| line.strip_prefix("Date: "));
    let line = line.ok_or("it says no Date")?;
    let time = rfc2822::DateTimeParser::new().parse_timestamp(line.trim());
    Ok(time.map_err(|error| error.to_string())?.as_second())
}

async fn health(mut stream: impl AsyncRead + AsyncWrite + Unpin, host: &str) -> std::io::Result<String> {
    let request = format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let read = stream.take(LONGEST).read_to_end(&mut answer).await;
    // A server that ends TLS without a goodbye has answered all the same.
    match read {
        Err(error) if answer.is_empty() => Err(error),
        Ok(_) | Err(_) => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

fn tls(etcd: &EtcdConfig) -> Result<ClientConfig, String> {
    let read = |file: &Path| fs::read(file).map_err(|error| format!("{}: {error}", file.display()));
    let mut roots = RootCertStore::empty();
    if let Some(file) = &etcd.ca_cert_file {
        for certificate in CertificateDer::pem_slice_iter(&read(file)?).flatten() {
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
    }
    let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = versions.with_root_certificates(roots);
    let (Some(certificate), Some(key)) = (&etcd.cert_file, &etcd.key_file) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(certificate)?)
        .flatten()
        .collect();
    let key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| error.to_string())?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| error.to_string())
}
