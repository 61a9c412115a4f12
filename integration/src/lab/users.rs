//! A laboratory that is used as the documents say: everybody shows a certificate, and may do what the roles of
//! `cnictl etcd roles` allow to whoever is named in it. The harness itself is root, by the plain port.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::Lab;
use crate::etcd::Etcd;
use crate::node::Node;

/// Says that no laboratory is such, for whoever looks for what it is due to.
const PLAIN: &str = "MANX_TEST_PLAIN";
const OPERATOR: &str = "operator";
const ROOT: &str = "root";

pub(super) fn are_asked_for() -> bool {
    std::env::var_os(PLAIN).is_none()
}

impl Lab {
    /// From now on everybody is asked for a user.
    pub(super) fn ask_for_users(&mut self) {
        let name = self.node.name.clone();
        self.users = true;
        let roles = ["etcd", "roles", "--node", &name, "--apply"];
        let (_, tls) = self.etcd().secured();
        for user in [OPERATOR, ROOT] {
            tls.renew(user);
        }
        self.cnictl_as("client", roles).ok();
        self.etcd().ask_for_users(&[(OPERATOR, &["manx-operator"])]);
        let conf = self.admitted(&name);
        self.node.shows(&conf);
    }

    /// One more node's roles and users.
    pub(super) fn admit(&self, node: &mut Node) {
        let roles = ["etcd", "roles", "--node", &node.name, "--apply"];
        self.cnictl_as(ROOT, roles).ok();
        node.shows(&self.admitted(&node.name));
    }

    /// The users of a node's programs; what its plugins show.
    fn admitted(&self, node: &str) -> Value {
        let (endpoints, tls) = self.etcd().secured();
        for part in ["cni", "sidecar"] {
            let user = format!("{part}.{node}");
            tls.renew(&user);
            let roles = [format!("manx-{part}"), format!("manx-{part}-{node}")];
            self.etcd().add_user(&user, &roles.each_ref().map(String::as_str));
        }
        tls.conf(json!({"etcd_endpoints": endpoints}), "ca", &format!("cni.{node}"))
    }

    /// Where everybody but the harness reaches the cluster.
    pub(super) fn shown_endpoints(&self, etcd: &Etcd) -> String {
        match self.users {
            true => etcd.secured().0,
            false => etcd.endpoints(),
        }
    }

    /// What `cnictl` shows as a user.
    pub(super) fn shown(&self, user: &str) -> Vec<PathBuf> {
        let (_, tls) = self.etcd().secured();
        let files = [
            ("--etcd-ca-cert-file", "ca.pem".to_owned()),
            ("--etcd-cert-file", format!("{user}.pem")),
            ("--etcd-key-file", format!("{user}.key")),
        ];
        let words = files.into_iter();
        words
            .flat_map(|(flag, file)| [PathBuf::from(flag), tls.path(&file)])
            .collect()
    }

    /// Where a node's sidecar finds the datastore, and what it shows.
    pub(crate) fn datastore_of_sidecar(&self, node: &Node) -> Value {
        let conf = node.conf();
        let mut fields = json!({"datastore_type": conf["datastore_type"]});
        if let Some(endpoints) = conf.get("etcd_endpoints") {
            fields["etcd_endpoints"] = endpoints.clone();
        }
        match self.users {
            true => self
                .etcd()
                .secured()
                .1
                .conf(fields, "ca", &format!("sidecar.{}", node.name)),
            false => fields,
        }
    }
}
