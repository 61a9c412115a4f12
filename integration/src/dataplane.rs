//! Calico's gRPC data plane as a test sees one: it notes what it is asked and answers as it is told. It makes nothing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use prost::Message;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;

/// An address and its gateway.
#[derive(Clone, PartialEq, Message)]
pub struct Ip {
    /// With its length.
    #[prost(string, tag = "1")]
    pub address: String,
    /// None is "".
    #[prost(string, tag = "2")]
    pub gateway: String,
}

/// Forwarding and MTU.
#[derive(Clone, PartialEq, Message)]
pub struct Settings {
    /// `container_settings.allow_ip_forwarding`.
    #[prost(bool, tag = "1")]
    pub allow_ip_forwarding: bool,
    /// 0 is unset.
    #[prost(int32, tag = "2")]
    pub mtu: i32,
}

/// Whose the interface is.
#[derive(Clone, PartialEq, Message)]
pub struct Workload {
    /// The record's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its namespace.
    #[prost(string, tag = "2")]
    pub namespace: String,
    /// Its labels.
    #[prost(map = "string, string", tag = "3")]
    pub labels: HashMap<String, String>,
    /// The pod's annotations.
    #[prost(map = "string, string", tag = "4")]
    pub annotations: HashMap<String, String>,
    /// The node.
    #[prost(string, tag = "6")]
    pub node: String,
    /// The pod.
    #[prost(string, tag = "8")]
    pub pod: String,
}

/// What it is asked: of a DEL only name, namespace and options (which have another number there).
#[derive(Clone, PartialEq, Message)]
pub struct Asked {
    /// The pod end.
    #[prost(string, tag = "1")]
    pub interface_name: String,
    /// The namespace's path.
    #[prost(string, tag = "2")]
    pub netns: String,
    /// The host end.
    #[prost(string, tag = "3")]
    pub desired_host_interface_name: String,
    /// How it is to be.
    #[prost(message, optional, tag = "4")]
    pub settings: Option<Settings>,
    /// Addresses.
    #[prost(message, repeated, tag = "5")]
    pub container_ips: Vec<Ip>,
    /// Routes.
    #[prost(string, repeated, tag = "6")]
    pub container_routes: Vec<String>,
    /// Whose.
    #[prost(message, optional, tag = "7")]
    pub workload: Option<Workload>,
    /// Every text of `dataplane_options`.
    #[prost(map = "string, string", tag = "8")]
    pub dataplane_options: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct AskedDel {
    #[prost(string, tag = "1")]
    interface_name: String,
    #[prost(string, tag = "2")]
    netns: String,
    #[prost(map = "string, string", tag = "3")]
    dataplane_options: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct Reply {
    #[prost(bool, tag = "1")]
    successful: bool,
    #[prost(string, tag = "2")]
    error_message: String,
    #[prost(string, tag = "3")]
    host_interface_name: String,
    #[prost(string, tag = "4")]
    container_mac: String,
}

#[derive(Default)]
struct State {
    asked: Mutex<Vec<(String, Asked)>>,
    fails: Mutex<Option<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The data plane; gone when dropped.
pub struct DataPlane {
    state: Arc<State>,
    socket: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl DataPlane {
    /// The host end and the MAC that it says it made.
    pub const MADE: (&str, &str) = ("dp0", "0a:58:0a:00:00:09");

    /// One that listens on this path.
    pub fn start(socket: &Path) -> Self {
        let state = Arc::new(State::default());
        let (stop, stopped) = oneshot::channel();
        let listener = std::os::unix::net::UnixListener::bind(socket)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
        let shared = state.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
            runtime.block_on(async {
                let listener = UnixListener::from_std(listener);
                let listener = listener.unwrap_or_else(|error| panic!("listener: {error}"));
                tokio::select! { () = serve(listener, shared) => {}, _ = stopped => {} }
            });
        });
        Self {
            state,
            socket: socket.to_owned(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// As in `dataplane_options`.
    pub fn socket(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// From now on it fails and says why; `None` is success.
    pub fn fail(&self, why: Option<&str>) {
        *lock(&self.state.fails) = why.map(str::to_owned);
    }

    /// What it was asked, each by its path.
    pub fn asked(&self) -> Vec<(String, Asked)> {
        lock(&self.state.asked).clone()
    }
}

impl Drop for DataPlane {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        drop(std::fs::remove_file(&self.socket));
    }
}

async fn serve(listener: UnixListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, state.clone()));
    }
}

async fn connection(stream: UnixStream, state: Arc<State>) -> Option<()> {
    let mut connection = h2::server::handshake(stream).await.ok()?;
    while let Some(Ok((request, respond))) = connection.accept().await {
        let state = state.clone();
        tokio::spawn(async move {
            let path = request.uri().path().to_owned();
            let mut body = request.into_body();
            let mut bytes = BytesMut::new();
            while let Some(Ok(part)) = body.data().await {
                drop(body.flow_control().release_capacity(part.len()));
                bytes.extend_from_slice(&part);
            }
            note(&state, path, bytes.get(5..).unwrap_or_default());
            answer(&state, respond);
        });
    }
    Some(())
}

/// A gRPC message stands behind five bytes: no compression, and its length.
fn note(state: &State, path: String, message: &[u8]) {
    let asked = match path.ends_with("/Del") {
        false => Asked::decode(message).unwrap_or_default(),
        true => {
            let del = AskedDel::decode(message).unwrap_or_default();
            Asked {
                interface_name: del.interface_name,
                netns: del.netns,
                dataplane_options: del.dataplane_options,
                ..Asked::default()
            }
        }
    };
    lock(&state.asked).push((path, asked));
}

fn answer(state: &State, mut respond: SendResponse<Bytes>) {
    let fails = lock(&state.fails).clone();
    let (host, mac) = DataPlane::MADE;
    let reply = Reply {
        successful: fails.is_none(),
        error_message: fails.unwrap_or_default(),
        host_interface_name: host.to_owned(),
        container_mac: mac.to_owned(),
    };
    let message = reply.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap_or_default();
    let framed = [&[0], &length.to_be_bytes()[..], &message].concat();
    let head = http::Response::builder()
        .header("content-type", "application/grpc")
        .body(());
    let (Ok(head), mut trailers) = (head, http::HeaderMap::new()) else {
        return;
    };
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    if let Ok(mut stream) = respond.send_response(head, false) {
        drop(stream.send_data(framed.into(), false));
        drop(stream.send_trailers(trailers));
    }
}
