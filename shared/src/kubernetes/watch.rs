//! One Node, followed as it changes: a list at first, then a watch from there on, both of this Node alone
//! (`fieldSelector` metadata.name), so that a user who may see no other suffices.
//!
//! A watch that ends goes on where it was; only when the server does not know that place any more (410) there is a list
//! again. Credentials are read anew each time.

use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use kube::core::params::{ListParams, WatchParams};
use kube::core::{Request, WatchEvent};
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::client::failure;
use super::connect::{Server, server};
use super::{Access, KubernetesError, Node, late};

const NODES: &str = "/api/v1/nodes";
/// The server ends a watch after that, and up to a minute later, so that nodes do not come back together …
const WATCH: u32 = 240;
/// … or is taken for gone after so much more.
const SILENCE: Duration = Duration::from_secs(15);
/// A watch that ends sooner than that, and has told nothing, has not been one.
const SHORTEST: Duration = Duration::from_secs(1);
/// The place where a watch begins is not known any more.
const EXPIRED: u16 = 410;

type Events = Pin<Box<dyn Stream<Item = Result<WatchEvent<Node>, kube::Error>> + Send>>;

/// See the module.
pub struct Followed {
    access: Access,
    name: String,
    patience: Duration,
    /// As of here everything was told.
    version: String,
    watch: Option<Watch>,
    /// Listed, and nothing watched since.
    fresh: bool,
}

struct Watch {
    events: Events,
    server: Server,
    since: Instant,
    told: bool,
    /// Without a word for so long it is dead.
    silence: Duration,
}

#[derive(Deserialize)]
struct Page {
    kind: String,
    metadata: PageMetadata,
    items: Vec<Node>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMetadata {
    resource_version: String,
}

/// Why a step did not end well.
enum Stop {
    /// The server does not know any more what was before.
    Expired,
    Failed(KubernetesError),
}

impl Stop {
    fn of(server: &Server, what: &str, error: &kube::Error) -> Self {
        let expired = matches!(error, kube::Error::Api(status) if status.code == EXPIRED);
        match expired {
            true => Self::Expired,
            false => Self::Failed(failure(server, what, error)),
        }
    }
}

/// The node, where a step tells of it; inside it is `None` when there is none.
type Told = Option<Option<Node>>;

impl Followed {
    /// The node as it is, if it is there; what becomes of it is [`Self::next`]'s. Each request must be answered within
    /// `patience`. Call it inside a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// As [`super::read`].
    pub async fn begin(
        access: &Access,
        name: &str,
        patience: Duration,
    ) -> Result<(Option<Node>, Self), KubernetesError> {
        let mut followed = Self {
            access: access.clone(),
            name: name.to_owned(),
            patience,
            version: String::new(),
            watch: None,
            fresh: true,
        };
        let node = followed.list().await?;
        Ok((node, followed))
    }

    /// The node after its next change, or anew; `None` where it is not there. After an error, begin again.
    ///
    /// # Errors
    /// As [`super::read`].
    pub async fn next(&mut self) -> Result<Option<Node>, KubernetesError> {
        loop {
            let step = match self.watch.take() {
                Some(watch) => self.hear(watch).await,
                None => self.watch().await,
            };
            match step {
                Ok(Some(node)) => return Ok(node),
                Ok(None) => {}
                Err(Stop::Failed(error)) => return Err(error),
                Err(Stop::Expired) if self.fresh => {
                    let what = self.what();
                    let text = format!("the API server has forgotten {what} between its list and its watch");
                    return Err(KubernetesError::Away(text));
                }
                Err(Stop::Expired) => return self.list().await,
            }
        }
    }

    /// Everything anew.
    async fn list(&mut self) -> Result<Option<Node>, KubernetesError> {
        let (server, what) = (server(&self.access).await?, self.what());
        let params = ListParams::default().fields(&self.field());
        let request = Request::new(NODES).list(&params);
        let request = request.map_err(|error| KubernetesError::Missing(format!("{what}: {error}")))?;
        let answer = timeout(self.patience, server.client.request::<Page>(request)).await;
        let page = answer.map_err(|_| late(&server, self.patience))?;
        let page = page.map_err(|error| failure(&server, &what, &error))?;
        if page.kind != "NodeList" {
            let (url, kind) = (&server.url, page.kind);
            return Err(KubernetesError::Answer(format!(
                "{url} answered for {what} with a {kind}: see whether it is an API server's URL"
            )));
        }
        self.version = page.metadata.resource_version;
        self.fresh = true;
        let mut nodes = page.items.into_iter();
        Ok(nodes.find(|node| node.metadata.name == self.name))
    }

    /// Begins a watch.
    async fn watch(&mut self) -> Result<Told, Stop> {
        let server = server(&self.access).await.map_err(Stop::Failed)?;
        let dice = u32::try_from(RandomState::new().hash_one(&self.name) % 60).unwrap_or_default();
        let params = WatchParams::default().fields(&self.field()).timeout(WATCH + dice);
        let request = Request::new(NODES).watch(&params, &self.version);
        let unasked = |error| KubernetesError::Missing(format!("{}: {error}", self.what()));
        let request = request.map_err(|error| Stop::Failed(unasked(error)))?;
        let answer = timeout(self.patience, server.client.request_events::<Node>(request)).await;
        let events = answer.map_err(|_| Stop::Failed(late(&server, self.patience)))?;
        let events = events.map_err(|error| Stop::of(&server, &self.what(), &error))?;
        self.watch = Some(Watch {
            events: Box::pin(events),
            server,
            since: Instant::now(),
            told: false,
            silence: Duration::from_secs((WATCH + dice).into()) + SILENCE,
        });
        Ok(None)
    }

    /// The next event of a watch, which is kept unless it has ended.
    async fn hear(&mut self, mut watch: Watch) -> Result<Told, Stop> {
        let told = match timeout(watch.silence, watch.events.next()).await {
            Ok(Some(Ok(event))) => self.take(event, &watch.server)?,
            Ok(Some(Err(error))) => return Err(Stop::of(&watch.server, &self.what(), &error)),
            Ok(None) if !watch.told && watch.since.elapsed() < SHORTEST => {
                let (url, what, again) = (&watch.server.url, self.what(), watch.server.asker.again());
                let text =
                    format!("the API server {url} ends a watch of {what} as soon as it begins; {again}");
                return Err(Stop::Failed(KubernetesError::Away(text)));
            }
            Ok(None) | Err(_) => return Ok(None),
        };
        watch.told = true;
        self.watch = Some(watch);
        Ok(told)
    }

    /// What an event says.
    fn take(&mut self, event: WatchEvent<Node>, server: &Server) -> Result<Told, Stop> {
        let (node, there) = match event {
            WatchEvent::Added(node) | WatchEvent::Modified(node) => (node, true),
            WatchEvent::Deleted(node) => (node, false),
            WatchEvent::Bookmark(mark) => {
                (self.version, self.fresh) = (mark.metadata.resource_version, false);
                return Ok(None);
            }
            WatchEvent::Error(status) => {
                return Err(Stop::of(server, &self.what(), &kube::Error::Api(status)));
            }
        };
        self.fresh = false;
        if let Some(version) = &node.metadata.resource_version {
            self.version.clone_from(version);
        }
        let own = node.metadata.name == self.name;
        Ok(own.then(|| there.then_some(node)))
    }

    fn field(&self) -> String {
        format!("metadata.name={}", self.name)
    }

    /// For messages.
    fn what(&self) -> String {
        format!("node {}", self.name)
    }
}
