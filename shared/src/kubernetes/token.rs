//! Tokens that the API server issues for a ServiceAccount (TokenRequest), bound to no pod: they outlive the pod that
//! asks for them.

use jiff::Timestamp;
use kube::core::Request;
use kube::core::params::PostParams;
use serde::Deserialize;
use serde_json::json;

use super::KubernetesError;
use super::client::failure;
use super::connect::Server;

/// A token.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The bearer token itself.
    pub token: String,
    /// When it ends; the API server may give less than it was asked for.
    pub expires: Timestamp,
}

impl std::fmt::Debug for Token {
    /// Everything but the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a token until {}", self.expires)
    }
}

#[derive(Deserialize)]
struct Answer {
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: String,
    expiration_timestamp: String,
}

impl Status {
    fn read(self) -> Result<Token, String> {
        match self.expiration_timestamp.parse() {
            Ok(expires) => Ok(Token {
                token: self.token,
                expires,
            }),
            Err(error) => Err(format!(
                "expirationTimestamp {:?}: {error}",
                self.expiration_timestamp
            )),
        }
    }
}

/// One for this ServiceAccount.
pub(super) async fn issue(
    server: &Server,
    (namespace, name): (&str, &str),
    seconds: u64,
) -> Result<Token, KubernetesError> {
    let what = format!("serviceaccount {namespace}/{name}");
    let question = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                          "spec": {"expirationSeconds": seconds}});
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
    let body = question.to_string().into_bytes();
    let request = Request::new(path).create_subresource("token", name, &PostParams::default(), body);
    let request = request.map_err(|error| KubernetesError::Missing(format!("{what}: {error}")))?;
    match server.client.request::<Answer>(request).await {
        Ok(answer) => answer
            .status
            .read()
            .map_err(|why| KubernetesError::Answer(format!("{} answered for {what}: {why}", server.url))),
        Err(kube::Error::Api(status)) if status.code == 403 => Err(KubernetesError::Refused(format!(
            "the user of {} may not have tokens issued for {what} at {} ({}): bind it to a Role of namespace \
             {namespace} with the rule apiGroups [\"\"], resources [\"serviceaccounts/token\"], resourceNames \
             [\"{name}\"], verbs [\"create\"]",
            server.source, server.url, status.message
        ))),
        Err(error) => Err(failure(server, &what, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: serde_json::Value) -> Result<Token, String> {
        let answer = json!({"kind": "TokenRequest", "spec": {}, "status": status});
        let answer: Answer = serde_json::from_value(answer).map_err(|error| error.to_string())?;
        answer.status.read()
    }

    #[test]
    fn a_token_is_read_with_its_end_and_never_shown() {
        let token = read(json!({"token": "secret", "expirationTimestamp": "2027-01-02T03:04:05Z"})).unwrap();
        assert_eq!(token.token, "secret");
        assert_eq!(token.expires.as_second(), 1_798_859_045);
        assert!(!format!("{token:?}").contains("secret"));
        for wrong in [json!({}), json!({"token": "x", "expirationTimestamp": "soon"})] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
