//! A veth pair with Calico's 169.254.1.1 gateway for every pod: the plugin ([`CniNet`]), and the door by which what outsiders
//! send is read alone ([`outside`]).

mod apply;
mod command;
mod config;
mod error;
mod facts;
mod gates;
mod hostlocal;
mod mtu;
mod names;
mod netns;
mod observe;
pub mod outside;
mod plan;
mod record;
mod remote;
mod status;
mod wiring;

pub use command::CniNet;
