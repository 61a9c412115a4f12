//! DEL while etcd is away, in every way that etcd can be: in time, the wiring gone, and what could not be released written
//! down with all that is needed to pay it.

use std::time::Duration;

use integration::json::{text, with, without};
use integration::node::address;
use integration::wait::within;
use integration::{Kind, Lab};
use serde_json::{Value, json};

use crate::owed::{HANDLES, RECORDS, hurried, owed, pooled, web};

const DEL_LIMIT: Duration = Duration::from_secs(5);

/// The sequence number under which Calico's block holds an address of the pool.
fn sequence(lab: &Lab, address: &str) -> Value {
    let last = address
        .rsplit('.')
        .next()
        .and_then(|octet| octet.parse::<u8>().ok());
    let last = last.unwrap_or_else(|| panic!("{address}"));
    let key = format!("/calico/ipam/v2/assignment/ipv4/block/10.0.0.{}-26", last & !63);
    let block = lab.etcd().get(&key).unwrap_or_else(|| panic!("no {key}"));
    block["sequenceNumberForAllocation"][(last & 63).to_string()].clone()
}

/// DEL in an outage (`away`, with the netconf of then), and the call that pays. How long DEL took, as long as one call was
/// enough afterwards.
fn outage(lab: &mut Lab, conf: &Value, broken: &Value, away: &mut dyn FnMut(&mut Lab, bool)) -> Duration {
    let pod = web();
    let ip = address(&lab.node.add(conf, &pod));
    let number = sequence(lab, &ip);
    away(lab, true);
    let answer = lab.node.call("DEL", &hurried(broken), &pod).run();
    let took = answer.took;
    answer.silent();
    assert_eq!(lab.node.host_interfaces(), Vec::<String>::new());
    assert_eq!(pod.netns.links(), Vec::<String>::new());
    assert!(lab.node.attachment_files().is_empty());
    let owed = owed(lab);
    assert_eq!(owed.len(), 2, "one release and one record: {owed:?}");
    let handle = format!("{}.{}", lab.network(), pod.container);
    for (side, file) in &owed {
        assert_eq!(file["container"], json!(pod.container));
        if *side == "ipam" {
            assert_eq!(file["handles"][0], json!(handle));
            assert_eq!(file["addresses"], json!([ip]));
            assert_eq!(file["sequences"], json!({ip.as_str(): number}));
            assert_eq!(file["cluster"], json!("2ae1f9e6d5544913a36bf12874628f20"));
        } else {
            assert!(text(file, "/record").starts_with(RECORDS), "{file}");
        }
    }
    away(lab, false);
    lab.etcd().wait_until_healthy();
    assert_eq!(lab.etcd().under(HANDLES).len(), 1);
    assert_eq!(lab.etcd().under(RECORDS).len(), 1);
    let calls = lab.node.settle(conf);
    assert!(lab.etcd().under(HANDLES).is_empty() && lab.etcd().under(RECORDS).is_empty());
    if calls == 1 { took } else { Duration::MAX }
}

#[test]
fn del_while_etcd_is_killed_ends_in_time_and_the_next_call_pays() {
    let mut lab = pooled(Lab::new(Kind::Etcd));
    let conf = lab.node.conf();
    within("DEL while etcd is killed", DEL_LIMIT, || {
        outage(&mut lab, &conf, &conf, &mut |lab, away| {
            let etcd = lab.etcd_mut();
            if away { etcd.kill(0) } else { etcd.revive(0) }
        })
    });
}

#[test]
fn del_while_etcd_hangs_ends_in_time_and_the_next_call_pays() {
    let mut lab = pooled(Lab::new(Kind::Etcd));
    let conf = lab.node.conf();
    within("DEL while etcd hangs", DEL_LIMIT, || {
        outage(&mut lab, &conf, &conf, &mut |lab, away| lab.etcd().freeze(away))
    });
}

#[test]
fn del_while_packets_are_dropped_ends_in_time_and_the_next_call_pays() {
    let mut lab = pooled(Lab::new(Kind::Etcd));
    let conf = lab.node.conf();
    within("DEL while packets are dropped", DEL_LIMIT, || {
        outage(&mut lab, &conf, &conf, &mut |lab, away| lab.node.cut_off(away))
    });
}

#[test]
fn del_with_wrong_certificates_ends_in_time_and_the_next_call_pays() {
    let mut lab = pooled(Lab::secured());
    let (good, wrong) = {
        let (endpoints, tls) = lab.etcd().secured();
        let conf = with(lab.node.conf(), "etcd_endpoints", endpoints);
        let gone = with(
            tls.conf(conf.clone(), "ca", "client"),
            "etcd_key_file",
            "/nobody/made/this.key",
        );
        let wrong = [
            (
                "a client etcd does not know",
                tls.conf(conf.clone(), "ca", "strange"),
            ),
            (
                "a server we do not know",
                tls.conf(conf.clone(), "stranger", "client"),
            ),
            ("no certificate", {
                let trusted = tls.conf(conf.clone(), "ca", "client");
                without(without(trusted, "etcd_cert_file"), "etcd_key_file")
            }),
            ("no key file", gone),
            ("a key of another certificate", {
                let key = tls.path("strange.key").display().to_string();
                with(tls.conf(conf.clone(), "ca", "client"), "etcd_key_file", key)
            }),
        ];
        (tls.conf(conf, "ca", "client"), wrong)
    };
    for (what, broken) in wrong {
        // What is wrong is named by an ADD.
        let failure = lab.node.call("ADD", &hurried(&broken), &web()).run().failure();
        failure.says(&["etcd_"]);
        within(what, DEL_LIMIT, || {
            outage(&mut lab, &good, &broken, &mut |_, _| {})
        });
    }
}
