//! Edge: what goes over an interface, as tcpdump captures it and reads it to people.

use std::path::PathBuf;

use crate::daemon::Daemon;
use crate::fabric::Folder;
use crate::netns::Netns;
use crate::process::Cmd;
use crate::require;
use crate::wait::eventually;

/// A capture that goes on until it is dropped.
pub struct Packets {
    file: PathBuf,
    _daemon: Daemon,
    _folder: Folder,
}

impl Packets {
    /// Of what passes a filter (pcap-filter(7)); returns when nothing is missed any more.
    pub fn start(netns: &Netns, interface: &str, filter: &str) -> Self {
        let mut folder = Folder::new(&format!("tcpdump of {interface} in {}", netns.name()));
        let (file, log) = (folder.path("capture.pcap"), folder.log("tcpdump"));
        let daemon = Cmd::new(require::tool("tcpdump"))
            .args([
                "-n",
                "-p",
                "-U",
                "--immediate-mode",
                "-Z",
                "root",
                "-i",
                interface,
                "-w",
            ])
            .args([&file])
            .args(filter.split_whitespace())
            .within(netns)
            .serve(&log);
        eventually(&format!("tcpdump listens on {interface}"), || {
            folder.told().contains("listening on").then_some(())
        });
        Self {
            file,
            _daemon: daemon,
            _folder: folder,
        }
    }

    /// Every packet so far, in tcpdump's words; what it says of a packet may be several lines.
    pub fn all(&self) -> Vec<String> {
        // The last packet may be half written.
        let answer = Cmd::new(require::tool("tcpdump"))
            .quiet()
            .args(["-nn", "-v", "-r"])
            .args([&self.file])
            .run();
        let mut packets: Vec<String> = Vec::new();
        for line in answer.stdout.lines() {
            match packets.last_mut() {
                Some(packet) if line.starts_with(char::is_whitespace) => {
                    packet.push('\n');
                    packet.push_str(line);
                }
                Some(_) | None => packets.push(line.to_owned()),
            }
        }
        packets
    }

    /// Waits for a packet of which tcpdump says all of these words; every packet so far.
    pub fn sees(&self, words: &[&str]) -> Vec<String> {
        eventually(&format!("a packet with {words:?}"), || {
            let packets = self.all();
            let is_it = |packet: &String| words.iter().all(|word| packet.contains(word));
            packets.iter().any(is_it).then_some(packets)
        })
    }
}
