//! Peers by hand: dials a daemon as many neighbours, announces, and prints each second what they have heard.
//!
//! ```text
//! bgp-injector --to 192.0.2.1 --from 192.0.2.10 --peers 2 --as 64512 --prefixes 10.0.0.0/26 --count 100000
//! ```
//! The addresses must be this namespace's. The prefixes are announced by the first peer, or with `--by all` in equal parts
//! by all; `--sets 100` gives them 100 different sets of attributes. Ctrl-C ends it, and with it the sessions.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use integration::injector::{Peers, Space, Swarm};
use integration::wait::PATIENCE;

const USAGE: &str = "bgp-injector --to ADDRESS --from FIRST-ADDRESS [--peers 1] [--as 64512] [--daemon-as 64512] [--hold 90] \
     [--prefixes 10.0.0.0/26] [--count 0] [--sets 1] [--by first|all]";

fn main() {
    let given = arguments();
    let get = |name: &str, default: &str| given.get(name).cloned().unwrap_or_else(|| default.to_owned());
    let number = |name: &str, default: &str| number(name, &get(name, default));
    let address = |name: &str| {
        let text = get(name, "");
        let address = text.parse::<Ipv4Addr>();
        address.unwrap_or_else(|_| end(&format!("--{name} {text:?} is no IPv4 address")))
    };
    let own = u32::try_from(number("as", "64512")).unwrap_or_default();
    let theirs = u32::try_from(number("daemon-as", &own.to_string())).unwrap_or_default();
    let peers = Peers {
        to: address("to"),
        from: address("from"),
        count: number("peers", "1"),
        number: own,
        internal: own == theirs,
        hold: u16::try_from(number("hold", "90")).unwrap_or(90),
    };
    let prefixes = get("prefixes", "10.0.0.0/26");
    let (first, length) = prefixes.split_once('/').unwrap_or((&prefixes, "32"));
    let space = Space {
        first: first
            .parse()
            .unwrap_or_else(|_| end(&format!("--prefixes {prefixes:?}"))),
        length: length
            .parse()
            .unwrap_or_else(|_| end(&format!("--prefixes {prefixes:?}"))),
        count: number("count", "0"),
    };
    speak(
        &mut Swarm::new(peers, space),
        number("sets", "1"),
        get("by", "first") == "all",
    );
}

fn speak(swarm: &mut Swarm, sets: usize, all: bool) {
    swarm.up(PATIENCE);
    println!("all sessions are up");
    let start = Instant::now();
    let (peers, count) = (swarm.peers().count, swarm.space().count);
    let each = if all { count / peers } else { count };
    for who in 0..if all { peers } else { 1 } {
        swarm.announce(who, who * each..(who + 1) * each, sets.max(1));
    }
    loop {
        swarm.pass(Duration::from_secs(1));
        println!("{:.1?}", start.elapsed());
        for who in 0..peers.min(5) {
            let session = swarm.session(who);
            let held = session.held().count();
            println!(
                "  {}: holds {held}, {} octets to write, {:?}{}",
                swarm.peers().address(who),
                session.unwritten(),
                session.heard(),
                session
                    .ended()
                    .map_or(String::new(), |why| format!(", ended: {why}")),
            );
        }
    }
}

fn arguments() -> BTreeMap<String, String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let pair = |pair: &[String]| match pair {
        [name, value] => name
            .strip_prefix("--")
            .map(|name| (name.to_owned(), value.clone())),
        _ => None,
    };
    let pairs = words.chunks(2).map(pair);
    pairs
        .map(|one| one.unwrap_or_else(|| end("flags have a value each")))
        .collect()
}

fn number(name: &str, text: &str) -> usize {
    text.parse()
        .unwrap_or_else(|_| end(&format!("--{name} {text:?} is no number")))
}

fn end(why: &str) -> ! {
    eprintln!("{why}\n{USAGE}");
    std::process::exit(2)
}
