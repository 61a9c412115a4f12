//! Power cuts, killed installers and upgrades: no reader ever sees half of anything, and no starting pod is lost.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use integration::installation::Installation;
use integration::process::Cmd;
use integration::wait::eventually;
use integration::{Lab, Pod, require};

use super::install::{FOLDERS, embedded, with_pool};

/// `cnictl install` on a root folder, under strace with these options.
fn traced_install(lab: &Lab, root: &str, options: &[&str]) -> Cmd {
    Cmd::new(require::tool("strace"))
        .no_env()
        .args(options)
        .args([require::dist("cnictl")])
        .args(["install", "--root", root, "--nodename", "worker01", "--no-wait"])
        .within(lab.node.netns())
}

/// The order of the system calls that count, by strace: content, its sync, its rename, its folder's sync.
#[test]
fn every_file_is_synced_before_it_has_its_name_and_its_folder_after() {
    let lab = embedded();
    let machine = Installation::new(&lab.node).words(&["--no-wait"]);
    let trace = machine.path("/trace");
    let root = machine.path("/").display().to_string();
    let watched = "trace=fsync,rename,renameat,renameat2";
    let out = trace.display().to_string();
    let options = ["-f", "-y", "-qq", "-s", "4096", "-e", watched, "-o", &out];
    traced_install(&lab, &root, &options).ok();
    let trace = fs::read_to_string(&trace).expect("a trace");
    let calls: Vec<&str> = trace.lines().filter(|line| line.contains(&root)).collect();
    let renames: Vec<usize> = (0..calls.len())
        .filter(|at| calls[*at].contains("rename"))
        .collect();
    assert!(renames.len() >= 6, "{calls:#?}");
    for at in &renames {
        let new = calls[*at].split('"').nth(1).expect("its first name");
        let folder = new.rsplit_once('/').expect("a path").0;
        assert!(
            calls[at - 1].contains("fsync") && calls[at - 1].contains(new),
            "{calls:#?}"
        );
        let after = calls[at + 1];
        assert!(
            after.contains("fsync") && after.contains(&format!("<{folder}>")),
            "{calls:#?}"
        );
    }
    let last = calls[*renames.last().expect("some")];
    assert!(
        last.contains("10-manx.conflist"),
        "the conflist is last: {calls:#?}"
    );
}

/// The installer is killed at its first rename, its second, and so on: what lies there is whole, the conflist never comes
/// before what it needs, and the next call completes it.
#[test]
fn an_installer_killed_at_any_rename_leaves_whole_files_and_the_next_one_completes_it() {
    let lab = embedded();
    for number in 1.. {
        let machine = Installation::new(&lab.node).words(&["--no-wait"]);
        let inject = format!("inject=rename,renameat,renameat2:signal=KILL:when={number}");
        let watched = "trace=rename,renameat,renameat2";
        let options = ["-f", "-qq", "-e", watched, "-e", &inject, "-o", "/dev/null"];
        let root = machine.path("/").display().to_string();
        let answer = traced_install(&lab, &root, &options).run();
        if answer.status.success() {
            assert!(number > 6, "only {number} renames");
            return;
        }
        for program in ["cni-ipam", "cni-net"] {
            let there = fs::read(machine.path(&format!("/opt/cni/bin/{program}"))).ok();
            let whole = fs::read(require::dist(program)).expect("it is built");
            assert!(there.is_none_or(|there| there == whole), "half of {program}");
            let complete = machine.path("/opt/cni/bin/cni-net").is_file();
            assert!(
                machine.conflist().is_none() || complete,
                "the conflist came before the plugin"
            );
        }
        machine.install().ok();
        assert_eq!(machine.conf()["type"], "cni-net");
        let left: Vec<_> = machine
            .entries(&FOLDERS)
            .into_iter()
            .map(|(name, ..)| name)
            .collect();
        assert!(!left.iter().any(|name| name.ends_with(".manx-new")), "{left:?}");
    }
}

const UPGRADES: usize = 50;

/// Two builds take each other's place fifty times while pods come and go: no ADD and no DEL fails.
#[test]
fn fifty_upgrades_lose_no_pod_that_starts_meanwhile() {
    let lab = embedded();
    let machine = Installation::new(&lab.node).words(&["--no-wait"]);
    machine.install().ok();
    with_pool(&machine, &lab);
    let conf = machine.conf();
    let builds = [machine.build(0), machine.build(1)];
    let (over, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let pod = Pod::new("upgraded");
                while !over.load(Ordering::SeqCst) {
                    for verb in ["ADD", "DEL"] {
                        machine.call(verb, &conf, &pod).ok_only();
                    }
                    machine.conflist().expect("the conflist is always there");
                    done.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        // A failed upgrade ends the others, too.
        let upgraded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for number in 0..UPGRADES {
                let seen = done.load(Ordering::SeqCst);
                let answer = machine.upgrade(&builds[number % 2]).quiet().run().ok();
                assert!(
                    answer.stdout.contains("write /opt/cni/bin/cni-net"),
                    "{}",
                    answer.told()
                );
                if number % 10 == 9 {
                    eventually("pods come and go", || {
                        (done.load(Ordering::SeqCst) > seen).then_some(())
                    });
                }
            }
        }));
        over.store(true, Ordering::SeqCst);
        upgraded.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    assert!(done.into_inner() >= UPGRADES / 10);
}

#[test]
fn an_upgrade_needs_an_installation_and_remembers_what_that_was_told() {
    let lab = embedded();
    let machine = Installation::new(&lab.node).words(&[
        "--no-wait",
        "--mtu",
        "1400",
        "--conf-name",
        "07-manx.conflist",
    ]);
    let build = machine.build(0);
    let none = machine.upgrade(&build).run();
    assert!(
        !none.status.success() && none.stderr.contains("cnictl install"),
        "{}",
        none.told()
    );
    machine.install().ok();
    let conflist = machine.text("/etc/cni/net.d/07-manx.conflist");
    assert!(
        conflist.as_ref().is_some_and(|text| text.contains("1400")),
        "{conflist:?}"
    );
    let upgrade = machine.upgrade(&build).run().ok();
    assert_eq!(machine.text("/etc/cni/net.d/07-manx.conflist"), conflist);
    assert!(!upgrade.stdout.contains("conflist"), "{}", upgrade.told());
}
