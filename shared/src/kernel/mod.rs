//! The kernel's edge: carries out an [`Op`] by rtnetlink and /proc/sys and decides nothing.
//!
//! ```text
//!  caller's namespace ("host")                     the pod's namespace
//!  one rtnetlink socket, /proc/sys                 one rtnetlink socket (opened inside, used from here),
//!  of the calling thread                           /proc/sys as the calling thread sees it inside (`inside`)
//! ```
//!
//! Changing is `apply`, reading `read`; facts are [`fact`], messages `encode` and `decode`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

use self::inside::Inside;
use self::socket::Socket;
use crate::op::{Route, Side};

mod apply;
mod decode;
mod detach;
mod encode;
pub mod fact;
mod inside;
mod read;
mod socket;
mod sysctl;

/// Why the kernel was not changed or not read.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum KernelError {
    /// The kernel refused.
    #[error("{what}: {text}")]
    Refused {
        /// The instruction or question, as text.
        what: String,
        /// Its error number.
        errno: i32,
        /// Its name, and the kernel's reason.
        text: String,
    },
    /// No rtnetlink socket.
    #[error("rtnetlink socket ({side}): {text}")]
    Socket {
        /// In which namespace.
        side: Side,
        /// What the system said.
        text: String,
    },
    /// The pod's namespace cannot be entered.
    #[error("network namespace of the pod: {text}")]
    Netns {
        /// Why not.
        text: String,
    },
    /// Something of the pod was asked for, and its namespace was not opened.
    #[error("{what}: the pod's network namespace is not open")]
    NoPod {
        /// The instruction or question.
        what: String,
    },
    /// The interface is not there.
    #[error("{what}: no interface {link} ({side})")]
    NoLink {
        /// The instruction.
        what: String,
        /// Where.
        side: Side,
        /// Its name.
        link: String,
    },
}

impl KernelError {
    /// The kernel's error number, if it was the kernel.
    pub fn errno(&self) -> Option<i32> {
        match self {
            KernelError::Refused { errno, .. } => Some(*errno),
            KernelError::Socket { .. } | KernelError::Netns { .. } => None,
            KernelError::NoPod { .. } | KernelError::NoLink { .. } => None,
        }
    }
}

/// What became of an instruction that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done; its inverse undoes it.
    Done,
    /// There was nothing to do, so there is nothing to undo.
    Nothing,
    /// These routes are gone; adding them undoes it.
    Removed(Vec<Route>),
    /// Not done, and that is only worth a warning.
    Warning(String),
}

/// The kernel as one invocation sees it: the host's namespace and, if opened, one pod's.
pub struct Kernel {
    host: Socket,
    pod: Option<(Socket, Inside)>,
    indices: RefCell<BTreeMap<(Side, String), u32>>,
    detaches: bool,
}

impl Kernel {
    /// Opens the sockets. Called, and used, on one thread of a tokio runtime; its namespace is the host's.
    pub fn open(netns: Option<BorrowedFd<'_>>) -> Result<Self, KernelError> {
        let failed = |side| {
            move |error: std::io::Error| KernelError::Socket {
                side,
                text: error.to_string(),
            }
        };
        let host = Socket::new(socket::connect().map_err(failed(Side::Host))?);
        let mut pod = None;
        if let Some(netns) = netns {
            let netns = netns.try_clone_to_owned().map_err(failed(Side::Pod))?;
            let inside = Inside::open(netns)?;
            let connected = inside.run(socket::connect)?;
            pod = Some((Socket::new(connected.map_err(failed(Side::Pod))?), inside));
        }
        Ok(Self {
            host,
            pod,
            indices: RefCell::default(),
            detaches: false,
        })
    }

    /// From now on the deletion of a host's interface is over when the kernel has told everybody that it is gone; what it
    /// does after that is waited for by a child process.
    #[must_use]
    pub fn detaching(mut self, detaches: bool) -> Self {
        self.detaches = detaches;
        self
    }

    /// Whether the pod's namespace is open.
    pub fn has_pod(&self) -> bool {
        self.pod.is_some()
    }

    fn pod(&self, what: impl std::fmt::Display) -> Result<&(Socket, Inside), KernelError> {
        self.pod.as_ref().ok_or_else(|| KernelError::NoPod {
            what: what.to_string(),
        })
    }

    fn socket(&self, side: Side, what: impl std::fmt::Display) -> Result<&Socket, KernelError> {
        match side {
            Side::Host => Ok(&self.host),
            Side::Pod => Ok(&self.pod(what)?.0),
        }
    }

    /// The interface's number, asked for once.
    async fn index(&self, side: Side, link: &str) -> Result<Option<u32>, KernelError> {
        let key = (side, link.to_owned());
        if let Some(index) = self.indices.borrow().get(&key) {
            return Ok(Some(*index));
        }
        Ok(self.link(side, link).await?.map(|link| link.index))
    }
}
