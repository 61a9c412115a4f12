//! A bare watch of etcd, by its JSON gateway: what anybody who waits for a key could have.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::json;

use super::{Etcd, client_port};
use crate::base64::to64;
use crate::wait::PATIENCE;

/// One that runs.
pub struct Watch {
    stream: TcpStream,
    told: String,
}

impl Etcd {
    /// A watch of everything below a prefix, from now on.
    pub fn watch(&self, prefix: &str) -> Watch {
        let end = format!("{}0", prefix.trim_end_matches('/'));
        let body = json!({"create_request": {"key": to64(prefix), "range_end": to64(&end)}}).to_string();
        let (stream, address) = self.dial();
        let mut watch = Watch {
            stream,
            told: String::new(),
        };
        let request = format!(
            "POST /v3/watch HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let sent = watch.stream.write_all(request.as_bytes());
        sent.unwrap_or_else(|error| panic!("etcd at {address}: {error}"));
        watch.until("\"created\":true");
        watch
    }

    fn dial(&self) -> (TcpStream, String) {
        let address = format!("{}:{}", self.host, client_port(0));
        let stream = self.netns.enter(|| TcpStream::connect(&address));
        let stream = stream.unwrap_or_else(|error| panic!("etcd at {address}: {error}"));
        let limit = stream.set_read_timeout(Some(PATIENCE));
        limit.unwrap_or_else(|error| panic!("etcd at {address}: {error}"));
        (stream, address)
    }
}

impl Watch {
    /// When the next event came.
    pub fn change(&mut self) -> Instant {
        self.until("\"events\":")
    }

    fn until(&mut self, word: &str) -> Instant {
        let end = Instant::now() + PATIENCE;
        let mut buffer = [0; 16 * 1024];
        loop {
            let at = Instant::now();
            if let Some(found) = self.told.find(word) {
                self.told.drain(..found + word.len());
                return at;
            }
            assert!(at < end, "etcd's watch tells nothing: {}", self.told);
            match self.stream.read(&mut buffer) {
                Ok(0) => panic!("etcd's watch has ended: {}", self.told),
                Ok(count) => self.told.push_str(&String::from_utf8_lossy(&buffer[..count])),
                Err(error) => panic!("etcd's watch: {error}"),
            }
        }
    }
}
