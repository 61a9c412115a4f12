//! Over real sockets, with a loop that answers what it is told to.

use std::os::unix::fs::PermissionsExt;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::*;

/// Answers every question with its name.
fn echo(mut http: Http) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let asked = http.next().await;
            let name = format!("{:?}", asked.question);
            asked.answer(Response::text(200, name));
        }
    })
}

async fn exchange(
    mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    head: &str,
) -> String {
    let request = format!("{head} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn both_doors_hand_questions_to_the_loop_and_only_one_shows_routes() {
    let dir = tempfile::tempdir().unwrap();
    let http = Http::open(dir.path(), Some(([127, 0, 0, 1], 0).into())).unwrap();
    let tcp = http.metrics().unwrap();
    echo(http);
    let path = dir.path().join(SOCKET);
    let unix = async |head| exchange(UnixStream::connect(&path).await.unwrap(), head).await;
    let tcp = async |head| exchange(TcpStream::connect(tcp).await.unwrap(), head).await;
    let answer = unix("GET /v1/peers").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nPeers\n"), "{answer}");
    assert!(tcp("GET /metrics").await.ends_with("\r\n\r\nMetrics\n"));
    assert!(tcp("GET /v1/peers").await.starts_with("HTTP/1.1 404 "));
    let refused = unix("DELETE /v1/peers").await;
    assert!(refused.starts_with("HTTP/1.1 405 "), "{refused}");
    assert!(refused.contains("allow: GET\r\n"), "{refused}");
    assert!(
        unix("GET /v1/routes?peer=x&dir=received")
            .await
            .starts_with("HTTP/1.1 400 ")
    );
}

#[tokio::test]
async fn the_socket_is_for_its_owner_and_one_process_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = Http::open(dir.path(), None).unwrap();
    let path = dir.path().join(SOCKET);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let second = Http::open(dir.path(), None).unwrap_err();
    assert!(second.contains("another bgp-sidecar listens here"), "{second}");
    drop(first);
    // The file of the dead one is still there.
    assert!(path.exists());
    tokio::task::yield_now().await;
    echo(Http::open(dir.path(), None).unwrap());
    let answer = exchange(UnixStream::connect(&path).await.unwrap(), "GET /livez").await;
    assert!(answer.ends_with("Live\n"), "{answer}");
    let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(names.len(), 1);
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = Http::open(&dir.path().join("none"), None).unwrap_err();
    assert!(error.contains("none/sidecar.sock: No such file"), "{error}");
}

#[tokio::test]
async fn a_loop_that_hangs_costs_four_seconds_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let _http = Http::open(dir.path(), None).unwrap();
    let stream = UnixStream::connect(dir.path().join(SOCKET)).await.unwrap();
    let answer = exchange(stream, "GET /v1/state").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("no answer within 4 s"), "{answer}");
}

#[tokio::test]
async fn silent_connections_do_not_keep_the_door_shut_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SOCKET);
    echo(Http::open(dir.path(), None).unwrap());
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS {
        silent.push(UnixStream::connect(&path).await.unwrap());
    }
    let stream = UnixStream::connect(&path).await.unwrap();
    let late = tokio::time::timeout(2 * REQUEST, exchange(stream, "GET /livez"));
    assert!(late.await.unwrap().ends_with("Live\n"));
}
