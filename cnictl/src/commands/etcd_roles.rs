//! `cnictl etcd roles --apply`: makes roles what they should be. What is right already is left alone.

use shared::store::StoreError;
use shared::store::etcd::Etcd;
use shared::store::open::Store;

use super::Outcome;
use crate::roles::{Role, difference};

/// Makes them, one after the other. Interrupted, it is simply called again.
pub async fn run(store: &Store, roles: &[Role]) -> Outcome {
    let Store::Etcd(etcd) = store else {
        return Outcome::failed(
            "roles are etcd's, and this datastore is the embedded one: name etcd by --etcd-endpoints",
        );
    };
    let mut outcome = Outcome::default();
    for role in roles {
        match make(etcd, role).await {
            Ok(became) => outcome.out.push_str(&format!("Role {}: {became}\n", role.name)),
            Err(error) => {
                outcome.error = Some(format!(
                    "role {}: {error}; roles are changed by a user that has etcd's role root",
                    role.name
                ));
                return outcome;
            }
        }
    }
    outcome
}

async fn make(etcd: &Etcd, role: &Role) -> Result<String, StoreError> {
    let found = etcd.role(&role.name).await?;
    if found.is_none() {
        etcd.add_role(&role.name).await?;
    }
    let change = difference(found.as_deref().unwrap_or_default(), &role.rights);
    for right in &change.lacks {
        etcd.grant_right(&role.name, right).await?;
    }
    for right in &change.beyond {
        etcd.revoke_right(&role.name, right).await?;
    }
    Ok(match (found, change.lacks.len(), change.beyond.len()) {
        (None, given, _) => format!("made, with {given} rights"),
        (Some(_), 0, 0) => "as it should be".to_owned(),
        (Some(_), given, taken) => format!("{given} rights given, {taken} taken away"),
    })
}
