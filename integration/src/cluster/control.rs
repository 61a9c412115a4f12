//! Edge: a real control plane, each program of it as it comes, in the namespace of the laboratory's etcd.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::certificates::Certificates;
use crate::daemon::Daemon;
use crate::fabric::Folder;
use crate::lab::Lab;
use crate::netns::Netns;
use crate::process::{Answer, Cmd};
use crate::wait::eventually;

/// Where Services are, and the API server's own.
const SERVICES: &str = "10.101.0.0/16";
const SERVICE: &str = "10.101.0.1";

/// API server, controller manager and scheduler.
pub struct Control {
    netns: Arc<Netns>,
    at: String,
    etcd: String,
    certificates: Certificates,
    apiserver: Option<Daemon>,
    others: Vec<Daemon>,
    folder: Folder,
}

/// A program of Kubernetes.
pub(super) fn program(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../target/tools/kubernetes")
        .join(name);
    path.canonicalize()
        .unwrap_or_else(|error| panic!("{}: {error}; run `make test-kubernetes`", path.display()))
}

impl Control {
    /// All of it, when it answers and namespaces can have pods.
    pub(super) fn start(lab: &Lab) -> Self {
        let at = lab.gateway();
        let certificates = Certificates::new(&at);
        let names =
            format!("subjectAltName=IP:{at},IP:{SERVICE},DNS:kubernetes.default,DNS:kubernetes.default.svc");
        certificates.issue("apiserver", "/CN=kube-apiserver", &names);
        certificates.issue("accounts", "/CN=accounts", "keyUsage=digitalSignature");
        let mut control = Self {
            netns: lab.leaf.clone(),
            etcd: lab.etcd().endpoints(),
            folder: Folder::brief("the control plane"),
            apiserver: None,
            others: Vec::new(),
            certificates,
            at,
        };
        control.user("admin", "/O=system:masters/CN=admin");
        control.user(
            "apiserver-to-kubelet",
            "/O=system:masters/CN=apiserver-to-kubelet",
        );
        control.revive();
        control.others = vec![control.manager(), control.scheduler()];
        eventually("the default account is there", || {
            let asked = control
                .kubectl(&["get", "serviceaccount", "default"])
                .quiet()
                .run();
            asked.status.success().then_some(())
        });
        control
    }

    /// SIGKILL to the API server.
    pub fn kill(&mut self) {
        self.apiserver = None;
    }

    /// The API server, for the first time or again.
    pub fn revive(&mut self) {
        assert!(self.apiserver.is_none(), "it runs");
        let log = self.folder.log("kube-apiserver");
        let daemon = self.apiserver_command().serve(&log);
        self.apiserver = Some(daemon);
        eventually("the API server is ready", || {
            let daemon = self.apiserver.as_mut().and_then(Daemon::ended);
            assert!(daemon.is_none(), "kube-apiserver ended: {}", self.folder.told());
            let asked = self.kubectl(&["get", "--raw", "/readyz"]).quiet().run();
            asked.status.success().then_some(())
        });
    }

    fn apiserver_command(&self) -> Cmd {
        let file = |name: &str| self.file(name).display().to_string();
        let flags = [
            ("etcd-servers", self.etcd.clone()),
            ("advertise-address", self.at.clone()),
            ("secure-port", "6443".to_owned()),
            ("service-cluster-ip-range", SERVICES.to_owned()),
            ("tls-cert-file", file("apiserver.pem")),
            ("tls-private-key-file", file("apiserver.key")),
            ("client-ca-file", file("ca.pem")),
            ("authorization-mode", "Node,RBAC".to_owned()),
            ("enable-admission-plugins", "NodeRestriction".to_owned()),
            ("kubelet-preferred-address-types", "InternalIP".to_owned()),
            ("kubelet-client-certificate", file("apiserver-to-kubelet.pem")),
            ("kubelet-client-key", file("apiserver-to-kubelet.key")),
            (
                "service-account-issuer",
                "https://kubernetes.default.svc".to_owned(),
            ),
            ("service-account-key-file", file("accounts.pem")),
            ("service-account-signing-key-file", file("accounts.key")),
            ("allow-privileged", "true".to_owned()),
        ];
        self.command("kube-apiserver")
            .args(flags.map(|(name, value)| format!("--{name}={value}")))
    }

    fn manager(&mut self) -> Daemon {
        let kubeconfig = self.user("controller-manager", "/CN=system:kube-controller-manager");
        let file = |name: &str| self.file(name).display().to_string();
        let command = self
            .client("kube-controller-manager", &kubeconfig)
            .args(["--use-service-account-credentials=true"])
            .args([
                format!("--service-account-private-key-file={}", file("accounts.key")),
                format!("--root-ca-file={}", file("ca.pem")),
            ]);
        command.serve(&self.folder.log("kube-controller-manager"))
    }

    fn scheduler(&mut self) -> Daemon {
        let kubeconfig = self.user("scheduler", "/CN=system:kube-scheduler");
        let command = self.client("kube-scheduler", &kubeconfig);
        command.serve(&self.folder.log("kube-scheduler"))
    }

    fn client(&self, name: &str, kubeconfig: &Path) -> Cmd {
        let flags = [
            "kubeconfig",
            "authentication-kubeconfig",
            "authorization-kubeconfig",
        ];
        self.command(name)
            .args(["--leader-elect=false"])
            .args(flags.map(|flag| format!("--{flag}={}", kubeconfig.display())))
    }

    fn command(&self, name: &str) -> Cmd {
        Cmd::new(program(name)).within(&self.netns)
    }

    /// A user with a certificate of this subject: its kubeconfig.
    pub(super) fn user(&self, name: &str, subject: &str) -> PathBuf {
        self.certificates
            .issue(name, subject, "extendedKeyUsage=clientAuth");
        let file = |name: String| self.file(&name).display().to_string();
        let (ca, cert, key) = (
            file("ca.pem".to_owned()),
            file(format!("{name}.pem")),
            file(format!("{name}.key")),
        );
        let at = &self.at;
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: lab\n\
             clusters: [{{name: lab, cluster: {{server: \"https://{at}:6443\", certificate-authority: {ca}}}}}]\n\
             users: [{{name: user, user: {{client-certificate: {cert}, client-key: {key}}}}}]\n\
             contexts: [{{name: lab, context: {{cluster: lab, user: user}}}}]\n"
        );
        self.folder.write(&format!("{name}.kubeconfig"), &text)
    }

    /// A file beside its certificates.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.certificates.path(name)
    }

    /// An operator's, with every right.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path("admin.kubeconfig")
    }

    /// `kubectl`, as an operator calls it.
    pub fn kubectl(&self, words: &[&str]) -> Cmd {
        self.command("kubectl")
            .label("kubectl")
            .env("KUBECONFIG", self.kubeconfig())
            .env("KUBECACHEDIR", self.folder.path("cache"))
            .args(words)
    }

    /// Applies documents, which must be taken.
    pub fn apply(&self, documents: impl Into<Vec<u8>>) {
        self.kubectl(&["apply", "-f", "-"]).stdin(documents).ok();
    }

    /// Objects as JSON.
    pub fn get(&self, words: &[&str]) -> Value {
        self.try_get(words).ok().json()
    }

    /// The same, if the API server has an answer.
    pub fn try_get(&self, words: &[&str]) -> Answer {
        let all: Vec<&str> = ["get"].iter().chain(words).copied().collect();
        self.kubectl(&all).args(["-o", "json"]).quiet().run()
    }
}
