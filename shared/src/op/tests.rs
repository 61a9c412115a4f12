//! Op: texts and inverses, as data.

use super::*;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
const HOST: Side = Side::Host;

fn cali() -> String {
    "cali1".to_owned()
}

fn veth() -> Op {
    Op::AddVeth(Veth {
        host: cali(),
        pod: "eth0".into(),
        mtu: 1450,
        queues: 1,
        host_mac: Mac([0xee; 6]),
        pod_mac: None,
    })
}

fn link_ops() -> [Op; 6] {
    let (side, was) = (HOST, Some(Mac([2; 6])));
    [
        veth(),
        Op::DelLink { side, link: cali() },
        Op::SetUp { side, link: cali() },
        Op::SetDown { side, link: cali() },
        Op::SetMtu {
            side,
            link: cali(),
            mtu: 1450,
            was: 1500,
        },
        Op::SetMac {
            side,
            link: cali(),
            mac: MAC,
            was,
        },
    ]
}

fn every_op() -> Vec<Op> {
    let (side, address) = (HOST, net("10.0.0.1/32"));
    let route = || Route::direct(address, "cali1");
    let gateway: IpAddr = "169.254.1.1".parse().unwrap();
    let mut ops = link_ops().to_vec();
    ops.extend([
        Op::AddAddress {
            side,
            link: cali(),
            address,
        },
        Op::DelAddress {
            side,
            link: cali(),
            address,
        },
        Op::AddRoute { side, route: route() },
        Op::DelRoute { side, route: route() },
        Op::AddNeighbour {
            side,
            link: cali(),
            address: gateway,
            mac: MAC,
        },
        Op::DelNeighbour {
            side,
            link: cali(),
            address: gateway,
            mac: MAC,
        },
        Op::SetSysctl(Sysctl {
            side: Side::Pod,
            key: "net/ipv4/ip_forward".into(),
            value: "0".into(),
            was: Some("1".into()),
            need: Need::Required,
        }),
    ]);
    ops
}

#[test]
fn the_inverse_of_an_inverse_is_the_op_itself() {
    for op in every_op() {
        let deleted = Op::DelLink {
            side: HOST,
            link: cali(),
        };
        if op == deleted {
            assert_eq!(op.inverse(), None);
        } else if op == veth() {
            assert_eq!(op.inverse(), Some(deleted));
        } else {
            assert_eq!(op.inverse().unwrap().inverse(), Some(op.clone()), "{op}");
        }
    }
}

#[test]
fn what_was_not_known_is_not_brought_back() {
    let duty = Sysctl {
        side: Side::Host,
        key: "net/ipv4/ip_forward".into(),
        value: "1".into(),
        was: None,
        need: Need::Required,
    };
    assert_eq!(Op::SetSysctl(duty).inverse(), None);
    let (side, link, mac) = (Side::Pod, "eth0".into(), Mac([2; 6]));
    assert_eq!(
        Op::SetMac {
            side,
            link,
            mac,
            was: None
        }
        .inverse(),
        None
    );
}

#[test]
fn ops_read_as_sentences_that_name_the_object() {
    let texts: Vec<String> = every_op().iter().map(Op::to_string).collect();
    assert_eq!(
        texts,
        [
            "create veth cali1 (ee:ee:ee:ee:ee:ee) with eth0 in the pod, mtu 1450, queues 1",
            "host: delete interface cali1",
            "host: set cali1 up",
            "host: set cali1 down",
            "host: set mtu of cali1 to 1450 (is 1500)",
            "host: set MAC of cali1 to 02:00:00:00:00:01 (is 02:02:02:02:02:02)",
            "host: add address 10.0.0.1/32 to cali1",
            "host: delete address 10.0.0.1/32 of cali1",
            "host: add route 10.0.0.1/32 dev cali1 scope link",
            "host: delete route 10.0.0.1/32 dev cali1 scope link",
            "host: enter neighbour 169.254.1.1 at 02:00:00:00:00:01 on cali1",
            "host: delete neighbour 169.254.1.1 on cali1",
            "pod: set net/ipv4/ip_forward to 0",
        ]
    );
}

#[test]
fn a_mac_is_six_hexadecimal_bytes() {
    assert_eq!("EE:ee:ee:ee:ee:Ee".parse(), Ok(Mac([0xee; 6])));
    assert_eq!(
        "0a-58-0a-00-00-01".parse::<Mac>().unwrap().to_string(),
        "0a:58:0a:00:00:01"
    );
    for bad in [
        "",
        "ee",
        "ee:ee:ee:ee:ee",
        "ee:ee:ee:ee:ee:ee:ee",
        "ee:ee:ee:ee:ee:+e",
        "e:ee:ee:ee:ee:ee",
    ] {
        assert_eq!(bad.parse::<Mac>(), Err(NoMac(bad.into())));
    }
}
