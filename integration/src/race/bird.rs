//! BIRD 2, configured as Calico configures it for a reflector.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::NUMBER;
use super::arena::{Ends, Task};
use crate::bird::Bird;
use crate::netns::Netns;

/// RTPROT_BIRD.
const PROTOCOL: u8 = 12;

/// Gone with its routes when dropped.
pub(super) struct Running<'a> {
    netns: &'a Netns,
    bird: Bird,
}

pub(super) fn start<'a>(
    netns: &'a Arc<Netns>,
    peers: &[Ipv4Addr],
    task: Task,
) -> (i32, u8, Box<dyn Ends + 'a>) {
    let bird = Bird::start(netns, &conf(peers, task));
    let pid = bird.pid();
    (pid, PROTOCOL, Box::new(Running { netns, bird }))
}

fn conf(peers: &[Ipv4Addr], task: Task) -> String {
    let kernel = match task.kernel {
        true => {
            "protocol kernel { persist; scan time 60; ipv4 { import none; export where source = RTS_BGP; }; }"
        }
        false => "",
    };
    let mut text = format!(
        "log stderr {{ warning, error, fatal, bug }};\nrouter id 172.20.0.11;\nprotocol device {{ scan time 60; }}\n\
         protocol direct {{ ipv4; }}\n{kernel}\n\
         template bgp served {{\n local 172.20.0.11 as {NUMBER};\n rr client;\n rr cluster id 244.0.0.1;\n \
         passive on;\n graceful restart on;\n error wait time 1, 2;\n connect delay time 1;\n\
         ipv4 {{ import all; export where source = RTS_BGP; }};\n}}\n"
    );
    for (index, peer) in peers.iter().enumerate() {
        let _ = writeln!(
            text,
            "protocol bgp c{index} from served {{ neighbor {peer} as {NUMBER}; }}"
        );
    }
    text
}

impl Ends for Running<'_> {}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.bird.kill();
        self.netns.try_ip(&format!("route flush proto {PROTOCOL}"));
    }
}
