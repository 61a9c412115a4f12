//! Every instruction and its inverse on a real kernel, each test between two namespaces of its own. Needs root.
#![cfg(feature = "kernel")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests' helpers")]
#![expect(clippy::disallowed_methods, reason = "tests start `ip` and open namespaces")]

mod detached;
mod lab;
mod multipath;
mod routes;

use std::fs::File;
use std::os::fd::AsFd;

use lab::{CALI, ETH0, addr, all, between, ip, net, sysctl, there_and_back, up, veth};
use shared::kernel::{Kernel, KernelError, Outcome};
use shared::op::{Mac, Need, Op, Side, Sysctl};

#[test]
fn a_veth_has_one_queue_its_peer_in_the_pod_and_both_ends_down() {
    between(|kernel, pod| async move {
        let before = (ip("link"), pod.ip("link"));
        all(&kernel, &[Op::AddVeth(veth())]).await;
        let host = kernel.link(Side::Host, CALI).await.unwrap().unwrap();
        let inner = kernel.link(Side::Pod, ETH0).await.unwrap().unwrap();
        assert!(host.is_peer_of(&inner) && inner.is_peer_of(&host));
        assert_eq!((host.mac, host.mtu, host.up), (Some(Mac([0xee; 6])), 1450, false));
        assert_eq!(
            (inner.mac, inner.mtu, inner.up),
            (Some(Mac([2, 0, 0, 0, 0, 5])), 1450, false)
        );
        assert_eq!(host.kind.as_deref(), Some("veth"));
        assert!(!host.is_orphaned());
        for text in [ip(&format!("-d link show {CALI}")), pod.ip("-d link show eth0")] {
            assert!(text.contains("numtxqueues 1 numrxqueues 1"), "{text}");
        }
        all(&kernel, &[Op::AddVeth(veth()).inverse().unwrap()]).await;
        assert_eq!((ip("link"), pod.ip("link")), before);
        let gone = Op::DelLink {
            side: Side::Pod,
            link: ETH0.into(),
        };
        assert_eq!(
            kernel.apply(&gone).await,
            Ok(Outcome::Nothing),
            "a second deletion finds nothing"
        );
    });
}

#[test]
fn an_interface_goes_up_and_down_and_changes_mtu_and_mac() {
    between(|kernel, pod| async move {
        all(&kernel, &[Op::AddVeth(veth())]).await;
        let (side, link) = (Side::Pod, || ETH0.to_owned());
        let look = || pod.ip("link show eth0");
        let mtu = Op::SetMtu {
            side,
            link: link(),
            mtu: 1400,
            was: 1450,
        };
        there_and_back(&kernel, mtu, look, "mtu 1400").await;
        let (mac, was) = (Mac([6; 6]), Some(Mac([2, 0, 0, 0, 0, 5])));
        let mac = Op::SetMac {
            side,
            link: link(),
            mac,
            was,
        };
        there_and_back(&kernel, mac, look, "06:06:06:06:06:06").await;
        let flags = || look().split(" mtu").next().unwrap().to_owned();
        there_and_back(&kernel, Op::SetUp { side, link: link() }, flags, ",UP").await;
    });
}

#[test]
fn addresses_come_without_duplicate_detection_and_go() {
    between(|kernel, pod| async move {
        all(&kernel, &up()).await;
        let (side, link) = (Side::Pod, || ETH0.to_owned());
        let look = || pod.ip("-4 addr show eth0") + &pod.ip("-6 addr show eth0 scope global");
        for (address, text) in [
            ("10.0.0.5/32", "inet 10.0.0.5/32 scope global eth0"),
            ("fd00::5/128", "nodad"),
        ] {
            let address = net(address);
            let add = Op::AddAddress {
                side,
                link: link(),
                address,
            };
            there_and_back(&kernel, add.clone(), look, text).await;
            all(&kernel, std::slice::from_ref(&add)).await;
            let refused = kernel.apply(&add).await.unwrap_err();
            assert_eq!(refused.errno(), Some(libc::EEXIST), "{refused}");
            assert!(!look().contains("tentative"), "{}", look());
            let found = kernel.link(side, ETH0).await.unwrap().unwrap();
            assert!(kernel.addresses(side, &found).await.unwrap().contains(&address));
            all(&kernel, &[add.inverse().unwrap()]).await;
            assert_eq!(kernel.apply(&add.inverse().unwrap()).await, Ok(Outcome::Nothing));
        }
    });
}

#[test]
fn a_link_local_address_may_be_there_already() {
    between(|kernel, _| async move {
        let quiet = format!("net/ipv6/conf/{CALI}/accept_dad");
        let [pair, host, pod] = up();
        let quiet = Op::SetSysctl(sysctl(Side::Host, &quiet, "0", Need::IfPresent));
        all(&kernel, &[pair, quiet, host, pod]).await;
        let address = net("fe80::ecee:eeff:feee:eeee/64");
        let add = Op::AddAddress {
            side: Side::Host,
            link: CALI.into(),
            address,
        };
        all(&kernel, &[add.clone(), add]).await;
        let shown = ip(&format!("-6 addr show {CALI}"));
        assert_eq!(shown.matches("inet6").count(), 1, "{shown}");
        assert!(!shown.contains("tentative"), "{shown}");
    });
}

#[test]
fn neighbours_are_permanent_and_replace_what_was_learned() {
    between(|kernel, pod| async move {
        all(&kernel, &up()).await;
        let (side, mac) = (Side::Pod, Mac([0xee; 6]));
        for address in [addr("169.254.1.1"), addr("fe80::ecee:eeff:feee:eeee")] {
            let enter = Op::AddNeighbour {
                side,
                link: ETH0.into(),
                address,
                mac,
            };
            let look = || pod.ip("neigh show nud permanent");
            let text = format!("{address} dev eth0 lladdr ee:ee:ee:ee:ee:ee PERMANENT");
            pod.ip(&format!(
                "neigh add {address} dev eth0 lladdr 02:00:00:00:00:09 nud stale"
            ));
            there_and_back(&kernel, enter.clone(), look, &text).await;
            all(&kernel, std::slice::from_ref(&enter)).await;
            let found = kernel.link(side, ETH0).await.unwrap().unwrap();
            assert_eq!(kernel.neighbours(side, &found).await, Ok(vec![(address, mac)]));
            all(&kernel, &[enter.inverse().unwrap()]).await;
        }
    });
}

#[test]
fn sysctls_are_written_in_the_right_namespace_and_brought_back() {
    between(|kernel, _| async move {
        let key = "net/ipv4/ip_forward";
        let read = |side| kernel.sysctls(side, vec![key.into()]).unwrap().remove(0).unwrap();
        let host = read(Side::Host);
        let was = read(Side::Pod);
        let value = if was == "0" { "1" } else { "0" };
        let there = Sysctl {
            was: Some(was.clone()),
            ..sysctl(Side::Pod, key, value, Need::Required)
        };
        let set = Op::SetSysctl(there);
        all(&kernel, std::slice::from_ref(&set)).await;
        assert_eq!((read(Side::Pod).as_str(), read(Side::Host)), (value, host));
        all(&kernel, &[set.inverse().unwrap()]).await;
        assert_eq!(read(Side::Pod), was);
        all(&kernel, &up()).await;
        let dotted = format!("net/ipv4/conf/{CALI}/proxy_arp");
        all(
            &kernel,
            &[Op::SetSysctl(sysctl(Side::Host, &dotted, "1", Need::Required))],
        )
        .await;
        assert_eq!(
            kernel.sysctls(Side::Host, vec![dotted]),
            Ok(vec![Some("1".into())])
        );
    });
}

#[test]
fn a_sysctl_that_is_not_there_fails_warns_or_is_ignored_as_needed() {
    between(|kernel, _| async move {
        let key = "net/ipv6/conf/cali9/accept_dad";
        let set = |need| Op::SetSysctl(sysctl(Side::Pod, key, "0", need));
        let error = kernel.apply(&set(Need::Required)).await.unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("pod: set {key} to 0: No such file")),
            "{error}"
        );
        assert_eq!(kernel.apply(&set(Need::IfPresent)).await, Ok(Outcome::Done));
        let Ok(Outcome::Warning(text)) = kernel.apply(&set(Need::BestEffort)).await else {
            panic!("no warning");
        };
        assert!(text.contains(key), "{text}");
    });
}

#[test]
fn only_a_network_namespace_can_be_entered() {
    between(|_, _| async move {
        let mount = File::open("/proc/self/ns/mnt").unwrap();
        let error = Kernel::open(Some(mount.as_fd())).err().unwrap();
        assert_eq!(
            error.to_string(),
            "network namespace of the pod: it is no network namespace"
        );
        let alone = Kernel::open(None).unwrap();
        let op = Op::SetUp {
            side: Side::Pod,
            link: ETH0.into(),
        };
        let error = alone.apply(&op).await.unwrap_err();
        assert!(matches!(error, KernelError::NoPod { .. }), "{error}");
    });
}
