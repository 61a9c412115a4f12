//! Who the plugin is to the API server: the pod's own token, copied again whenever the kubelet has renewed it, or one
//! that the API server issues and that outlives the pod.
#![expect(clippy::disallowed_methods, reason = "edge: the clock")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use shared::kubernetes::{self, Access, KubernetesError, Token};
use shared::log::Log;

use super::files;
use crate::commands::install::kubeconfig::{self, Credentials};
use crate::commands::install::settings::{Told, lifetime};

/// For one question.
const PATIENCE: Duration = Duration::from_secs(10);
/// Until a question is asked again that was not answered.
const AGAIN: Duration = Duration::from_secs(10);

/// Where they come from.
pub(super) struct Source {
    folder: PathBuf,
    server: Option<String>,
    issue: Option<Issue>,
}

struct Issue {
    namespace: String,
    name: String,
    seconds: u64,
    last: Option<Issued>,
}

struct Issued {
    token: Token,
    renew: Timestamp,
}

/// Why there are none.
pub(super) enum Trouble {
    /// It has to be put right.
    Wrong(String),
    /// It may be otherwise in a moment.
    Away(String),
}

impl From<String> for Trouble {
    fn from(text: String) -> Self {
        Trouble::Wrong(text)
    }
}

impl Source {
    /// What is told of them; nothing is read.
    pub(super) fn new(told: &Told) -> Result<Self, String> {
        let issue = match told
            .get("token_for")
            .map(|account| (account, account.split_once('/')))
        {
            None => None,
            Some((_, Some((namespace, name)))) if !namespace.is_empty() && !name.is_empty() => Some(Issue {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                seconds: lifetime(told.text("token_lifetime"))?,
                last: None,
            }),
            Some((account, _)) => {
                return Err(format!(
                    "token_for is {account:?}: give a ServiceAccount as NAMESPACE/NAME"
                ));
            }
        };
        Ok(Self {
            folder: PathBuf::from(told.text("service_account_dir")),
            server: told.get("api_server").map(str::to_owned),
            issue,
        })
    }

    /// What is to be watched for a change.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the token ends with the pod that it is read from.
    pub(super) fn is_the_pods(&self) -> bool {
        self.issue.is_none()
    }

    /// How long they are good as they are; `None` is until the files change.
    pub(super) fn good_for(&self) -> Option<Duration> {
        let last = self.issue.as_ref()?.last.as_ref();
        // What was to be renewed while the round went on is renewed now.
        let left = last.map_or(AGAIN, |last| {
            let left = last.renew.duration_since(Timestamp::now());
            Duration::try_from(left).unwrap_or_default()
        });
        Some(left.max(Duration::from_secs(1)))
    }

    /// Those that hold now; `None` outside of a pod.
    pub(super) async fn now(&mut self, told: &Told, log: &Log) -> Result<Option<Credentials>, Trouble> {
        let Some(token) = files::text(&self.folder.join("token"))? else {
            return match &self.issue {
                None => Ok(None),
                Some(_) => Err(Trouble::Wrong(format!(
                    "{}/token does not exist: who is to ask for tokens? See --service-account-dir",
                    self.folder.display()
                ))),
            };
        };
        let authority = self.folder.join("ca.crt");
        let server = match &self.server {
            Some(server) => server.clone(),
            None => kubeconfig::server(
                told.text("kubernetes_service_protocol"),
                told.text("kubernetes_service_host"),
                told.text("kubernetes_service_port"),
            )?,
        };
        let own = Credentials {
            server,
            authority: files::bytes(&authority)?.map(Into::into),
            token: token.trim().to_owned(),
        };
        match &mut self.issue {
            None => Ok(Some(own)),
            Some(issue) => {
                let access = Access {
                    server: Some(own.server.clone()),
                    certificate_authority: own.authority.as_ref().map(|_| authority),
                    token_file: Some(self.folder.join("token")),
                    ..Access::default()
                };
                let token = issue.current(&access, log).await?;
                Ok(Some(Credentials { token, ..own }))
            }
        }
    }
}

impl Issue {
    /// The token of before, or a new one where half of its time is over.
    async fn current(&mut self, access: &Access, log: &Log) -> Result<String, Trouble> {
        if let Some(last) = self.last.as_ref().filter(|last| Timestamp::now() < last.renew) {
            return Ok(last.token.token.clone());
        }
        let account = (self.namespace.as_str(), self.name.as_str());
        match kubernetes::token(access, account, self.seconds, PATIENCE).await {
            Ok(token) => {
                let now = Timestamp::now();
                let left = token.expires.duration_since(now);
                log.info("a token was issued", &[("until", &token.expires.to_string())]);
                let text = token.token.clone();
                let renew = now + left / 2;
                self.last = Some(Issued { token, renew });
                Ok(text)
            }
            Err(error) => self.make_do(&error, log),
        }
    }

    /// With the token of before, as long as it holds.
    fn make_do(&mut self, error: &KubernetesError, log: &Log) -> Result<String, Trouble> {
        let now = Timestamp::now();
        if let Some(last) = self.last.as_mut().filter(|last| now < last.token.expires) {
            let until = last.token.expires.to_string();
            log.warning(
                "no new token was issued; the one of before holds",
                &[("until", &until), ("error", &error.to_string())],
            );
            // Twice and more before its end, however short it is.
            let half = Duration::try_from(last.token.expires.duration_since(now) / 2).unwrap_or_default();
            last.renew = now + half.min(AGAIN);
            return Ok(last.token.token.clone());
        }
        Err(match error {
            KubernetesError::Away(text) => Trouble::Away(text.clone()),
            KubernetesError::Config(text)
            | KubernetesError::Refused(text)
            | KubernetesError::Missing(text)
            | KubernetesError::Answer(text) => Trouble::Wrong(text.clone()),
        })
    }
}
