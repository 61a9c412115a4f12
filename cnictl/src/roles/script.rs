//! Roles as etcdctl's commands.

use std::fmt::Write as _;

use shared::store::etcd::{Access, Right};

use super::Role;

/// Commands that make the roles where there are none, to be read, kept, or given to a shell.
pub fn script(roles: &[Role]) -> String {
    let mut text = String::new();
    for role in roles {
        let name = &role.name;
        let _ = writeln!(text, "# {name}: {}\netcdctl role add {name}", role.about);
        for right in &role.rights {
            let _ = writeln!(text, "etcdctl role grant-permission {name} {}", words(right));
        }
    }
    text
}

/// A right in etcdctl's words.
fn words(right: &Right) -> String {
    let access = match right.access {
        Access::Read => "read",
        Access::Write => "write",
        Access::ReadWrite => "readwrite",
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let from = text(&right.from);
    if right.to.is_empty() {
        return format!("{access} {from}");
    }
    if right.is_prefix() {
        return format!("--prefix {access} {from}");
    }
    if right.to == [0] {
        return format!("--from-key {access} {from}");
    }
    format!("{access} {from} {}", text(&right.to))
}
