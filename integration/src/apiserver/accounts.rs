//! ServiceAccounts of the API server: tokens that it issues (TokenRequest) and that end, and what RBAC lets them do.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::{ApiServer, State, lock};
use crate::rights::{Rights, Wish};

/// How much longer than it says a token is good: what a busy machine is late by is not what is tested.
const SLACK: Duration = Duration::from_secs(600);

/// Who has a token, and what for.
#[derive(Default)]
pub(super) struct Accounts {
    rights: Rights,
    tokens: BTreeMap<String, Holder>,
    /// What was asked for lasts no longer, whatever was asked.
    lifetime: Duration,
    issued: Vec<String>,
    denied: Vec<String>,
}

struct Holder {
    account: String,
    /// What it says; without it until it is revoked.
    until: Option<Timestamp>,
}

impl ApiServer {
    /// From now on accounts may do what the rights say, and tokens that are asked for last so long.
    pub fn enforce(&self, rights: Rights, lifetime: Duration) {
        let mut accounts = lock(&self.state.accounts);
        accounts.rights = rights;
        accounts.lifetime = lifetime;
    }

    /// A token of an account's, as the kubelet mounts it into a pod; good until it is revoked.
    pub fn token_of(&self, account: &str) -> String {
        lock(&self.state.accounts).make(account, None)
    }

    /// A token is good no longer.
    pub fn revoke(&self, token: &str) {
        lock(&self.state.accounts).tokens.remove(token);
    }

    /// The tokens that were asked for, the oldest first.
    pub fn issued(&self) -> Vec<String> {
        lock(&self.state.accounts).issued.clone()
    }

    /// What was refused to accounts.
    pub fn denied(&self) -> Vec<String> {
        lock(&self.state.accounts).denied.clone()
    }

    /// The rights that nobody has needed.
    pub fn idle_rights(&self) -> Vec<String> {
        lock(&self.state.accounts).rights.idle()
    }
}

impl Accounts {
    fn make(&mut self, account: &str, until: Option<Timestamp>) -> String {
        let token = format!("token-{}-of-{account}", self.tokens.len() + self.issued.len());
        let account = account.to_owned();
        self.tokens.insert(token.clone(), Holder { account, until });
        token
    }

    /// Whose token it is.
    pub(super) fn account(&self, token: &str) -> Option<String> {
        let holder = self.tokens.get(token)?;
        let good = holder.until.is_none_or(|until| Timestamp::now() < until + SLACK);
        good.then(|| holder.account.clone())
    }

    /// Whether an account may ask this.
    pub(super) fn allow(&mut self, account: &str, (method, path): (&str, &str)) -> bool {
        let wish = Wish::of(method, path);
        let allowed = wish.as_ref().is_some_and(|wish| self.rights.allow(account, wish));
        if !allowed {
            self.denied.push(format!("{account}: {method} {path}"));
        }
        allowed
    }
}

/// The answer to a TokenRequest; nothing where it is none.
pub(super) fn issue(state: &State, (method, path): (&str, &str)) -> Option<String> {
    let wish = Wish::of(method, path)?;
    let (namespace, name) = (wish.namespace?, wish.name?);
    if (wish.verb.as_str(), wish.resource.as_str()) != ("create", "serviceaccounts/token") {
        return None;
    }
    let mut accounts = lock(&state.accounts);
    // As the API server says it: to the second.
    let until = (Timestamp::now() + accounts.lifetime).as_second();
    let until = Timestamp::from_second(until).unwrap_or(Timestamp::MAX);
    let token = accounts.make(&format!("{namespace}/{name}"), Some(until));
    accounts.issued.push(token.clone());
    let answer = json!({"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": {"name": name},
        "spec": {}, "status": {"token": token, "expirationTimestamp": until.to_string()}});
    Some(answer.to_string())
}
