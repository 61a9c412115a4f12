//! From a kubeconfig and what overrules it to a client that has dialled nobody yet.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: reads the kubeconfig and the files it names"
)]

use std::path::{Path, PathBuf};

use kube::config::{
    AuthInfo, Cluster, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext,
};
use kube::{Client, Config};

use super::access::Asker;
use super::{Access, KubernetesError, dial, kubeconfig};

/// What a kubeconfig of our own making calls its parts.
const NAME: &str = "netconf";

/// An API server, and who we are to it.
pub(super) struct Server {
    pub(super) client: Client,
    /// For messages.
    pub(super) url: String,
    /// Where the user comes from, for messages.
    pub(super) source: String,
    /// Who asks.
    pub(super) asker: Asker,
}

/// The client. Reads files and dials nobody.
pub(super) async fn server(access: &Access) -> Result<Server, KubernetesError> {
    let file = access.kubeconfig.as_ref().or(access.token_file.as_ref());
    let source = file.map_or_else(
        || "the network configuration".to_owned(),
        |path| path.display().to_string(),
    );
    let way_out = match (&access.kubeconfig, &access.token_file) {
        (None, Some(_)) => access.asker.token_file().to_owned(),
        _ => format!(
            "make it a kubeconfig whose user may {}, or correct {}",
            access.asker.needs(),
            access.asker.kubeconfig()
        ),
    };
    let unusable =
        |why: &dyn std::fmt::Display| KubernetesError::Config(format!("{source}: {why}; {way_out}"));
    let (mut cluster, mut user) = parts(access, &unusable)?;
    overrule(access, &mut cluster, &mut user);
    refuse(&cluster, &unusable)?;
    if let Some(path) = user.token_file.take() {
        user.token = Some(token(Path::new(&path)).map_err(|why| unusable(&why))?.into());
    }
    let config = config(cluster, user).await.map_err(|why| unusable(&why))?;
    let url = config.cluster_url.to_string();
    let client = dial::client(&config).map_err(|why| unusable(&why))?;
    Ok(Server {
        client,
        url: url.trim_end_matches('/').to_owned(),
        source,
        asker: access.asker,
    })
}

type Unusable<'a> = dyn Fn(&dyn std::fmt::Display) -> KubernetesError + 'a;

/// Cluster and user of the kubeconfig's current context.
fn parts(access: &Access, unusable: &Unusable<'_>) -> Result<(Cluster, AuthInfo), KubernetesError> {
    let Some(path) = &access.kubeconfig else {
        return Ok((Cluster::default(), AuthInfo::default()));
    };
    kubeconfig::read(path).map_err(|why| unusable(&why))
}

/// The fields of the network configuration come first.
fn overrule(access: &Access, cluster: &mut Cluster, user: &mut AuthInfo) {
    let text = |path: &PathBuf| Some(path.display().to_string());
    if let Some(server) = &access.server {
        cluster.server = Some(server.clone());
    }
    if let Some(path) = &access.certificate_authority {
        cluster.certificate_authority = text(path);
        cluster.certificate_authority_data = None;
    }
    if let Some(path) = &access.client_certificate {
        user.client_certificate = text(path);
        user.client_certificate_data = None;
    }
    if let Some(path) = &access.client_key {
        user.client_key = text(path);
        user.client_key_data = None;
    }
    if let Some(token) = &access.token {
        user.token = Some(token.clone().into());
        user.token_file = None;
    }
    if let Some(path) = &access.token_file {
        user.token_file = text(path);
        user.token = None;
    }
}

/// The cluster's API server is asked directly.
fn refuse(cluster: &Cluster, unusable: &Unusable<'_>) -> Result<(), KubernetesError> {
    if cluster.proxy_url.as_ref().is_none_or(String::is_empty) {
        return Ok(());
    }
    let why = "its cluster has \"proxy-url\", which is not supported: use a token, a tokenFile or a client certificate, \
               and no proxy";
    Err(unusable(&why))
}

/// A token as it stands in its file, without the line's end.
fn token(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| format!("tokenFile {}: {error}", path.display()))?;
    match text.trim() {
        "" => Err(format!("tokenFile {} is empty", path.display())),
        token => Ok(token.to_owned()),
    }
}

/// A kubeconfig of our own making, with one context.
fn own(cluster: Cluster, user: AuthInfo) -> Kubeconfig {
    Kubeconfig {
        clusters: vec![NamedCluster {
            name: NAME.to_owned(),
            cluster: Some(cluster),
            ..NamedCluster::default()
        }],
        auth_infos: vec![NamedAuthInfo {
            name: NAME.to_owned(),
            auth_info: Some(user),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext {
            name: NAME.to_owned(),
            context: Some(Context {
                cluster: NAME.to_owned(),
                user: Some(NAME.to_owned()),
                ..Context::default()
            }),
            ..NamedContext::default()
        }],
        current_context: Some(NAME.to_owned()),
        ..Kubeconfig::default()
    }
}

async fn config(cluster: Cluster, user: AuthInfo) -> Result<Config, String> {
    let insecure = cluster.insecure_skip_tls_verify.unwrap_or(false);
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(own(cluster, user), &options)
        .await
        .map_err(|error| error.to_string())?;
    match config.cluster_url.scheme_str() {
        Some("https" | "http") => {}
        Some(_) | None => return Err(format!("server {}: no http or https URL", config.cluster_url)),
    }
    // Without a root certificate the client would read the system's.
    if insecure || config.cluster_url.scheme_str() == Some("http") {
        config.root_cert.get_or_insert_default();
    }
    config.proxy_url = None;
    config.default_retry = false;
    config.connect_timeout = None;
    Ok(config)
}
