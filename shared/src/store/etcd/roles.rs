//! Edge: etcd's roles, which are names for rights on ranges of keys.

use etcd_client::{Client, Permission, PermissionType, RoleRevokePermissionOptions};

use super::super::StoreError;
use super::Etcd;
use super::call::Repeat;
use super::convert::end;
use crate::model::key::{Key, Prefix};

/// What may be done with the keys of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// To read them.
    Read,
    /// To write and delete them, unseen.
    Write,
    /// Both.
    ReadWrite,
}

/// One right of a role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The first key.
    pub from: Vec<u8>,
    /// The first key behind the range; of a single key nothing, of a range without end one zero.
    pub to: Vec<u8>,
    /// What may be done.
    pub access: Access,
}

impl Right {
    /// To one key.
    pub fn of(key: &Key, access: Access) -> Self {
        Self {
            from: key.as_str().into(),
            to: Vec::new(),
            access,
        }
    }

    /// To every key that begins so.
    pub fn below(prefix: impl Into<String>, access: Access) -> Self {
        let prefix = Prefix::stored(prefix);
        Self {
            from: prefix.as_str().into(),
            to: end(&prefix),
            access,
        }
    }

    /// Whether it is to every key that begins as the first does.
    pub fn is_prefix(&self) -> bool {
        !self.from.is_empty() && self.to == end(&Prefix::stored(String::from_utf8_lossy(&self.from)))
    }
}

impl Etcd {
    /// What a role may do; `None` if there is no such role.
    pub async fn role(&self, name: &str) -> Result<Option<Vec<Right>>, StoreError> {
        let get = async |client: Client| client.auth_client().role_get(name).await;
        match self.call(Repeat::Yes, get).await {
            Ok(found) => Ok(Some(found.permissions().iter().map(right).collect())),
            Err(StoreError::Refused(text)) if text.contains("role name not found") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a role without rights; one that is there already stays as it is.
    pub async fn add_role(&self, name: &str) -> Result<(), StoreError> {
        let add = async |client: Client| client.auth_client().role_add(name).await;
        match self.call(Repeat::Yes, add).await {
            Ok(_) => Ok(()),
            Err(StoreError::Refused(text)) if text.contains("role name already exists") => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Gives a role a right, in the place of another to the same range.
    pub async fn grant_right(&self, role: &str, right: &Right) -> Result<(), StoreError> {
        let permission = Permission::new(kind(right.access), right.from.clone());
        let permission = permission.with_range_end(right.to.clone());
        let grant = async |client: Client| {
            client
                .auth_client()
                .role_grant_permission(role, permission.clone())
                .await
        };
        self.call(Repeat::Yes, grant).await.map(drop)
    }

    /// Takes a right from a role; one that it has not is no error.
    pub async fn revoke_right(&self, role: &str, right: &Right) -> Result<(), StoreError> {
        let options = RoleRevokePermissionOptions::new().with_range_end(right.to.clone());
        let revoke = async |client: Client| {
            let (mut auth, from) = (client.auth_client(), right.from.clone());
            auth.role_revoke_permission(role, from, Some(options.clone()))
                .await
        };
        match self.call(Repeat::Yes, revoke).await {
            Ok(_) => Ok(()),
            Err(StoreError::Refused(text)) if text.contains("permission is not granted") => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn kind(access: Access) -> PermissionType {
    match access {
        Access::Read => PermissionType::Read,
        Access::Write => PermissionType::Write,
        Access::ReadWrite => PermissionType::Readwrite,
    }
}

fn right(permission: &Permission) -> Right {
    let is = |kind: PermissionType| permission.get_type() == kind as i32;
    let access = if is(PermissionType::Read) {
        Access::Read
    } else if is(PermissionType::Write) {
        Access::Write
    } else {
        Access::ReadWrite
    };
    Right {
        from: permission.key().to_vec(),
        to: permission.range_end().to_vec(),
        access,
    }
}
