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
            let nobody = json!({"name": user, "options": {"no_password": true}});
            self.call("/v3/auth/user/add", &nobody);
            for role in *roles {
                self.call("/v3/auth/user/grant", &json!({"user": user, "role": role}));
            }
        }
        self.call("/v3/auth/enable", &json!({}));
        let answer = self.call(
            "/v3/auth/authenticate",
            &json!({"name": ROOT, "password": PASSWORD}),
        );
        let token = answer["token"].as_str();
        self.members().token = Some(token.unwrap_or_else(|| panic!("no token in {answer}")).to_owned());
    }
}
