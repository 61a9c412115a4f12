//! What an operator does with Calico's resources: show, write, delete and explain them, and see who has which address.
//!
//! | module | holds | touches the world |
//! |---|---|---|
//! | [`args`], [`completion`] | the command line | no |
//! | [`resource`], [`schema`], [`validate`] | kinds, fields, rules: what may be stored | no |
//! | [`decide`] | what a document, a patch or a label writes | no |
//! | [`commands`] | one file per word: read, decide, write, tell | through the [`shared::store::Datastore`] given |
//! | [`view`], [`output`], [`columns`], [`table`], [`sheet`], [`yaml`], [`style`] | how it looks | no |
//! | [`blocks`], [`utilization`], [`generation`], [`life`] | what the data says | no |
//! | [`dry`] | what would be written | through the store behind it |
//! | [`doctor`] | what of a host is not as it should be | no |
//! | [`observe`] | the facts for it | yes |
//! | [`datastore`], [`input`] | which datastore, which files | yes |
//! | [`terminal`] | standard output and error | yes |
//! | [`kubernetes`] | what the API server says | yes |
//! | [`host`] | this machine as something that is installed on | yes |
//! | [`sidecar`] | what the sidecar on this machine says | yes |
//! | [`local`] | this machine as a node: its name, what its kernel holds | yes |

pub mod args;
pub mod blocks;
pub mod cli;
pub mod columns;
pub mod commands;
pub mod completion;
pub mod datastore;
pub mod decide;
pub mod doctor;
pub mod dry;
pub mod generation;
pub mod host;
pub mod input;
pub mod kubernetes;
pub mod life;
pub mod local;
pub mod observe;
pub mod output;
pub mod resource;
pub mod roles;
pub mod schema;
pub mod sheet;
pub mod sidecar;
pub mod stored;
pub mod style;
pub mod table;
pub mod terminal;
pub mod utilization;
pub mod validate;
pub mod view;
pub mod yaml;
