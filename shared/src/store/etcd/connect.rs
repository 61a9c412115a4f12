//! Edge: one connection to one endpoint. Made at once and whole (TCP, TLS, token), so that a failure here is
//! known to have sent nothing.

use std::io::Write as _;
use std::time::Duration;

use etcd_client::{Channel, Client, ConnectOptions};
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::transport::Endpoint;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceExt as _, service_fn};

use super::super::StoreError;
use super::super::config::EtcdConfig;
use super::super::deadline::Deadline;
use super::failure::{self, Failure, causes};
use super::tls::{self, Tls};

mod body;
mod gathered;

use body::Ended;
use gathered::Gathered;

/// Pings keep a watch from waiting for ever on a server that is gone; etcd allows one every 5 s.
const KEEPALIVE: Duration = Duration::from_secs(10);

impl super::Etcd {
    /// Makes the connection ahead of the first request; a failure is left to that request, at the next endpoint.
    pub async fn dial(&self) {
        if self.client().await.is_err() {
            self.advance();
        }
    }
}

/// Where there are others: a member that takes longer to show that it lives is asked when they have failed, too. One that
/// hangs takes connections and answers nothing.
const SIGN_OF_LIFE: Duration = Duration::from_millis(300);

/// Connects, and authenticates where a user is configured. `hurried`: there are others to ask.
pub(super) async fn dial(
    config: &EtcdConfig,
    tls: &Tls,
    (url, hurried): (&str, bool),
    deadline: &Deadline,
) -> Result<Client, Failure> {
    let endpoint = endpoint(config, tls, url)?;
    let left = deadline.left(|| format!("{url}: no time left to connect"))?;
    let limit = left.min(match hurried {
        true => SIGN_OF_LIFE,
        false => config.connect_timeout,
    });
    let channel = match timeout(limit, connect(&endpoint, config)).await {
        Ok(Ok(channel)) => channel,
        Ok(Err(error)) => {
            let text = format!("{url}: {}", causes(&error));
            return Err(unsent(failure::by_tls(text, config)));
        }
        Err(_) => {
            let text = format!("{url}: no connection within {} ms", limit.as_millis());
            return Err(Failure::Unsent(text));
        }
    };
    if hurried {
        lives(&channel, url).await?;
    }
    let left = deadline.left(|| format!("{url}: no time left to authenticate"))?;
    let limit = left.min(config.request_timeout);
    match timeout(limit, authenticate(&channel, config, url)).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(unsent(failure::of(url, &error, true, config))),
        Err(_) => Err(Failure::Unsent(format!(
            "{url}: no token within {} ms",
            limit.as_millis()
        ))),
    }
}

/// Makes the connection. TLS gathers by itself, and must be able to say at once why it ends.
async fn connect(
    endpoint: &Endpoint,
    config: &EtcdConfig,
) -> Result<tonic::transport::Channel, tonic::transport::Error> {
    if endpoint.uri().scheme_str() == Some("https") {
        return endpoint.connect().await;
    }
    let mut plain = HttpConnector::new();
    plain.enforce_http(false);
    plain.set_nodelay(true);
    plain.set_connect_timeout(Some(config.connect_timeout));
    let gathered = move |uri: Uri| {
        let connected = plain.call(uri);
        async { connected.await.map(Gathered::new) }
    };
    endpoint.connect_with_connector(service_fn(gathered)).await
}

/// The client, with a token where a user is configured.
async fn authenticate(
    channel: &tonic::transport::Channel,
    config: &EtcdConfig,
    url: &str,
) -> Result<Client, etcd_client::Error> {
    // A member without a leader says so at once instead of letting a request time out.
    let plain = ConnectOptions::new().with_require_leader(true);
    let options = match &config.user {
        Some((user, password)) => plain.clone().with_user(user, password),
        None => plain.clone(),
    };
    let client = async |options| Client::from_channel(whole(channel), Some(options)).await;
    match client(options).await {
        // As etcd's own client: a server that knows no users takes everybody.
        Err(error) if config.user.is_some() && failure::says_no_users(&error) => {
            let mut stderr = std::io::stderr().lock();
            let warning = "warning: etcd_username is set, and authentication is not enabled there";
            // A closed stderr is no reason to stop.
            let _ = writeln!(stderr, "{warning}: {url}: going on without user");
            drop(stderr);
            client(plain).await
        }
        other => other,
    }
}

/// The same channel, whose requests end with their last message.
fn whole(channel: &tonic::transport::Channel) -> Channel {
    let channel = channel.clone().map_err(BoxError::from);
    let ended = |request: http::Request<Body>| request.map(|body| Body::new(Ended::new(body)));
    Channel::Custom(BoxCloneSyncService::new(channel.map_request(ended)))
}

/// Whatever it answers, it answers.
async fn lives(channel: &tonic::transport::Channel, url: &str) -> Result<(), Failure> {
    let asked = async {
        let client = Client::from_channel(whole(channel), None).await?;
        client.maintenance_client().status().await
    };
    match timeout(SIGN_OF_LIFE, asked).await {
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::Unsent(format!(
            "{url}: no sign of life within {} ms",
            SIGN_OF_LIFE.as_millis()
        ))),
    }
}

/// Nothing of the request was sent: what is lost here is only the connection.
fn unsent(failure: Failure) -> Failure {
    match failure {
        Failure::Lost(text) | Failure::Token(text) => Failure::Unsent(text),
        Failure::LeaderLost(text) => Failure::NoLeader(text),
        Failure::Unsent(_)
        | Failure::NoLeader(_)
        | Failure::Tls(_)
        | Failure::Handshake(_)
        | Failure::Final(_) => failure,
    }
}

fn endpoint(config: &EtcdConfig, tls: &Tls, url: &str) -> Result<Endpoint, StoreError> {
    let wrong = |error: tonic::transport::Error| {
        let text = causes(&error);
        StoreError::Config(format!("{url}: {text}: check {}", tls::files(config)))
    };
    let endpoint = Endpoint::from_shared(url.to_owned())
        .map_err(|error| StoreError::Config(format!("etcd endpoint {url}: {}", causes(&error))))?
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE / 2);
    if !url.starts_with("https://") {
        return Ok(endpoint);
    }
    let endpoint = endpoint.connect_timeout(config.connect_timeout);
    endpoint.tls_config(tls.get(config)?).map_err(wrong)
}
