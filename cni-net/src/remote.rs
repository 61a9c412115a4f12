//! Calico's gRPC data plane: with netconf `dataplane_options` of type "grpc" another program on this node makes the
//! pod's interface, routes and host end, and takes them away. Edge: it dials.
//!
//! | field | meaning |
//! |---|---|
//! | `dataplane_options.socket` | `unix:///path` or `host:port`, plaintext |
//! | every other text in `dataplane_options` | handed to it as it is |
//!
//! One call per ADD and DEL, of at most five seconds. This plugin then does nothing to the kernel itself: no interface, no
//! route, no sysctl; CHECK compares record and addresses only.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use shared::cni::{CniError, Code, NetConf};
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic_prost::ProstCodec;

mod message;

pub(crate) use message::{AddReply, AddRequest, ContainerIp, DelReply, DelRequest, Port, Settings, Workload};

/// The longest that one call may take.
const LONGEST: Duration = Duration::from_secs(5);

/// Where the data plane listens, and what it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    socket: String,
    /// Every text of `dataplane_options`.
    pub(crate) options: BTreeMap<String, String>,
}

impl Remote {
    /// The data plane that the configuration names; `None` is this plugin's own.
    ///
    /// # Errors
    /// Another type than "linux" and "grpc", or no usable socket.
    pub(crate) fn of(conf: &NetConf) -> Result<Option<Self>, CniError> {
        let invalid = |text: String| Err(CniError::new(Code::InvalidConfig, text));
        match conf.text("dataplane_options.type")?.as_deref() {
            None | Some("linux") => return Ok(None),
            Some("grpc") => {}
            Some(other) => {
                return invalid(format!(
                    "dataplane_options.type {other:?} is no data plane: \"linux\" or \"grpc\""
                ));
            }
        }
        let socket = conf.text("dataplane_options.socket")?.unwrap_or_default();
        let uri = match socket.split_once(':') {
            Some(("unix", path)) if path.starts_with('/') => socket.clone(),
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                format!("http://{socket}")
            }
            Some(_) | None => {
                return invalid(format!(
                    "dataplane_options.socket {socket:?}: where the gRPC data plane listens, such as \
                     \"unix:///var/run/dataplane.sock\""
                ));
            }
        };
        let options = conf.field::<BTreeMap<String, Value>>("dataplane_options")?;
        let texts = options.unwrap_or_default().into_iter();
        let options = texts.filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())));
        Ok(Some(Self {
            socket: uri,
            options: options.collect(),
        }))
    }

    /// Asks it to make a pod's interface.
    ///
    /// # Errors
    /// It does not answer, or answers that it could not.
    pub(crate) async fn add(&self, request: AddRequest, left: Duration) -> Result<AddReply, CniError> {
        let path = PathAndQuery::from_static("/cni.CniDataplane/Add");
        let reply: AddReply = self.call("Add", (path, request), left).await?;
        match reply.successful {
            true => Ok(reply),
            false => Err(self.refused("Add", &reply.error_message)),
        }
    }

    /// Asks it to take a pod's interface away.
    ///
    /// # Errors
    /// It does not answer, or answers that it could not.
    pub(crate) async fn del(&self, request: DelRequest, left: Duration) -> Result<(), CniError> {
        let path = PathAndQuery::from_static("/cni.CniDataplane/Del");
        let reply: DelReply = self.call("Del", (path, request), left).await?;
        match reply.successful {
            true => Ok(()),
            false => Err(self.refused("Del", &reply.error_message)),
        }
    }

    async fn call<M, R>(
        &self,
        what: &str,
        (path, message): (PathAndQuery, M),
        left: Duration,
    ) -> Result<R, CniError>
    where
        M: prost::Message + Send + Sync + 'static,
        R: prost::Message + Default + Send + Sync + 'static,
    {
        let patience = left.min(LONGEST);
        let away = |why: String| {
            let text = format!(
                "gRPC data plane {}: {what}: {why}; see whether it runs, or leave dataplane_options out",
                self.socket
            );
            CniError::new(Code::TryAgainLater, text)
        };
        let asked = tokio::time::timeout(patience, async {
            let endpoint = Endpoint::from_shared(self.socket.clone()).map_err(|error| chain(&error))?;
            let channel = endpoint.connect().await.map_err(|error| chain(&error))?;
            let mut client = Grpc::new(channel);
            client.ready().await.map_err(|error| chain(&error))?;
            let codec = ProstCodec::<M, R>::default();
            let reply = client.unary(Request::new(message), path, codec).await;
            reply.map_err(|status| format!("{:?}: {}", status.code(), status.message()))
        });
        match asked.await {
            Ok(Ok(reply)) => Ok(reply.into_inner()),
            Ok(Err(why)) => Err(away(why)),
            Err(_) => Err(away(format!("no answer within {} ms", patience.as_millis()))),
        }
    }

    fn refused(&self, what: &str, why: &str) -> CniError {
        let text = format!("gRPC data plane {}: {what} failed: {why}", self.socket);
        CniError::new(Code::KernelRefused, text)
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(options: Value) -> Result<Option<Remote>, CniError> {
        let conf = json!({"cniVersion": "1.0.0", "name": "net", "dataplane_options": options});
        Remote::of(&NetConf::parse(conf.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn a_socket_and_every_text_are_taken() {
        let remote = of(json!({"type": "grpc", "socket": "unix:///run/x", "a": "b", "n": 1})).unwrap();
        let remote = remote.unwrap();
        assert_eq!(remote.socket, "unix:///run/x");
        let texts = [("a", "b"), ("socket", "unix:///run/x"), ("type", "grpc")];
        let texts = texts.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(remote.options, BTreeMap::from(texts));
        let tcp = of(json!({"type": "grpc", "socket": "127.0.0.1:9"}))
            .unwrap()
            .unwrap();
        assert_eq!(tcp.socket, "http://127.0.0.1:9");
        for none in [json!(null), json!({}), json!({"type": "linux", "socket": "x"})] {
            assert_eq!(of(none).unwrap(), None);
        }
    }

    #[test]
    fn what_names_no_data_plane_is_refused() {
        for options in [
            json!({"type": "dpdk"}),
            json!({"type": "grpc"}),
            json!({"type": "grpc", "socket": "/run/x"}),
            json!({"type": "grpc", "socket": "unix:x"}),
        ] {
            let error = of(options.clone()).unwrap_err();
            assert_eq!(error.code, Code::InvalidConfig, "{options}");
            assert!(error.msg.contains("dataplane_options"), "{error}");
        }
    }
}
