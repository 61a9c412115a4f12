//! What outsiders send, read as a call reads it and no further: nothing is opened, asked or touched.

use jiff::Timestamp;
use shared::cni::{Attachment, CniError, Env, NetConf};

use crate::config::{self, Config};

/// What ADD and DEL read of environment, CNI_ARGS and stdin.
///
/// # Errors
/// What the call would be refused for.
pub fn call(env: &Env, conf: &NetConf, attachment: &Attachment) -> Result<(), CniError> {
    let config = Config::new(conf, env)?;
    config::handles(&config.network, attachment);
    Config::is_untold(conf, attachment)?;
    Config::refuse(conf, attachment, "node")?;
    config
        .request(conf, attachment, "node", Timestamp::UNIX_EPOCH)
        .map(|_| ())
}
