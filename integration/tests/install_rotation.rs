//! What is renewed on a node (etcd's certificates) reaches the plugins while pods come and go, and none of them fails.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use integration::certificates::Certificates;
use integration::daemon::Daemon;
use integration::installation::{Entry, Installation};
use integration::wait::eventually;
use integration::{Lab, Pod};
use serde_json::Value;

/// How often the certificates are renewed.
const RENEWALS: usize = 10;

fn secured() -> Lab {
    let lab = Lab::secured();
    lab.pool("pool", "10.0.0.0/24", 26);
    lab
}

/// One that stays, with these certificates in its Secret.
fn installer(machine: &Installation<'_>, endpoints: &str, certificates: &Certificates) -> Daemon {
    let secret = machine.secret("0", certificates);
    let command = machine
        .install()
        .args(["--no-wait", "--etcd-endpoints", endpoints, "--tls-from"])
        .args([&secret]);
    machine.watch(command)
}

/// A pod comes and goes until it is over; each time is counted.
fn comes_and_goes(machine: &Installation<'_>, conf: &Value, over: &AtomicBool, done: &AtomicUsize) {
    let pod = Pod::new("renewed");
    while !over.load(Ordering::SeqCst) {
        for verb in ["ADD", "DEL"] {
            machine.call(verb, conf, &pod).ok_only();
        }
        done.fetch_add(1, Ordering::SeqCst);
    }
}

/// Every renewal reaches the node, and pods come and go with it before the next one.
fn renew_often(machine: &Installation<'_>, certificates: &Certificates, done: &AtomicUsize) {
    let key = || {
        machine
            .text("/etc/cni/net.d/manx-tls/etcd-key")
            .expect("a key is always there")
    };
    for number in 1..=RENEWALS {
        let (old, seen) = (key(), done.load(Ordering::SeqCst));
        certificates.renew("client");
        machine.secret(&number.to_string(), certificates);
        eventually("the new key is there", || (key() != old).then_some(()));
        eventually("pods come and go", || {
            (done.load(Ordering::SeqCst) > seen).then_some(())
        });
    }
}

/// The permissions of the certificates.
fn modes(entries: &[Entry]) -> Vec<u32> {
    let tls = entries.iter().filter(|(name, ..)| name.contains("etcd-"));
    tls.map(|(_, mode, _)| *mode).collect()
}

#[test]
fn certificates_of_a_secret_are_renewed_under_pods_that_start_and_none_fails() {
    let lab = secured();
    let (endpoints, certificates) = lab.etcd().secured();
    let machine = Installation::new(&lab.node);
    let _staying = installer(&machine, &endpoints, certificates);
    eventually("it is installed", || machine.conflist());
    let conf = machine.conf();
    assert!(
        conf["etcd_key_file"]
            .as_str()
            .is_some_and(|path| path.ends_with("/etc/cni/net.d/manx-tls/etcd-key")),
        "{conf}"
    );
    let (over, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| comes_and_goes(&machine, &conf, &over, &done));
        }
        let renewed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            renew_often(&machine, certificates, &done);
        }));
        over.store(true, Ordering::SeqCst);
        renewed.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let entries = machine.entries(&["/etc/cni/net.d"]);
    assert_eq!(modes(&entries), [0o600; 3], "one set, and nobody else's to read");
    assert_eq!(machine.conf(), conf, "the conflist stays");
}

#[test]
fn a_secret_that_is_emptied_takes_no_certificates_from_a_node() {
    let lab = secured();
    let (endpoints, certificates) = lab.etcd().secured();
    let machine = Installation::new(&lab.node);
    let _staying = installer(&machine, &endpoints, certificates);
    let conf = eventually("it is installed", || machine.conflist().map(|_| machine.conf()));
    let before = machine.entries(&["/etc/cni/net.d"]);
    machine.mount("/secret", "1", &[]);
    let said = eventually("it says why nothing is taken away", || {
        let log = machine.text("/installer.log")?;
        log.contains("etcd-ca, etcd-cert, etcd-key").then_some(log)
    });
    assert!(said.contains(&endpoints) && said.contains("manx-tls"), "{said}");
    assert_eq!(machine.entries(&["/etc/cni/net.d"]), before);
    let pod = Pod::new("pod");
    for verb in ["ADD", "DEL"] {
        machine.call(verb, &conf, &pod).ok_only();
    }
    certificates.renew("client");
    machine.secret("2", certificates);
    eventually("what is put back is used", || {
        (machine.entries(&["/etc/cni/net.d"]) != before).then_some(())
    });
    for verb in ["ADD", "DEL"] {
        machine.call(verb, &conf, &pod).ok_only();
    }
}
