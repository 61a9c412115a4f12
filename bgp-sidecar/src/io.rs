//! The only part that knows sockets, clocks and files.
//!
//! | module | does |
//! |---|---|
//! | [`cli`] | arguments, and what is printed |
//! | `daemon` | the event loop: what happens goes into the speaker, what it answers is done |
//! | `tcp` | connections |
//! | `kernel` | routes, links, addresses |
//! | `calls` | what the plugins have noted of their calls |
//! | `kubernetes` | this node, asked for at the API server |
//! | `datastore` | what is stored, now and whenever it changes |
//! | `snapshot` | the last good data, for a start without a datastore |
//! | `names` | hosts by their names |
//! | `life` | one sidecar a node |
//! | `http` | the status socket, metrics, readiness |

pub(crate) mod calls;
pub mod cli;
mod daemon;
pub(crate) mod datastore;
pub(crate) mod http;
pub(crate) mod kernel;
mod kubernetes;
pub(crate) mod life;
mod names;
mod pause;
pub(crate) mod snapshot;
pub(crate) mod tcp;
