//! A name server that knows a few names, for the resolver of a program under test. It listens on the leaf.

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::lab::{LEAF, Lab};

const PAUSE: Duration = Duration::from_millis(50);
/// Types of records (RFC 1035 §3.2.2, RFC 3596 §2.1).
const A: u16 = 1;
const AAAA: u16 = 28;

/// The server; gone when dropped.
pub struct Dns {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Dns {
    /// One for the laboratory that knows these names; no other name exists.
    pub fn start(lab: &Lab, names: &[(&str, &str)]) -> Self {
        let name = |(name, address): &(&str, &str)| {
            let address = address.parse();
            (
                (*name).to_owned(),
                address.unwrap_or_else(|error| panic!("{name}: {error}")),
            )
        };
        let names: Vec<(String, IpAddr)> = names.iter().map(name).collect();
        let socket = lab.leaf.enter(|| UdpSocket::bind((LEAF, 53)));
        let socket = socket.unwrap_or_else(|error| panic!("{LEAF}:53: {error}"));
        let timeout = socket.set_read_timeout(Some(PAUSE));
        timeout.unwrap_or_else(|error| panic!("{LEAF}:53: {error}"));
        let stop = Arc::new(AtomicBool::new(false));
        let over = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while !over.load(Ordering::SeqCst) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                if let Some(answer) = answer(&buffer[..length], &names) {
                    drop(socket.send_to(&answer, from));
                }
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The answer to one question (RFC 1035 §4); nothing for what is none.
fn answer(query: &[u8], names: &[(String, IpAddr)]) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes(query.get(at..at + 2)?.try_into().ok()?);
    let question = query.get(12..at + 4)?;
    let name = labels.join(".");
    let known: Vec<IpAddr> = names
        .iter()
        .filter(|(one, _)| *one == name)
        .map(|(_, address)| *address)
        .collect();
    let records: Vec<Vec<u8>> = known
        .iter()
        .filter_map(|address| match (address, kind) {
            (IpAddr::V4(address), A) => Some(address.octets().to_vec()),
            (IpAddr::V6(address), AAAA) => Some(address.octets().to_vec()),
            _ => None,
        })
        .collect();
    // A response, recursion available; a name that nobody has does not exist (code 3).
    let code = if known.is_empty() { 0x83 } else { 0x80 };
    let count = u8::try_from(records.len()).ok()?;
    let mut answer = [&query[..2], &[0x81, code, 0, 1, 0, count, 0, 0, 0, 0], question].concat();
    for record in records {
        answer.extend([0xc0, 12]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 60, 0]);
        answer.push(u8::try_from(record.len()).ok()?);
        answer.extend(record);
    }
    Some(answer)
}
