//! What the plugins are given: by a runtime, and by Kubernetes.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::cni::config::NetConf;
use shared::cni::request::{self, Env, Request};
use shared::cni::{Attachment, CniError};

use super::{chosen, text};

/// A call of a plugin: lines `NAME=VALUE` up to an empty one, then what is read from stdin.
pub fn cni_call(octets: &[u8]) {
    let (names, stdin) = cut(octets);
    let names = text(names);
    let pairs = names.lines().filter_map(|line| line.split_once('='));
    let env = Env(pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect());
    for uses_netns in [true, false] {
        match request::parse(&env, stdin, uses_netns) {
            // What is refused is answered by one JSON document, whatever was sent.
            Err(refused) => must_be_json(&refused.error.render(refused.version)),
            Ok(
                Request::Add(attachment, conf)
                | Request::Del(attachment, conf)
                | Request::Check(attachment, conf),
            ) => attached(&env, &conf, &attachment),
            Ok(Request::Gc(_, conf) | Request::Status(_, conf)) => configured(&conf, env.vars()),
            Ok(Request::Version(_)) => {}
        }
    }
}

/// What Kubernetes says of a pod, three documents with empty lines between them: namespace, pod, node.
pub fn pod(octets: &[u8]) {
    let (namespace, rest) = cut(octets);
    let (pod, node) = cut(rest);
    for ipam in ["cni-ipam", "host-local"] {
        let conf = format!(
            r#"{{"cniVersion": "1.1.0", "name": "net", "type": "cni-net", "policy": {{"type": "k8s"}},
                "ipam": {{"type": "{ipam}", "subnet": "usePodCidr"}},
                "feature_control": {{"ip_addrs_no_ipam": true, "floating_ips": true}}}}"#
        );
        let conf = NetConf::parse(conf.as_bytes());
        assert!(conf.is_ok(), "{conf:?}");
        let read = conf.map(|conf| (cni_net::outside::pod(&conf, (namespace, pod, node)), conf));
        if let Ok((Err(error), conf)) = read {
            refused(&conf, &error);
        }
    }
}

/// Up to the first empty line, and what is behind it.
fn cut(octets: &[u8]) -> (&[u8], &[u8]) {
    let end = octets.windows(2).position(|two| two == b"\n\n");
    end.map_or((octets, &[][..]), |end| (&octets[..end], &octets[end + 2..]))
}

/// What both plugins read of it.
fn attached(env: &Env, conf: &NetConf, attachment: &Attachment) {
    configured(conf, env.vars());
    let read = [
        cni_net::outside::call(env, conf, attachment),
        cni_ipam::outside::call(env, conf, attachment),
    ];
    for error in read.into_iter().filter_map(Result::err) {
        refused(conf, &error);
    }
}

fn refused(conf: &NetConf, error: &CniError) {
    must_be_json(&error.render(conf.cni_version));
}

fn must_be_json(said: &str) {
    let read = serde_json::from_str::<Value>(said);
    assert!(read.is_ok_and(|read| read["code"].is_u64()), "{said}");
}

fn configured(conf: &NetConf, env: &BTreeMap<String, String>) {
    chosen(conf.raw(), env);
}
