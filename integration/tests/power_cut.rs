//! The node loses its power while a DEL writes down what it owes: the spool as the disk has it then, before the next boot's
//! first call.

use std::fs;
use std::path::PathBuf;

use integration::traces::Traces;
use integration::{Kind, Lab};

use super::owed::{hurried, pooled, web};

/// How far the writing of a file had come.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// It had its first name, and nothing in it.
    Empty,
    /// Half of its text.
    Half,
    /// All of it, and not its last name.
    Unnamed,
    /// It had its name, and the folder was not synced: the old one is there.
    Renamed,
}

fn as_left_by(cut: Cut, path: &PathBuf) {
    let text = fs::read(path).expect("DEL wrote it");
    let mut first = path.clone().into_os_string();
    first.push(".new");
    let kept = match cut {
        Cut::Empty => 0,
        Cut::Half => text.len() / 2,
        Cut::Unnamed => text.len(),
        Cut::Renamed => return,
    };
    fs::write(&first, &text[..kept]).expect("the laboratory's own folder");
    fs::remove_file(path).expect("the laboratory's own folder");
}

/// DEL had not answered yet, so that the runtime asks again; after a boot nothing of `run_dir` is there.
#[test]
fn a_spool_that_was_cut_off_while_it_was_written_loses_nothing_and_leaves_nothing() {
    for cut in [Cut::Empty, Cut::Half, Cut::Unnamed, Cut::Renamed] {
        eprintln!("{cut:?}");
        let mut lab = pooled(Lab::new(Kind::Etcd));
        let conf = lab.node.conf();
        let before = Traces::of(&lab);
        let pod = web();
        lab.node.add(&conf, &pod);
        lab.etcd_mut().kill(0);
        lab.node.call("DEL", &hurried(&conf), &pod).run().silent();
        let names = lab.node.spool();
        assert_eq!(names.len(), 2, "{names:?}");
        for name in names {
            as_left_by(cut, &lab.node.state_dir().join("spool").join(name));
        }
        fs::remove_dir_all(lab.node.run_dir()).expect("ADD made it");
        lab.etcd_mut().revive(0);
        lab.etcd().wait_until_healthy();
        lab.node.del(&conf, &pod);
        // A file without its last name is nobody's: nothing reads it, and nothing waits for it.
        for name in lab.node.spool() {
            assert!(name.ends_with(".new") || matches!(cut, Cut::Renamed), "{name}");
            if name.ends_with(".new") {
                fs::remove_file(lab.node.state_dir().join("spool").join(name)).expect("it is there");
            }
        }
        lab.node.settle(&conf);
        before.unchanged(&lab);
    }
}
