//! Edge: the files of the embedded store, and what can be wrong with them.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: time and randomness of a new store"
)]

use std::fmt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};

use heed::types::Bytes;
use heed::{CommitOrAbort, Env, EnvOpenOptions, MdbError, RoTxn, WithoutTls};
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::statfs::{self, FsType, statfs};
use nix::sys::time::TimeSpec;
use serde_json::json;

use super::super::deadline::Deadline;
use super::super::{Change, StoreError};
use super::table::Table;
use super::turn;
use crate::model::key::{Key, Plural, Prefix};
use crate::txn::{Commit, Guard, Reads, Snapshot, Txn, Write};

/// Address space, not disk: the file grows with what is in it. The same for every opener, and fit for 32 bits.
const MAP_BYTES: usize = 1 << 30;
/// Processes that read at the same moment.
const READERS: u32 = 1024;
/// File systems without a shared memory map that every process sees, or whose locks other machines do not.
const REFUSED: [(FsType, &str); 8] = [
    (statfs::NFS_SUPER_MAGIC, "NFS"),
    (statfs::OVERLAYFS_SUPER_MAGIC, "overlay"),
    (statfs::AFS_SUPER_MAGIC, "AFS"),
    (statfs::CODA_SUPER_MAGIC, "Coda"),
    (FsType(0x0102_1997), "9p"),
    (FsType(0x00c3_6400), "Ceph"),
    (FsType(0xff53_4d42), "CIFS"),
    (FsType(0xfe53_4d42), "SMB"),
];

/// The open store.
pub(super) struct Files {
    path: PathBuf,
    env: Env<WithoutTls>,
    table: Table,
    /// Of `data.mdb` when it was opened.
    inode: u64,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Files").field(&self.path).finish()
    }
}

impl Files {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let unusable = |what: &dyn fmt::Display| {
            StoreError::Config(format!("embedded store {}: {what}", path.display()))
        };
        let mut builder = std::fs::DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| unusable(&error))?;
        let system = statfs(path).map_err(|error| unusable(&error))?.filesystem_type();
        if let Some((_, name)) = REFUSED.iter().find(|(refused, _)| *refused == system) {
            return Err(unusable(&format!(
                "it lies on {name}, where processes do not see each other's writes: set \"state_dir\" to a \
                 directory on a local disk"
            )));
        }
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(MAP_BYTES).max_readers(READERS);
        let env = env(&options, path).map_err(|error| explain(path, &error))?;
        // Readers that were killed: without this their snapshots would keep every old page alive.
        env.clear_stale_readers().map_err(|error| explain(path, &error))?;
        let table = table(&env).map_err(|error| explain(path, &error))?;
        let path = env.path().to_owned();
        let inode = inode(&path).map_err(|error| unusable(&error))?;
        Ok(Self {
            path,
            env,
            table,
            inode,
        })
    }

    /// Whether the path still leads to the file that is open.
    pub(super) fn is_in_place(&self) -> bool {
        inode(&self.path).is_ok_and(|inode| inode == self.inode)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file that every commit writes to.
    pub(super) fn data(&self) -> PathBuf {
        data(&self.path)
    }

    fn reader(&self) -> heed::Result<RoTxn<'_, WithoutTls>> {
        reader(&self.env)
    }

    /// All ranges at one revision; `None` if a commit is already in the file and not yet shown to readers. It
    /// is about to be, unless its writer was killed just there: then it shows up only with the next writer,
    /// and whoever cleans up after that writer must not miss it. So [`Files::settle`], and read `settled`.
    pub(super) fn read(&self, reads: &Reads, settled: bool) -> Result<Option<Snapshot>, StoreError> {
        let written = self.env.info().last_txn_id;
        let snapshot = self.reader().and_then(|reader| {
            if reader.id() < written && !settled {
                return Ok(None);
            }
            self.table.snapshot(&reader, reads).map(Some)
        });
        snapshot.map_err(|error| explain(&self.path, &error))
    }

    /// Waits for the writer that is in a commit, or takes over from one that was killed in it (LMDB does, as
    /// soon as its lock is taken).
    pub(super) fn settle(&self) -> Result<(), StoreError> {
        self.env
            .write_txn()
            .map(drop)
            .map_err(|error| explain(&self.path, &error))
    }

    pub(super) fn changes(
        &self,
        prefixes: &[Prefix],
        after: u64,
    ) -> Result<Option<(u64, Vec<Change>)>, StoreError> {
        self.reader()
            .and_then(|reader| self.table.changes(&reader, prefixes, after))
            .map_err(|error| explain(&self.path, &error))
    }

    /// Blocks while another process writes.
    pub(super) fn commit(&self, txn: &Txn) -> Result<Commit, StoreError> {
        self.try_commit(txn).map_err(|error| explain(&self.path, &error))
    }

    fn try_commit(&self, txn: &Txn) -> heed::Result<Commit> {
        let mut writer = self.env.write_txn()?;
        for guard in &txn.guards {
            if !self.table.holds(&writer, guard)? {
                return Ok(Commit::Conflict(self.table.snapshot(&writer, &txn.otherwise)?));
            }
        }
        let revision = self.table.write(&mut writer, &txn.writes)?;
        writer.commit()?;
        // LMDB's own write wakes watchers a moment before readers see the new revision; this one comes after.
        // It cannot fail for an owner of the file, and the next commit would make up for it.
        let now = TimeSpec::UTIME_NOW;
        let _ = utimensat(
            nix::fcntl::AT_FDCWD,
            &self.data(),
            &now,
            &now,
            UtimensatFlags::FollowSymlink,
        );
        Ok(Commit::Applied(revision))
    }
}

fn data(path: &Path) -> PathBuf {
    path.join("data.mdb")
}

pub(super) fn is_there(path: &Path) -> bool {
    data(path).try_exists().unwrap_or(true)
}

fn inode(path: &Path) -> std::io::Result<u64> {
    Ok(data(path).symlink_metadata()?.ino())
}

#[expect(
    unsafe_code,
    reason = "LMDB maps the file: only its own processes may write to it"
)]
fn env(options: &EnvOpenOptions<WithoutTls>, path: &Path) -> heed::Result<Env<WithoutTls>> {
    // SAFETY: the directory is ours (0700) and local, nothing but LMDB writes to the files, and LMDB's lock file
    // orders those who do.
    unsafe { options.open(path) }
}

fn reader(env: &Env<WithoutTls>) -> heed::Result<RoTxn<'_, WithoutTls>> {
    match env.read_txn() {
        Err(heed::Error::Mdb(MdbError::ReadersFull)) => {
            env.clear_stale_readers()?;
            env.read_txn()
        }
        other => other,
    }
}

/// The unnamed table is always there.
fn table(env: &Env<WithoutTls>) -> heed::Result<Table> {
    let opened = env.open_databases_and_commit(reader(env)?, |opener, reader| {
        let database = opener.open_database::<Bytes, Bytes>(reader, None)?;
        Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(database))
    })?;
    let database = opened.commit().flatten();
    database.map(Table).ok_or(heed::Error::Mdb(MdbError::Invalid))
}

/// The first opener writes the ClusterInformation; who comes second finds it.
pub(super) fn give_birth(files: &Arc<Files>, deadline: &Deadline) -> Result<(), StoreError> {
    let key = Key::resource(Plural::ClusterInformations, "default");
    // Not "is the key there": who deletes it later means it.
    let born = files
        .reader()
        .and_then(|reader| files.table.revision(&reader))
        .map_err(|error| explain(&files.path, &error))?;
    if born > 0 {
        return Ok(());
    }
    let mut txn = Txn::default();
    txn.guard(Guard::Absent(key.clone()));
    txn.write(Write::Put(key, information().to_string().into_bytes()));
    let last = || format!("{}: another process holds the store's lock", files.path.display());
    let left = deadline.left(last)?;
    let (reply, answer) = channel();
    let files = Arc::clone(files);
    let path = files.path.clone();
    std::thread::spawn(move || {
        let turn = turn::wait(&files.path);
        let outcome = files.commit(&txn);
        drop((turn, files));
        reply.send(outcome)
    });
    match answer.recv_timeout(left) {
        Ok(outcome) => outcome.map(|_| ()),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(deadline.over(format!(
            "{}: another process holds the store's lock",
            path.display()
        ))),
    }
}

/// A cluster of one machine, which is ready.
fn information() -> serde_json::Value {
    json!({
        "kind": "ClusterInformation",
        "apiVersion": "projectcalico.org/v3",
        "metadata": {
            "name": "default",
            "uid": uuid::Uuid::new_v4().to_string(),
            "creationTimestamp": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        },
        "spec": {
            "clusterGUID": uuid::Uuid::new_v4().simple().to_string(),
            "datastoreReady": true,
        },
    })
}

/// LMDB's error, with the path and the way out.
fn explain(path: &Path, error: &heed::Error) -> StoreError {
    let text = |hint: &str| format!("embedded store {}: {error}{hint}", path.display());
    let lmdb = |known: MdbError| matches!(error, heed::Error::Mdb(found) if *found == known);
    let system = match error {
        heed::Error::Io(io) => io.raw_os_error(),
        heed::Error::Mdb(_)
        | heed::Error::Encoding(_)
        | heed::Error::Decoding(_)
        | heed::Error::EnvAlreadyOpened => None,
    };
    if matches!(error, heed::Error::EnvAlreadyOpened) {
        return StoreError::Config(text(" (a process opens it once and clones it)"));
    }
    if lmdb(MdbError::Panic) || system == Some(libc::EIO) {
        return StoreError::Ambiguous(text(""));
    }
    if lmdb(MdbError::ReadersFull) {
        return StoreError::Unreachable(text(" (1024 processes read at once)"));
    }
    for (hit, hint) in [
        (lmdb(MdbError::MapFull), " (1 GiB is its limit)"),
        (lmdb(MdbError::BadValSize), " (a key is too long)"),
        (system == Some(libc::ENOSPC), " (the disk is full)"),
    ] {
        if hit {
            return StoreError::Refused(text(hint));
        }
    }
    StoreError::Config(text(""))
}
