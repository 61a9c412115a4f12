//! What a sidecar says, by HTTP/1.1: this machine's over its socket, another's over the address of its metrics.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// For the whole exchange; the sidecar itself gives up after 5 s.
const LIMIT: Duration = Duration::from_secs(6);

/// The body of the answer, or what is wrong in words.
pub async fn get(socket: &Path, target: &str) -> Result<String, String> {
    let asked = timeout(LIMIT, exchange(socket, target)).await;
    let (status, body) = asked.unwrap_or_else(|_| {
        Err(format!(
            "bgp-sidecar at {} does not answer within {} s: see its log",
            socket.display(),
            LIMIT.as_secs()
        ))
    })?;
    match status {
        200 => Ok(body),
        400.. => Err(body.trim_end().to_owned()),
        _ => Err(format!(
            "{} answers {status}: {}",
            socket.display(),
            body.trim_end()
        )),
    }
}

/// What another machine's sidecar answers, whatever its status: `/readyz` tells its reasons with 503.
pub async fn remote(address: SocketAddr, target: &str) -> Result<(u16, String), String> {
    let asked = async {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| format!("{address}: {error}"))?;
        speak(stream, target, &address.to_string()).await
    };
    timeout(LIMIT, asked)
        .await
        .unwrap_or_else(|_| Err(format!("{address} does not answer within {} s", LIMIT.as_secs())))
}

async fn exchange(socket: &Path, target: &str) -> Result<(u16, String), String> {
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|error| unreachable_words(socket, &error))?;
    speak(stream, target, &socket.display().to_string()).await
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    target: &str,
    whom: &str,
) -> Result<(u16, String), String> {
    let spoken = async {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = Request::get(target)
            .header("host", "bgp-sidecar")
            .body(String::new());
        // A target that is none was made by nobody here.
        let request = request.unwrap_or_default();
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = whole(response.into_body()).await?;
        connection.abort();
        Ok::<_, hyper::Error>((status, body))
    };
    let (status, body) = spoken
        .await
        .map_err(|error| format!("bgp-sidecar at {whom} broke off: {error}"))?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

async fn whole(mut body: Incoming) -> Result<Vec<u8>, hyper::Error> {
    let mut octets = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame?.into_data() {
            octets.extend_from_slice(&data);
        }
    }
    Ok(octets)
}

fn unreachable_words(socket: &Path, error: &std::io::Error) -> String {
    let socket = socket.display();
    let running = "start it, or name its directory with --run-dir";
    let kind = error.kind();
    if kind == ErrorKind::NotFound {
        format!("bgp-sidecar process is not running: there is no {socket}; {running}")
    } else if kind == ErrorKind::ConnectionRefused {
        format!("bgp-sidecar process is not running: nobody answers at {socket}; {running}")
    } else if kind == ErrorKind::PermissionDenied {
        format!("{socket}: {error}; this takes root")
    } else {
        format!("{socket}: {error}")
    }
}

/// Percent-encoded (RFC 3986 §2.1) but for what stands for itself in a query.
pub fn encoded(value: &str) -> String {
    let mut text = String::new();
    for octet in value.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b':' | b'-' | b'_' => {
                text.push(char::from(octet))
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    fn ask(socket: &Path) -> Result<String, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(get(socket, "/v1/peers"))
    }

    /// Somebody who says this to the first who asks.
    fn saying(socket: &Path, answer: &'static str) -> std::thread::JoinHandle<String> {
        let listener = UnixListener::bind(socket).unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 512];
            let count = stream.read(&mut head).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&head[..count]).into_owned()
        })
    }

    #[test]
    fn the_body_of_an_answer_is_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        let other = saying(
            &socket,
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"a\": 1}\n",
        );
        assert_eq!(ask(&socket).unwrap(), "{\"a\": 1}\n");
        assert!(other.join().unwrap().starts_with("GET /v1/peers HTTP/1.1\r\n"));
    }

    #[test]
    fn a_refusal_is_an_error_in_the_sidecars_words() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        let text = "HTTP/1.1 404 Not Found\r\ncontent-length: 16\r\n\r\n10.0.0.7 is none\n";
        let other = saying(&socket, text);
        assert_eq!(ask(&socket).unwrap_err(), "10.0.0.7 is none");
        other.join().unwrap();
    }

    #[test]
    fn a_socket_that_is_not_there_or_dead_says_that_nothing_runs() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        let none = ask(&socket).unwrap_err();
        assert!(
            none.starts_with("bgp-sidecar process is not running: there is no /"),
            "{none}"
        );
        drop(UnixListener::bind(&socket).unwrap());
        let dead = ask(&socket).unwrap_err();
        assert!(dead.contains("is not running: nobody answers at /"), "{dead}");
    }

    #[test]
    fn who_breaks_off_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        let other = saying(&socket, "");
        let error = ask(&socket).unwrap_err();
        assert!(error.contains("broke off"), "{error}");
        other.join().unwrap();
    }
}
