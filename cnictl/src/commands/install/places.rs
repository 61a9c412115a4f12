//! Where everything lies, as the machine itself calls it.

use std::path::{Path, PathBuf};

use super::conflist::ENDINGS;
use super::settings::Told;

/// The folders and files of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The runtime's folder of plugins.
    pub bin_dir: PathBuf,
    /// The runtime's folder of network configurations.
    pub conf_dir: PathBuf,
    /// The conflist, in it.
    pub conflist: PathBuf,
    /// The plugin's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The node's name.
    pub nodename: PathBuf,
    /// The name of our routes' protocol.
    pub protocols: PathBuf,
    /// What survives a boot.
    pub state_dir: PathBuf,
    /// What does not.
    pub run_dir: PathBuf,
}

impl Places {
    /// What is told, and the defaults of what is not.
    ///
    /// # Errors
    /// A path that is not absolute; a name that is a path, or one that no runtime would read.
    pub fn of(told: &Told) -> Result<Self, String> {
        let path = |name: &str| {
            let text = told.text(name);
            match Path::new(text).is_absolute() {
                true => Ok(PathBuf::from(text)),
                false => Err(format!("{name} is {text:?}: give an absolute path")),
            }
        };
        let conf_dir = path("conf_dir")?;
        let name = told.text("conf_name");
        if name.contains('/') || !ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            return Err(format!(
                "conf_name is {name:?}: give a file's name that ends in .conflist, without a folder"
            ));
        }
        let kubeconfig = match told.get("kubeconfig_file") {
            Some(_) => path("kubeconfig_file")?,
            None => conf_dir.join("manx-kubeconfig"),
        };
        Ok(Self {
            bin_dir: path("bin_dir")?,
            conflist: conf_dir.join(name),
            kubeconfig,
            nodename: path("nodename_file")?,
            protocols: path("protocols_file")?,
            state_dir: path("state_dir")?,
            run_dir: path("run_dir")?,
            conf_dir,
        })
    }

    /// What this installation has put where.
    pub fn receipt(&self) -> PathBuf {
        self.state_dir.join("install.json")
    }

    /// One installer at a time.
    pub fn lock(&self) -> PathBuf {
        self.run_dir.join("install.lock")
    }

    /// What the sidecar writes when it is ready.
    pub fn ready(&self) -> PathBuf {
        self.run_dir.join("ready")
    }

    /// What the etcd certificates' folder is called in the conflist; a link, so that all of them change at once.
    pub fn tls(&self) -> PathBuf {
        self.conf_dir.join("manx-tls")
    }

    /// A folder with certificates of this sum.
    pub fn tls_set(&self, sum: &[u8]) -> PathBuf {
        let digits: String = sum.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        self.conf_dir.join(format!(".manx-tls-{digits}"))
    }
}
