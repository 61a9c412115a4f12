//! A connection for each request, by HTTP/1.1. kube's own stack has a pool, HTTP/2, retries, plugins for credentials and a
//! language for paths in JSON, which a few GETs have no use for.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{AUTHORIZATION, HOST};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use kube::client::{Body, ConfigExt as _};
use kube::{Client, Config};
use secrecy::ExposeSecret as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tower::{BoxError, Layer as _, Service};

use super::tls;

/// The client; it has dialled nobody.
///
/// # Errors
/// Certificates, keys and credentials that cannot be used.
pub(super) fn client(config: &Config) -> Result<Client, BoxError> {
    let dialler = Dialler {
        tls: secured(config)?,
        authorization: authorization(config)?,
    };
    let service = config.extra_headers_layer()?.layer(dialler);
    let service = config.base_uri_layer().layer(service);
    Ok(Client::new(service, config.default_namespace.clone()))
}

/// How TLS is spoken, and the name the server must prove; nothing for `http`.
fn secured(config: &Config) -> Result<Option<(TlsConnector, ServerName<'static>)>, BoxError> {
    if config.cluster_url.scheme_str() != Some("https") {
        return Ok(None);
    }
    let named = config.tls_server_name.as_deref();
    let name = named.or(config.cluster_url.host()).unwrap_or_default();
    let name = ServerName::try_from(bare(name).to_owned())?;
    let tls = Arc::new(tls::config(config)?);
    Ok(Some((TlsConnector::from(tls), name)))
}

/// An IPv6 address without its brackets.
fn bare(host: &str) -> &str {
    let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.unwrap_or(host)
}

/// Who asks, where a certificate does not say so.
fn authorization(config: &Config) -> Result<Option<HeaderValue>, BoxError> {
    let user = &config.auth_info;
    let text = match (&user.token, &user.username, &user.password) {
        (Some(token), ..) => format!("Bearer {}", token.expose_secret()),
        (None, Some(name), Some(password)) => {
            let both = format!("{name}:{}", password.expose_secret());
            format!(
                "Basic {}",
                base64::Engine::encode(&base64::prelude::BASE64_STANDARD, both)
            )
        }
        (None, ..) => return Ok(None),
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| "the token is not one line of text")?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// Makes a connection, asks, and hands the answer on as it comes.
#[derive(Clone)]
struct Dialler {
    tls: Option<(TlsConnector, ServerName<'static>)>,
    authorization: Option<HeaderValue>,
}

impl Service<Request<Body>> for Dialler {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let dialler = self.clone();
        Box::pin(dialler.ask(request))
    }
}

impl Dialler {
    async fn ask(self, mut request: Request<Body>) -> Result<Response<Incoming>, BoxError> {
        let uri = request.uri().clone();
        let authority = uri.authority().ok_or("the server's URL names no host")?;
        request
            .headers_mut()
            .insert(HOST, HeaderValue::from_str(authority.as_str())?);
        if let Some(value) = self.authorization {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        // RFC 9112 §3.2.1: the host stands in its header.
        let path = uri.path_and_query().cloned();
        *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        let port = if self.tls.is_some() { 443 } else { 80 };
        let host = bare(authority.host());
        let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(port))).await?;
        stream.set_nodelay(true)?;
        match self.tls {
            Some((tls, name)) => exchange(TokioIo::new(tls.connect(name, stream).await?), request).await,
            None => exchange(TokioIo::new(stream), request).await,
        }
    }
}

async fn exchange(
    stream: impl Read + Write + Unpin + Send + 'static,
    request: Request<Body>,
) -> Result<Response<Incoming>, BoxError> {
    let (mut sender, connection) = handshake(stream).await?;
    // It ends with the answer's last octet: nobody holds its sender then.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}
