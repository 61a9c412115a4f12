//! The kernel's routing table, links and addresses: looked at, changed, and heard of.
//!
//! Two netlink sockets stay open. One carries changes out; the other hears what others change, and is deaf to the
//! first one's doings by a filter in the kernel, so that 100,000 routes of ours wake nobody.

mod apply;
mod decode;
mod encode;
mod look;
mod notice;
mod socket;
mod sysctl;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ipnet::IpNet;
use tokio::sync;

use crate::autodetect::Interface;
use crate::fib::{KernelTable, Routes};
use notice::Monitor;
use socket::Socket;

/// One look at the kernel: main table only.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// Others' routes, and this node's addresses.
    pub(crate) table: KernelTable,
    /// Routes of [`crate::fib::PROTOCOL`].
    pub(crate) ours: Routes,
    /// Interfaces with their addresses.
    pub(crate) facts: Vec<Interface>,
    /// This node's own addresses, with the lengths of their networks.
    pub(crate) addresses: Vec<IpNet>,
}

/// What was heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Noticed {
    /// Others' routes, links or addresses: where next hops lead may have changed. IPv4 routes of ours that fall with
    /// their link fall silently, so this is a reason to look for them, too.
    pub(crate) around: bool,
    /// Routes of ours to these destinations were deleted, changed or added by somebody else.
    pub(crate) ours: Vec<IpNet>,
    /// Interfaces that came up, and pods' interfaces that have lost a route: the kernel drops what leads over an interface
    /// that goes down, and does not bring it back.
    pub(crate) up: Vec<String>,
    /// More happened than the kernel kept for us: anything may have changed.
    pub(crate) lost: bool,
}

/// Addresses of routers that others' routes call on-link where no network of the link has them, by link.
type Onlink = BTreeSet<(IpAddr, u32)>;

/// The kernel of the namespace that it was opened in.
pub(crate) struct Kernel {
    changes: sync::Mutex<Socket>,
    monitor: Monitor,
    /// As of the last look.
    onlink: Mutex<Onlink>,
}

impl Kernel {
    /// Opens the sockets and begins to listen.
    pub(crate) async fn open() -> Result<Self, String> {
        let failed = |error| format!("netlink: {error}; the BGP daemon needs CAP_NET_ADMIN");
        let changes = Socket::open(0).map_err(failed)?;
        let monitor = Monitor::open(changes.port()).await.map_err(failed)?;
        Ok(Self {
            changes: sync::Mutex::new(changes),
            monitor,
            onlink: Mutex::default(),
        })
    }

    fn onlink(&self) -> Onlink {
        let onlink = self.onlink.lock().unwrap_or_else(PoisonError::into_inner);
        onlink.clone()
    }

    /// The next change that is not our own. Bursts are one: it is told of after 50 ms of silence, or 500 ms after
    /// its first sign. Of pods' interfaces only what may have lost their routes is told. Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> Noticed {
        self.monitor.next().await
    }

    /// Switches forwarding on, of IPv4 and perhaps of IPv6, where somebody has switched it off; answers with what
    /// was written.
    pub(crate) fn forwarding(&self, sysctls: &Path, ipv6: bool) -> Result<Vec<String>, String> {
        sysctl::forwarding(sysctls, ipv6)
    }
}

#[cfg(test)]
mod tests;
