//! Edge: what BGP speakers say to each other, taken off the wire by tcpdump, as whole messages. Only their outside is read
//! here: which prefixes come and which go.

mod message;
mod stream;

use std::path::PathBuf;

use crate::daemon::Daemon;
use crate::fabric::Folder;
use crate::netns::Netns;
use crate::wait::eventually;

pub use message::{Kind, Message};

/// A tcpdump that runs until it is dropped.
pub struct Capture {
    tcpdump: Daemon,
    file: PathBuf,
    folder: Folder,
}

impl Capture {
    /// What passes an Ethernet interface on TCP port 179, from now on.
    pub fn start(netns: &Netns, interface: &str) -> Self {
        let mut folder = Folder::new(&format!("tcpdump in {}", netns.name()));
        let (file, log) = (folder.path("bgp.pcap"), folder.log("tcpdump"));
        let tcpdump = netns
            .command("tcpdump")
            .args(["-n", "-i", interface, "--immediate-mode", "-U", "-w"])
            .args([&file])
            .args(["tcp", "port", "179"])
            .serve(&log);
        let mut capture = Self {
            tcpdump,
            file,
            folder,
        };
        eventually("tcpdump listens", || {
            let ended = capture.tcpdump.ended();
            assert!(ended.is_none(), "tcpdump ended: {}", capture.folder.told());
            capture.folder.told().contains("listening on").then_some(())
        });
        capture
    }

    /// Every message so far, in the order in which they were complete.
    pub fn messages(&self) -> Vec<Message> {
        let octets = std::fs::read(&self.file).unwrap_or_default();
        stream::messages(&octets)
    }

    /// Waits for a message.
    pub fn sees(&self, what: &str, is_it: impl Fn(&Message) -> bool) -> Message {
        eventually(&format!("on the wire: {what}"), || {
            self.messages().into_iter().find(&is_it)
        })
    }

    /// Waits until a speaker has announced a prefix: whatever it said before has been captured.
    pub fn sees_announced(&self, from: &str, prefix: &str) {
        let what = format!("{from} announces {prefix}");
        let is_it = |message: &Message| message.from == from && message.announces(prefix);
        drop(self.sees(&what, is_it));
    }

    /// Waits until a speaker has opened so many connections, and has said everything over the last of them.
    pub fn sees_everything(&self, from: &str, opens: usize) {
        eventually(
            &format!("{from} has opened {opens} connections and said everything"),
            || {
                let messages = self.messages();
                let of_it = messages.iter().filter(|message| message.from == from);
                let (mut opened, mut ended) = (0, false);
                for message in of_it {
                    let opens = message.kind() == Kind::Open;
                    opened += usize::from(opens);
                    ended = (ended && !opens) || message.ends();
                }
                (opened >= opens && ended).then_some(())
            },
        );
    }

    /// How many messages of a kind a speaker has sent.
    pub fn count(&self, from: &str, kind: Kind) -> usize {
        let is_it = |message: &&Message| message.from == from && message.kind() == kind;
        self.messages().iter().filter(is_it).count()
    }

    /// How many connections were opened, whoever opened them and whatever became of them. Two that dial each other may open
    /// two for one session.
    pub fn opens(&self) -> usize {
        let messages = self.messages();
        messages.iter().filter(|one| one.kind() == Kind::Open).count()
    }

    /// Fails if anybody has withdrawn the prefix.
    pub fn never_withdrawn(&self, prefix: &str) {
        for message in self.messages() {
            assert!(!message.withdraws(prefix), "{prefix} is withdrawn: {message}");
        }
    }
}
