//! What the install container would do on a node.

use integration::manifests::Manifests;
use integration::process::{Answer, Cmd};
use integration::{Lab, require};

/// A dry run with the container's variables, on a root folder with the plugins that every machine has.
pub(super) fn dry_run(all: &Manifests, lab: &Lab) -> Answer {
    let plugins = lab.path("host/opt/cni/bin");
    std::fs::create_dir_all(&plugins).expect("a folder");
    for plugin in ["portmap", "bandwidth"] {
        std::fs::write(plugins.join(plugin), "").expect("a plugin");
    }
    let mut command = Cmd::new(require::dist("cnictl")).no_env();
    for (name, value) in all.environment("install", "worker-101") {
        command = command.env(&name, value);
    }
    let secrets = lab.path("secrets");
    std::fs::create_dir_all(&secrets).expect("a folder");
    for name in ["etcd-ca", "etcd-cert", "etcd-key"] {
        std::fs::write(secrets.join(name), name).expect("a certificate");
    }
    command
        .args(["install", "--dry-run", "--root"])
        .args([lab.path("host")])
        .args(["--tls-from"])
        .args([&secrets])
        .args(["--service-account-dir", "/nowhere"])
        .run()
        .ok()
}
