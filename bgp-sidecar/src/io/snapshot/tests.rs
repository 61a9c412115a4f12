use super::*;

fn saved(revision: u64) -> Saved {
    let data = [
        (Key::stored("/calico/a"), b"{\"a\":1}"[..].into()),
        (Key::stored("/calico/b"), [0xff, 0][..].into()),
    ];
    Saved {
        guid: Some("d1c9".to_owned()),
        revision: Revision(revision),
        time: "2026-11-22T16:12:47Z".parse().unwrap(),
        data: Arc::new(data.into_iter().collect()),
    }
}

#[test]
fn what_is_saved_last_is_loaded_by_the_same_node_of_the_same_store() {
    let root = tempfile::tempdir().unwrap();
    let name = Name::new(root.path(), "a", "http://x:2379");
    assert_eq!(name.load(), Ok(None));
    let keeper = Keeper::start(name.clone()).unwrap();
    for revision in 1..=9 {
        keeper.save(saved(revision));
    }
    assert_eq!(keeper.close(), None);
    assert_eq!(name.load(), Ok(Some(saved(9))));
    for (node, store) in [("b", "http://x:2379"), ("a", "http://y:2379")] {
        assert_eq!(Name::new(root.path(), node, store).load(), Ok(None));
    }
}

#[test]
fn a_burst_is_written_once_a_second() {
    let (orders, inbox) = channel();
    let thread = std::thread::spawn(move || {
        let mut written = Vec::new();
        work(&inbox, |saved| written.push(saved.revision.0));
        written
    });
    for revision in 1..=300 {
        orders.send(saved(revision)).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(orders);
    let written = thread.join().unwrap();
    assert!(written.len() <= 3, "{written:?}");
    assert_eq!(written.last(), Some(&300));
}

#[test]
fn a_broken_file_is_named() {
    let root = tempfile::tempdir().unwrap();
    let name = Name::new(root.path(), "a", "s");
    replace(&name.path, b"{").unwrap();
    assert!(
        name.load()
            .unwrap_err()
            .contains(&name.path.display().to_string())
    );
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    let keeper = Keeper::start(Name::new(&file, "a", "s")).unwrap();
    keeper.save(saved(1));
    assert!(keeper.close().unwrap().contains("snapshot "));
}
