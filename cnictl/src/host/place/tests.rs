#![expect(clippy::disallowed_methods, reason = "tests: files")]

use std::path::PathBuf;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(folder: &Path) -> Vec<String> {
    super::super::files::names(folder)
}

fn done(root: &Path, step: Step) {
    carry_out(&Root(root.to_owned()), &step).unwrap();
}

fn twice(root: &Path, step: &Step) {
    for _ in 0..2 {
        done(root, step.clone());
    }
}

fn put_step(path: &str, text: &str, mode: u32) -> Step {
    Step::Put {
        path: PathBuf::from(path),
        bytes: text.into(),
        mode,
    }
}

#[test]
fn a_file_has_its_mode_and_nothing_unfinished_stays_beside_it() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("f");
    done(
        root.path(),
        Step::MakeDir {
            path: "/f".into(),
            mode: 0o700,
        },
    );
    assert_eq!(mode(&folder), 0o700);
    fs::write(
        folder.join(".a.manx-new"),
        "half of what a killed installer wrote",
    )
    .unwrap();
    for (text, bits) in [("one", 0o755), ("two", 0o600), ("two", 0o644)] {
        done(root.path(), put_step("/f/a", text, bits));
        assert_eq!(fs::read_to_string(folder.join("a")).unwrap(), text);
        assert_eq!(mode(&folder.join("a")), bits);
    }
    assert_eq!(names(&folder), ["a"]);
}

#[test]
fn what_cannot_be_written_leaves_the_old_file_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("f/a/x")).unwrap();
    let error = carry_out(&Root(root.path().to_owned()), &put_step("/f/a", "new", 0o644)).unwrap_err();
    assert!(error.contains("/f/a"), "{error}");
    assert_eq!(names(&root.path().join("f")), ["a"]);
    let error = carry_out(&Root(root.path().to_owned()), &put_step("/none/a", "new", 0o644)).unwrap_err();
    assert!(error.contains("/none/a"), "{error}");
}

#[test]
fn a_running_program_can_be_replaced() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("sleep");
    fs::copy("/bin/sleep", &path).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test's own child")]
    let mut child = std::process::Command::new(&path).arg("600").spawn().unwrap();
    done(root.path(), put_step("/sleep", "new", 0o755));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
}

#[test]
fn what_is_kept_is_put_back_and_every_step_may_be_done_twice() {
    let root = tempfile::tempdir().unwrap();
    let text = |name: &str| fs::read_to_string(root.path().join(name)).ok();
    fs::write(root.path().join("calico"), "theirs").unwrap();
    let (path, aside) = (PathBuf::from("/calico"), PathBuf::from("/calico.before"));
    for _ in 0..2 {
        done(
            root.path(),
            Step::Keep {
                path: path.clone(),
                aside: aside.clone(),
            },
        );
        assert_eq!(
            text("calico").as_deref(),
            Some("theirs"),
            "a reader misses nothing"
        );
    }
    let link = Step::Link {
        path: path.clone(),
        to: "cni-net".into(),
    };
    twice(root.path(), &link);
    assert_eq!(
        fs::read_link(root.path().join("calico")).unwrap(),
        PathBuf::from("cni-net")
    );
    let put_back = Step::PutBack {
        path: path.clone(),
        aside,
    };
    twice(root.path(), &put_back);
    assert_eq!(text("calico").as_deref(), Some("theirs"));
    assert_eq!(names(root.path()), ["calico"]);
    twice(root.path(), &Step::Remove { path });
    assert!(names(root.path()).is_empty());
}

#[test]
fn a_folder_goes_when_it_is_empty_and_a_tree_but_for_what_stays() {
    let root = tempfile::tempdir().unwrap();
    for path in ["state/spool/a", "state/data/data.mdb", "state/x", "other/file"] {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    done(
        root.path(),
        Step::RemoveDir {
            path: "/other".into(),
        },
    );
    assert_eq!(names(root.path()), ["other", "state"]);
    let (path, but) = (PathBuf::from("/state"), Some(PathBuf::from("/state/data")));
    done(
        root.path(),
        Step::RemoveTree {
            path: path.clone(),
            but,
        },
    );
    assert_eq!(names(&root.path().join("state")), ["data"]);
    for _ in 0..2 {
        done(
            root.path(),
            Step::RemoveTree {
                path: path.clone(),
                but: None,
            },
        );
        done(root.path(), Step::RemoveDir { path: "/none".into() });
    }
    assert_eq!(names(root.path()), ["other"]);
}
