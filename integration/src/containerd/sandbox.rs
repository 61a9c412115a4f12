//! One pod of a containerd: its sandbox and one container in it, which waits.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::{BUSYBOX, Containerd};
use crate::json::{text, with};
use crate::process::Answer;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A pod that has been started; it stays until [`Sandbox::remove`].
pub struct Sandbox<'a> {
    containerd: &'a Containerd<'a>,
    /// The runtime's identifier, which is CNI's container ID.
    pub id: String,
    spec: Value,
}

impl<'a> Sandbox<'a> {
    pub(super) fn run(containerd: &'a Containerd<'a>, name: &str, linux: Value) -> Result<Self, Answer> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let uid = format!(
            "6f1d0d32-5c1e-4d5f-8a6f-{:012x}",
            u64::from(std::process::id()) << 16 | u64::from(number)
        );
        let spec = json!({
            "metadata": {"name": name, "namespace": "default", "uid": uid, "attempt": 0},
            "log_directory": containerd.path("logs"), "linux": linux
        });
        let file = containerd
            .folder
            .write(&format!("pod-{number}.json"), &spec.to_string());
        let answer = containerd.crictl(&["runp"]).args([&file]).run();
        match answer.status.success() {
            true => Ok(Self {
                containerd,
                id: answer.stdout.trim().to_owned(),
                spec,
            }),
            false => Err(answer),
        }
    }

    /// A container of an image in it, started; its identifier.
    pub fn container(&self, image: &str, command: &[&str]) -> String {
        self.start(&json!({"image": {"image": image}, "command": command, "linux": {}}))
    }

    /// The same, described as the runtime's interface has it.
    pub fn start(&self, spec: &Value) -> String {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let spec = with(spec.clone(), "metadata", json!({"name": format!("c{number}")}));
        let spec = with(spec, "log_path", format!("c{number}.log"));
        let containerd = self.containerd;
        let container = containerd
            .folder
            .write(&format!("container-{number}.json"), &spec.to_string());
        let pod = containerd
            .folder
            .write(&format!("of-{number}.json"), &self.spec.to_string());
        let created = containerd
            .crictl(&["create", &self.id])
            .args([&container, &pod])
            .ok();
        let id = created.trim().to_owned();
        containerd.crictl(&["start", &id]).ok();
        id
    }

    /// What a container has said.
    pub fn log(&self, container: &str) -> String {
        let answer = self.containerd.crictl(&["logs", container]).quiet().run();
        answer.stdout + &answer.stderr
    }

    /// A container with a shell, which waits.
    pub fn shell(&self) -> String {
        self.container(BUSYBOX, &["/bin/sleep", "86400"])
    }

    /// What a command in a container says.
    pub fn exec(&self, container: &str, command: &[&str]) -> Answer {
        self.containerd.crictl(&["exec", container]).args(command).run()
    }

    /// Its address, as `crictl inspectp` shows it.
    pub fn address(&self) -> String {
        let shown = self.containerd.crictl(&["inspectp", &self.id]).run().ok().json();
        text(&shown, "/status/network/ip").to_owned()
    }

    /// Stops it: its network goes.
    pub fn stop(&self) {
        self.containerd.crictl(&["stopp", &self.id]).ok();
    }

    /// Stops and removes it; again, as the kubelet would, where containerd kills a container that is just ending by itself.
    pub fn remove(self) {
        let removal = || self.containerd.crictl(&["rmp", "-f", &self.id]).run();
        let mut answer = removal();
        if answer.stderr.contains("ttrpc: closed") {
            answer = removal();
        }
        answer.ok();
    }
}
