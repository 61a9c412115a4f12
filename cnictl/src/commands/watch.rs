//! `cnictl get -w`: what is stored, and every change of it as it happens, until the reader has enough.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::model::key::{Key, Prefix};
use shared::store::{Change, Datastore, StoreError, Watch, WatchEvent};
use shared::txn::{Range, Revision, Snapshot};

use super::get::{self, Query, What};
use super::{Outcome, Screen};
use crate::columns::{self, Column};
use crate::output::{self, Format, Layout};
use crate::resource::Kind;
use crate::table::Grid;
use crate::view;

/// Follows the objects. Ends with the reader, or when the datastore refuses.
pub async fn run<S: Datastore>(store: &S, query: &Query, screen: &mut dyn Screen) -> Outcome {
    match Follower::new(store, query, screen).await {
        Ok(mut follower) => follower
            .follow(store)
            .await
            .err()
            .map_or_else(Outcome::default, Outcome::failed),
        Err(error) => Outcome::failed(error),
    }
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Added,
    Modified,
    Deleted,
}

impl Event {
    fn word(self) -> &'static str {
        match self {
            Event::Added => "ADDED",
            Event::Modified => "MODIFIED",
            Event::Deleted => "DELETED",
        }
    }
}

struct Follower<'a> {
    query: &'a Query,
    kind: Kind,
    layout: Layout,
    columns: Option<Vec<Column>>,
    grid: Option<Grid>,
    screen: &'a mut dyn Screen,
    /// Everything that was told and is still there.
    known: BTreeMap<Key, Value>,
    /// As of then.
    at: Revision,
    gone: bool,
}

impl<'a> Follower<'a> {
    /// Tells what is there.
    async fn new<S: Datastore>(
        store: &S,
        query: &'a Query,
        screen: &'a mut dyn Screen,
    ) -> Result<Self, String> {
        let kind = kind(&query.what)?;
        let snapshot = get::read(store, query).await?;
        let layout = query.layout(&snapshot)?;
        let columns = output::columns_of(&query.format, kind, layout.namespace)?;
        let mut follower = Self {
            query,
            kind,
            layout,
            grid: columns.as_ref().map(|columns| Grid::new(titles(columns))),
            columns,
            screen,
            known: BTreeMap::new(),
            at: Revision(0),
            gone: false,
        };
        follower.begin(store).await?;
        Ok(follower)
    }

    /// The titles, wide enough for what is there, and what is there.
    async fn begin<S: Datastore>(&mut self, store: &S) -> Result<(), String> {
        let (objects, at) = self.listed(store).await?;
        let rows: Vec<Vec<String>> = objects
            .values()
            .map(|object| self.row(Event::Modified, object))
            .collect();
        if let Some(grid) = &mut self.grid {
            grid.fit(&rows);
            let titles = grid.titles();
            self.say(&titles);
        }
        self.changed_to(objects, at)
    }

    /// Every object that is asked for.
    async fn listed<S: Datastore>(&self, store: &S) -> Result<(BTreeMap<Key, Value>, Revision), String> {
        let prefixes = self.prefixes();
        let reads = prefixes
            .iter()
            .cloned()
            .fold(shared::txn::Reads::new(), shared::txn::Reads::prefix);
        let snapshot = store.read(&reads).await.map_err(|error| error.to_string())?;
        let at = prefixes
            .iter()
            .filter_map(|prefix| snapshot.read_at(&Range::Prefix(prefix.clone())));
        Ok((self.wanted(&snapshot, &prefixes), at.max().unwrap_or_default()))
    }

    fn wanted(&self, snapshot: &Snapshot, prefixes: &[Prefix]) -> BTreeMap<Key, Value> {
        let all = prefixes.iter().flat_map(|prefix| snapshot.under(prefix));
        let shown = all.filter_map(|(key, entry)| {
            let object = view::shown(self.kind, key, entry).ok()?;
            self.asks_for(key, &object).then(|| (key.clone(), object))
        });
        shown.collect()
    }

    fn prefixes(&self) -> Vec<Prefix> {
        match &self.query.what {
            What::All(kind) => self.query.prefixes(*kind),
            What::These(targets) => {
                let namespaces = targets.iter().map(|target| target.namespace.as_str());
                let mut prefixes: Vec<Prefix> = namespaces
                    .flat_map(|namespace| self.kind.prefixes(Some(namespace)))
                    .collect();
                prefixes.sort();
                prefixes.dedup();
                prefixes
            }
        }
    }

    fn asks_for(&self, key: &Key, object: &Value) -> bool {
        match &self.query.what {
            What::All(_) => true,
            What::These(targets) if self.kind == Kind::BlockAffinity => {
                targets.iter().any(|target| target.name == view::name(object))
            }
            What::These(targets) => targets.iter().any(|target| target.key() == *key),
        }
    }

    /// Tells the differences between what was told and what is.
    fn changed_to(&mut self, objects: BTreeMap<Key, Value>, at: Revision) -> Result<(), String> {
        let before = std::mem::take(&mut self.known);
        for (key, object) in &before {
            if !objects.contains_key(key) {
                self.tell(Event::Deleted, object)?;
            }
        }
        for (key, object) in &objects {
            match before.get(key) {
                None => self.tell(Event::Added, object)?,
                Some(old) if old != object => self.tell(Event::Modified, object)?,
                Some(_) => {}
            }
        }
        (self.known, self.at) = (objects, at);
        Ok(())
    }

    async fn follow<S: Datastore>(&mut self, store: &S) -> Result<(), String> {
        let mut failures = 0_u32;
        while !self.gone {
            let lost = match store.watch(&self.prefixes(), self.at).await {
                Ok(watch) => self.until_lost(watch, &mut failures).await?,
                Err(error) => Some(error),
            };
            match lost {
                Some(error @ (StoreError::Refused(_) | StoreError::Config(_))) => {
                    return Err(error.to_string());
                }
                Some(error) => {
                    failures += 1;
                    if failures == 1 {
                        self.screen
                            .err(&format!("Warning: {error}; going on when it is back\n"));
                    }
                    store.pause(failures).await.map_err(|error| error.to_string())?;
                }
                // The history is gone: what is there now counts.
                None if !self.gone => match self.listed(store).await {
                    Ok((objects, at)) => self.changed_to(objects, at)?,
                    Err(_) => store.pause(1).await.map_err(|error| error.to_string())?,
                },
                None => {}
            }
        }
        Ok(())
    }

    /// Tells what happens, until the watch ends (with why) or its history is gone (nothing).
    async fn until_lost(
        &mut self,
        mut watch: impl Watch,
        failures: &mut u32,
    ) -> Result<Option<StoreError>, String> {
        while !self.gone {
            match watch.next().await {
                Ok(WatchEvent::Batch(at, changes)) => {
                    for change in changes {
                        self.change(change)?;
                    }
                    (self.at, *failures) = (at, 0);
                }
                Ok(WatchEvent::Progress(at)) => (self.at, *failures) = (at, 0),
                Ok(WatchEvent::Compacted) => return Ok(None),
                Err(error) => return Ok(Some(error)),
            }
        }
        Ok(None)
    }

    fn change(&mut self, change: Change) -> Result<(), String> {
        match change {
            Change::Put(key, entry) => {
                let Ok(object) = view::shown(self.kind, &key, &entry) else {
                    return Ok(());
                };
                if !self.asks_for(&key, &object) {
                    return Ok(());
                }
                let event = match self.known.get(&key) {
                    Some(old) if *old == object => return Ok(()),
                    Some(_) => Event::Modified,
                    None => Event::Added,
                };
                self.tell(event, &object)?;
                self.known.insert(key, object);
            }
            Change::Delete(key, _) => {
                if let Some(object) = self.known.remove(&key) {
                    self.tell(Event::Deleted, &object)?;
                }
            }
        }
        Ok(())
    }

    fn row(&self, event: Event, object: &Value) -> Vec<String> {
        let columns = self.columns.as_deref().unwrap_or_default();
        let cells = columns::row(self.kind, object, columns, self.layout.as_number);
        std::iter::once(event.word().to_owned()).chain(cells).collect()
    }

    fn tell(&mut self, event: Event, object: &Value) -> Result<(), String> {
        let line = match (&self.query.format, &self.grid) {
            (_, Some(grid)) => grid.line(&self.row(event, object)),
            (Format::Yaml, None) => {
                let document = json!({"type": event.word(), "object": object});
                format!("---\n{}", output::document(&self.query.format, &document)?)
            }
            (Format::Json, None) => format!("{}\n", json!({"type": event.word(), "object": object})),
            (_, None) => format!("{} {}\n", event.word(), output::reference(self.kind, object)),
        };
        self.say(&line);
        Ok(())
    }

    fn say(&mut self, text: &str) {
        self.gone = self.gone || !self.screen.out(text);
    }
}

fn titles(columns: &[Column]) -> Vec<String> {
    std::iter::once("EVENT".to_owned())
        .chain(columns::header(columns))
        .collect()
}

/// Objects of several kinds have no columns in common.
fn kind(what: &What) -> Result<Kind, String> {
    match what {
        What::All(kind) => Ok(*kind),
        What::These(targets) => match targets.as_slice() {
            [] => Err("no resources specified".to_owned()),
            [first, rest @ ..] if rest.iter().all(|target| target.kind == first.kind) => Ok(first.kind),
            _ => Err("-w follows objects of one kind: give it for each kind by itself".to_owned()),
        },
    }
}
