//! What a failed try means: for the next endpoint, for the request's fate, for whoever reads the error.

use std::error::Error as _;

use etcd_client::Error;
use tonic::{Code, Status};

use super::super::StoreError;
use super::super::config::EtcdConfig;

/// Part of etcd's text when a revision is gone.
pub(super) const COMPACTED: &str = "required revision has been compacted";

/// Part of etcd's text when the user has not the right.
pub(super) const DENIED: &str = "permission denied";

/// A failed try at one endpoint.
#[derive(Debug)]
pub(super) enum Failure {
    /// Certainly not sent, or refused before anything was done: the next endpoint may be asked.
    Unsent(String),
    /// Not carried out, since the cluster has no leader at the moment: it will have one within seconds.
    NoLeader(String),
    /// Not sent, and TLS is why: waiting does not help, another endpoint might.
    Tls(String),
    /// Sent, and no answer came: it may have been carried out.
    Lost(String),
    /// Taken, and the leader was lost over it: it may have been carried out, and there will be another leader soon.
    LeaderLost(String),
    /// The same as the first thing on a TLS connection: in TLS 1.3 a server that does not accept our certificate
    /// says so only now, and its alert is easily lost with the connection.
    Handshake(String),
    /// The token is no longer valid; nothing was done.
    Token(String),
    /// No endpoint will say otherwise.
    Final(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Final(error)
    }
}

/// The failures of one call, one text per endpoint and reason.
#[derive(Default)]
pub(super) struct Failures {
    texts: Vec<String>,
    transient: bool,
    tls: bool,
    electing: bool,
}

impl Failures {
    /// All endpoints are asked once more.
    pub(super) fn next_round(&mut self) {
        self.electing = false;
    }

    /// Whether a member said in this round that there is no leader.
    pub(super) fn electing(&self) -> bool {
        self.electing
    }

    pub(super) fn push(&mut self, failure: Failure) {
        self.electing |= matches!(failure, Failure::NoLeader(_) | Failure::LeaderLost(_));
        let text = match failure {
            Failure::Tls(text) => {
                self.tls = true;
                text
            }
            Failure::Handshake(text) => text,
            Failure::Unsent(text)
            | Failure::NoLeader(text)
            | Failure::Lost(text)
            | Failure::LeaderLost(text)
            | Failure::Token(text) => {
                self.transient = true;
                text
            }
            Failure::Final(error) => error.to_string(),
        };
        if !self.texts.contains(&text) {
            self.texts.push(text);
        }
    }

    /// Whether another try may help: not if TLS alone stands in the way.
    pub(super) fn may_pass(&self) -> bool {
        self.transient || !self.tls
    }

    pub(super) fn text(&self) -> String {
        self.texts.join("; ")
    }

    /// A deadline's error names what went wrong before it.
    pub(super) fn over(&self, error: StoreError) -> StoreError {
        if let StoreError::Deadline { limit, .. } = &error
            && !self.texts.is_empty()
        {
            return StoreError::Deadline {
                limit: *limit,
                last: self.text(),
            };
        }
        error
    }

    pub(super) fn into_error(self) -> StoreError {
        if self.may_pass() {
            return StoreError::Unreachable(self.text());
        }
        StoreError::Refused(self.text())
    }
}

/// What the client library's error means. `fresh`: nothing has been answered over this connection yet, so
/// that over TLS 1.3 the server may be refusing our certificate only now.
pub(super) fn of(endpoint: &str, error: &Error, fresh: bool, config: &EtcdConfig) -> Failure {
    let text = format!("{endpoint}: {}", chain(error));
    if let Error::GRpcStatus(status) = error
        && status.source().is_none()
    {
        return by_status(endpoint, status);
    }
    if is_refused_connection(error) {
        return Failure::Unsent(text);
    }
    if !fresh || !endpoint.starts_with("https://") {
        return Failure::Lost(text);
    }
    match by_tls(text, config) {
        Failure::Lost(text) => Failure::Handshake(format!("{text}: maybe {}", certificate(config))),
        failure @ (Failure::Unsent(_)
        | Failure::NoLeader(_)
        | Failure::LeaderLost(_)
        | Failure::Tls(_)
        | Failure::Handshake(_)
        | Failure::Token(_)
        | Failure::Final(_)) => failure,
    }
}

/// Whether the server refuses a user because it knows none.
pub(super) fn says_no_users(error: &Error) -> bool {
    matches!(error, Error::GRpcStatus(status) if status.message().contains("authentication is not enabled"))
}

/// An answer by the server itself (etcd's `rpctypes`).
fn by_status(endpoint: &str, status: &Status) -> Failure {
    let said = status.message();
    let text = format!("{endpoint}: {said}");
    let lower = said.to_lowercase();
    if let Some(failure) = by_words(&lower) {
        return failure(text);
    }
    let refused = |hint: &str| Failure::Final(StoreError::Refused(format!("{text}{hint}")));
    match status.code() {
        Code::ResourceExhausted if lower.contains("space exceeded") => refused(
            " (NOSPACE alarm: compact and defragment etcd, raise --quota-backend-bytes, then disarm the alarm)",
        ),
        Code::ResourceExhausted if lower.contains("too many requests") => Failure::Unsent(text),
        Code::PermissionDenied => refused(
            " (this etcd user lacks a right that the program needs: compare its roles with those of `cnictl etcd roles`)",
        ),
        Code::Unauthenticated
        | Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::ResourceExhausted
        | Code::OutOfRange
        | Code::NotFound
        | Code::AlreadyExists
        | Code::Unimplemented => refused(""),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => Failure::Lost(text),
    }
}

/// What the server's words mean whatever code comes with them.
fn by_words(lower: &str) -> Option<fn(String) -> Failure> {
    let says = |texts: &[&str]| texts.iter().any(|known| lower.contains(known));
    if says(&[
        "invalid auth token",
        "revision of auth store is old",
        "revision in header is old",
    ]) {
        return Some(Failure::Token);
    }
    // The interceptor answers the first before the request is looked at (`hasleader` is set); what raft drops was
    // never in its log.
    if says(&["no leader", "not leader", "raft proposal dropped"]) {
        return Some(Failure::NoLeader);
    }
    if says(&["leader changed", "request timed out"]) {
        return Some(Failure::LeaderLost);
    }
    if says(&["not supported for learner"]) {
        return Some(Failure::Unsent);
    }
    None
}

/// A failure while or right after the handshake, with what to look at.
pub(super) fn by_tls(text: String, config: &EtcdConfig) -> Failure {
    let lower = text.to_lowercase();
    if lower.contains("invalid peer certificate") {
        let authority = match &config.ca_cert_file {
            Some(file) => format!("etcd_ca_cert_file {}", file.display()),
            None => "the system's certificate authorities (set etcd_ca_cert_file)".to_owned(),
        };
        return Failure::Tls(format!(
            "{text}: the server's certificate does not hold against {authority}"
        ));
    }
    if lower.contains("alert") {
        return Failure::Tls(format!("{text}: {}", certificate(config)));
    }
    Failure::Lost(text)
}

/// What a server may have against our certificate.
fn certificate(config: &EtcdConfig) -> String {
    match &config.cert_file {
        Some(file) => format!("the server does not accept etcd_cert_file {}", file.display()),
        None => "the server wants a certificate: set etcd_cert_file and etcd_key_file".to_owned(),
    }
}

fn is_refused_connection(error: &Error) -> bool {
    let mut next = cause(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::ConnectionRefused
        {
            return true;
        }
        next = error.source();
    }
    false
}

/// What lies below the client library's own error, if anything does.
fn cause(error: &Error) -> Option<&(dyn std::error::Error + 'static)> {
    if let Error::TransportError(error) = error {
        return Some(error);
    }
    if let Error::IoError(error) = error {
        return Some(error);
    }
    if let Error::GRpcStatus(status) = error {
        return status.source();
    }
    None
}

/// The texts of an error and its causes, each once: tonic's own say only "transport error".
fn chain(error: &Error) -> String {
    cause(error).map_or_else(|| error.to_string(), causes)
}

pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.retain(|text| text != "transport error");
    texts.join(": ")
}

#[cfg(test)]
mod tests;
