//! How TLS is spoken with an API server, from a kubeconfig's certificates. kube's own way asks plugins for credentials, too.
#![expect(clippy::disallowed_methods, reason = "edge: reads certificates and keys")]

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kube::Config;
use kube::config::AuthInfo;
use secrecy::ExposeSecret as _;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tower::BoxError;

/// Whom to trust, and who we are.
///
/// # Errors
/// Certificates and keys that cannot be used.
pub(super) fn config(config: &Config) -> Result<ClientConfig, BoxError> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let trusting = builder.with_root_certificates(roots(config.root_cert.as_deref())?);
    let mut tls = match identity(&config.auth_info)? {
        Some((chain, key)) => trusting
            .with_client_auth_cert(chain, key)
            .map_err(|error| format!("client-certificate and client-key: {error}"))?,
        None => trusting.with_no_client_auth(),
    };
    if config.accept_invalid_certs {
        tls.dangerous()
            .set_certificate_verifier(Arc::new(Anybody(provider)));
    }
    Ok(tls)
}

/// The cluster's authority, or the system's where the kubeconfig names none, as kubectl does.
fn roots(given: Option<&[Vec<u8>]>) -> Result<RootCertStore, BoxError> {
    let mut roots = RootCertStore::empty();
    match given {
        Some(certificates) => {
            for certificate in certificates {
                roots
                    .add(CertificateDer::from(certificate.as_slice()))
                    .map_err(|error| format!("certificate-authority: {error}"))?;
            }
        }
        None => {
            let system = rustls_native_certs::load_native_certs().certs;
            if roots.add_parsable_certificates(system).0 == 0 {
                return Err("it names no certificate-authority, and this system trusts none".into());
            }
        }
    }
    Ok(roots)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(user: &AuthInfo) -> Result<Option<Identity>, BoxError> {
    let key = user.client_key_data.as_ref().map(|key| key.expose_secret());
    let certificate = material(
        "client-certificate",
        user.client_certificate_data.as_deref(),
        user.client_certificate.as_deref(),
    )?;
    let key = material("client-key", key, user.client_key.as_deref())?;
    let (Some(certificate), Some(key)) = (certificate, key) else {
        return Ok(None);
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&certificate)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("client-certificate: {error}"))?;
    if chain.is_empty() {
        return Err("client-certificate: holds no certificate in PEM".into());
    }
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| format!("client-key: {error}"))?;
    Ok(Some((chain, key)))
}

/// What stands in the kubeconfig itself, before the file that it names.
fn material(field: &str, data: Option<&str>, file: Option<&str>) -> Result<Option<Vec<u8>>, BoxError> {
    match (data, file) {
        (Some(data), _) => {
            let text: String = data.split_whitespace().collect();
            let decoded = BASE64_STANDARD.decode(text);
            Ok(Some(decoded.map_err(|_| format!("{field}-data: is no base64"))?))
        }
        (None, Some(path)) => {
            let read = std::fs::read(path);
            Ok(Some(read.map_err(|error| format!("{field} {path}: {error}"))?))
        }
        (None, None) => Ok(None),
    }
}

/// `insecure-skip-tls-verify`: whoever answers is believed; that it has its certificate's key is still proven.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
