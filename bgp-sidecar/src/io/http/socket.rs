//! The file of a socket: of mode 0600 before anybody can connect, and in the place of one that a dead process left.

use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 16;

/// Listens; refused while another process does.
pub(super) fn listen(path: &Path) -> Result<std::os::unix::net::UnixListener> {
    if answers(path)? {
        return Err(Error::new(
            ErrorKind::AddrInUse,
            "another bgp-sidecar listens here: stop it, or give this one another run_dir",
        ));
    }
    let new = path.with_extension("new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(&new)?)?;
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    std::fs::rename(&new, path)?;
    Ok(socket.into())
}

/// Somebody is behind the file.
fn answers(path: &Path) -> Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Ok(()) => Ok(true),
        // Too busy to accept.
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
        Err(error) if [ErrorKind::NotFound, ErrorKind::ConnectionRefused].contains(&error.kind()) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
