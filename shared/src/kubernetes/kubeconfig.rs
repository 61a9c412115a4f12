//! A kubeconfig as it is read here: the fields that count, each as the text it is (a context may be named 2026).
//! kube's own reader brings a YAML parser for each of its thirty types into a program, this one for eight.
#![expect(clippy::disallowed_methods, reason = "edge: reads the kubeconfig")]

use std::collections::HashMap;
use std::path::Path;

use kube::config::{AuthInfo, Cluster};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The file; of several documents in it, the first that says something counts.
#[derive(Default, Deserialize)]
struct File {
    #[serde(rename = "current-context", default)]
    current: Option<String>,
    #[serde(default)]
    clusters: Option<Vec<Named>>,
    #[serde(default)]
    users: Option<Vec<Named>>,
    #[serde(default)]
    contexts: Option<Vec<Named>>,
}

/// An entry of any of the three lists.
#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(default)]
    cluster: Option<Server>,
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    context: Option<Context>,
}

#[derive(Clone, Default, Deserialize)]
struct Context {
    cluster: String,
    #[serde(default)]
    user: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Server {
    #[serde(default)]
    server: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: Option<bool>,
    #[serde(default)]
    certificate_authority: Option<String>,
    #[serde(default)]
    certificate_authority_data: Option<String>,
    #[serde(default)]
    proxy_url: Option<String>,
    #[serde(default)]
    tls_server_name: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    token: Option<String>,
    #[serde(rename = "tokenFile", default)]
    token_file: Option<String>,
    #[serde(default)]
    client_certificate: Option<String>,
    #[serde(default)]
    client_certificate_data: Option<String>,
    #[serde(default)]
    client_key: Option<String>,
    #[serde(default)]
    client_key_data: Option<String>,
    #[serde(rename = "as", default)]
    impersonate: Option<String>,
    #[serde(default)]
    as_uid: Option<String>,
    #[serde(default)]
    as_groups: Option<Vec<String>>,
    #[serde(default)]
    as_user_extra: Option<HashMap<String, Vec<String>>>,
    #[serde(default)]
    auth_provider: Option<IgnoredAny>,
    #[serde(default)]
    exec: Option<IgnoredAny>,
}

/// Cluster and user of the current context, or what is wrong.
pub(super) fn read(path: &Path) -> Result<(Cluster, AuthInfo), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let text = text.trim_start_matches('\u{feff}');
    let documents: Vec<File> = serde_saphyr::from_multiple(text).map_err(|error| first_line(&error))?;
    let file = documents.into_iter().fold(File::default(), File::and);
    let name = file.current.unwrap_or_default();
    if name.is_empty() {
        return Err("it has no current-context".to_owned());
    }
    let context = find(file.contexts, &name)
        .and_then(|one| one.context)
        .ok_or_else(|| format!("it has no context {name:?}, its current-context"))?;
    let cluster = find(file.clusters, &context.cluster)
        .and_then(|one| one.cluster)
        .ok_or_else(|| format!("it has no cluster {:?}", context.cluster))?;
    let wanted = context.user.unwrap_or_default();
    let user = find(file.users, &wanted);
    if user.is_none() && !wanted.is_empty() {
        return Err(format!("it has no user {wanted:?}"));
    }
    let user = user.and_then(|one| one.user).unwrap_or_default();
    let here = path.parent().unwrap_or(Path::new("."));
    Ok((cluster.at(here), user.at(here)?))
}

/// What follows the first line of a parser's message is the file itself, with its secrets.
fn first_line(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

fn find(list: Option<Vec<Named>>, name: &str) -> Option<Named> {
    list.into_iter().flatten().find(|one| one.name == name)
}

/// A path in the file is relative to the file.
fn beside(here: &Path, path: Option<String>) -> Option<String> {
    path.map(|path| here.join(path).display().to_string())
}

impl File {
    /// The first to say something counts.
    fn and(self, next: Self) -> Self {
        let both = |first: Option<Vec<Named>>, second: Option<Vec<Named>>| {
            let all = first.into_iter().chain(second).flatten();
            Some(all.collect())
        };
        Self {
            current: self.current.or(next.current),
            clusters: both(self.clusters, next.clusters),
            users: both(self.users, next.users),
            contexts: both(self.contexts, next.contexts),
        }
    }
}

impl Server {
    fn at(self, here: &Path) -> Cluster {
        Cluster {
            server: self.server,
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            certificate_authority: beside(here, self.certificate_authority),
            certificate_authority_data: self.certificate_authority_data,
            proxy_url: self.proxy_url,
            tls_server_name: self.tls_server_name,
            ..Cluster::default()
        }
    }
}

impl User {
    /// The user, who starts no program: a plugin that lives for milliseconds has no time for it.
    fn at(self, here: &Path) -> Result<AuthInfo, String> {
        let runs = [
            (self.exec.is_some(), "exec"),
            (self.auth_provider.is_some(), "auth-provider"),
        ];
        if let Some((_, field)) = runs.into_iter().find(|(set, _)| *set) {
            return Err(format!(
                "its user has {field:?}, which is not supported: use a token, a tokenFile or a client certificate, and \
                 no proxy"
            ));
        }
        Ok(AuthInfo {
            username: self.username,
            password: self.password.map(Into::into),
            token: self.token.map(Into::into),
            token_file: beside(here, self.token_file),
            client_certificate: beside(here, self.client_certificate),
            client_certificate_data: self.client_certificate_data,
            client_key: beside(here, self.client_key),
            client_key_data: self.client_key_data.map(Into::into),
            impersonate: self.impersonate,
            impersonate_uid: self.as_uid,
            impersonate_groups: self.as_groups,
            impersonate_user_extra: self.as_user_extra,
            ..AuthInfo::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<(Cluster, AuthInfo), String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kubeconfig");
        std::fs::write(&path, text).unwrap();
        let read = read(&path);
        let dir = dir.path().display().to_string();
        read.map(|(mut cluster, user)| {
            let authority = cluster.certificate_authority.take();
            cluster.certificate_authority = authority.map(|path| path.replace(&dir, "DIR"));
            (cluster, user)
        })
    }

    const WHOLE: &str = "apiVersion: v1\nkind: Config\npreferences: {}\ncurrent-context: 2026\n\
        clusters: [{name: c, cluster: {server: 'https://k:6443', certificate-authority: ca.crt, extensions: [{a: 1}]}}]\n\
        users: [{name: u, user: {tokenFile: /t, as-groups: [a]}}, {name: other, user: {exec: {command: x}}}]\n\
        contexts: [{name: 2026, context: {cluster: c, user: u, namespace: n}}]\n";

    #[test]
    fn cluster_and_user_of_the_current_context_are_read_beside_the_file() {
        let (cluster, user) = of(WHOLE).unwrap();
        assert_eq!(cluster.server.as_deref(), Some("https://k:6443"));
        assert_eq!(cluster.certificate_authority.as_deref(), Some("DIR/ca.crt"));
        assert_eq!(user.token_file.as_deref(), Some("/t"));
        assert_eq!(user.impersonate_groups, Some(vec!["a".to_owned()]));
        let json = r#"{"current-context": "x", "clusters": [{"name": "c", "cluster": {"server": "http://k"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c"}}]}"#;
        assert_eq!(of(json).unwrap().0.server.as_deref(), Some("http://k"));
    }

    #[test]
    fn what_is_missing_is_named() {
        for (from, to, said) in [
            ("current-context: 2026", "", "it has no current-context"),
            (
                "current-context: 2026",
                "current-context: a",
                "it has no context \"a\"",
            ),
            ("cluster: c,", "cluster: d,", "it has no cluster \"d\""),
            ("user: u,", "user: v,", "it has no user \"v\""),
            ("user: u,", "user: other,", "its user has \"exec\""),
            (
                "tokenFile: /t",
                "auth-provider: {name: gcp}",
                "its user has \"auth-provider\"",
            ),
        ] {
            let error = of(&WHOLE.replace(from, to)).err().unwrap();
            assert!(error.starts_with(said), "{error}");
        }
        assert!(read(Path::new("/nowhere/kubeconfig")).is_err());
    }

    #[test]
    fn no_secret_is_in_an_error() {
        let error = of("users: [{name: u, user: {token: s3cret\n").err().unwrap();
        assert!(!error.contains("s3cret"), "{error}");
    }
}
