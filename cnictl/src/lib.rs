//! What an operator does with Calico's resources: apply, show, delete them, and see who has which address.
//!
//! | module | holds | touches the world |
//! |---|---|---|
//! | [`args`] | the command line | no |
//! | [`resource`], [`schema`], [`validate`] | kinds, fields, rules: what may be stored | no |
//! | [`decide`] | what applying a document writes | no |
//! | [`commands`] | one file per word: read, decide, write, tell | through the [`shared::store::Datastore`] given |
//! | [`table`], [`columns`], [`yaml`], [`utilization`] | how it looks | no |
//! | [`datastore`], [`input`] | which datastore, which files | yes |
//! | [`kubernetes`] | what the API server says | yes |
//! | [`host`] | this machine as something that is installed on | yes |
//! | [`sidecar`] | what the sidecar on this machine says | yes |
//! | [`local`] | this machine as a node: its name, what its kernel holds | yes |

pub mod args;
pub mod cli;
pub mod columns;
pub mod commands;
pub mod datastore;
pub mod decide;
pub mod host;
pub mod input;
pub mod kubernetes;
pub mod local;
pub mod resource;
pub mod schema;
pub mod sidecar;
pub mod stored;
pub mod table;
pub mod utilization;
pub mod validate;
pub mod yaml;
