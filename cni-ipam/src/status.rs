//! STATUS: whether an ADD could work, from local facts only; the datastore is never dialled.

use shared::cni::Env;
use shared::cni::NetConf;
use shared::cni::{CniError, Code};

use crate::config::{Config, datastore};
use crate::error;

pub(crate) fn status(env: &Env, conf: &NetConf) -> Result<(), CniError> {
    let config = Config::new(conf, env)?;
    Config::readable(conf)?;
    let naming = &config.naming;
    shared::state::nodename::resolve(
        naming.nodename.as_deref(),
        naming.file.as_deref(),
        naming.hostname.as_deref(),
    )
    .map_err(|error| error::state(&error))?;
    let (choice, _) = datastore(conf, env, shared::store::open::used_etcd(&config.dirs))?;
    shared::store::open::usable(&choice)
        .map_err(|error| CniError::new(Code::PluginNotAvailable, error.to_string()))
}
