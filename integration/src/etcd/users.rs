//! A cluster with users: from then on nobody may do anything without a role that allows it, and the harness is root.

use serde_json::json;

use super::Etcd;

const ROOT: &str = "root";
const PASSWORD: &str = "of the tests' own root";

impl Etcd {
    /// Makes these users, who show a certificate with their name, with their roles, and asks everybody for a user.
    pub fn ask_for_users(&self, users: &[(&str, &[&str])]) {
        self.call("/v3/auth/role/add", &json!({"name": ROOT}));
        self.call("/v3/auth/user/add", &json!({"name": ROOT, "password": PASSWORD}));
        self.call("/v3/auth/user/grant", &json!({"user": ROOT, "role": ROOT}));
        for (user, roles) in users {
            self.add_user(user, roles);
        }
        self.call("/v3/auth/enable", &json!({}));
        self.log_in();
    }

    /// Anew: a member forgets tokens when it ends.
    pub(super) fn log_in(&self) {
        self.members().token = None;
        let root = json!({"name": ROOT, "password": PASSWORD});
        let answer = self.call("/v3/auth/authenticate", &root);
        let token = answer["token"].as_str();
        self.members().token = Some(token.unwrap_or_else(|| panic!("no token in {answer}")).to_owned());
    }

    /// One more user, who shows a certificate with the name.
    pub fn add_user(&self, user: &str, roles: &[&str]) {
        let nobody = json!({"name": user, "options": {"no_password": true}});
        self.call("/v3/auth/user/add", &nobody);
        for role in roles {
            self.call("/v3/auth/user/grant", &json!({"user": user, "role": role}));
        }
    }
}
