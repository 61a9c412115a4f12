//! Who names the datastore, and who may add to it.
#![expect(clippy::disallowed_methods, reason = "files of the test")]
#![allow(clippy::too_many_lines, reason = "a table")]

use super::*;

/// What is chosen with these flags, variables, file and conflist, in words.
fn chosen(
    flags: &str,
    env: &[(&str, &str)],
    file: Option<&str>,
    conflist: Option<&str>,
) -> Result<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (config, networks) = (path("cnictl.yaml"), path("net.d"));
    std::fs::create_dir(&networks).unwrap();
    if let Some(text) = file {
        std::fs::write(&config, text).unwrap();
    }
    if let Some(text) = conflist {
        std::fs::write(format!("{networks}/10-net.conflist"), text).unwrap();
    }
    let mut line = vec!["cnictl".to_owned(), "--cni-conf-dir".to_owned(), networks];
    line.extend(flags.split_whitespace().map(str::to_owned));
    if file.is_some() {
        line.extend(["--config".to_owned(), config]);
    }
    line.push("version".to_owned());
    let cli = <crate::args::Cli as clap::Parser>::try_parse_from(line).unwrap();
    let mut env: BTreeMap<String, String> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    env.entry("MANX_STATE_DIR".to_owned()).or_insert(path("state"));
    let found = choose(&cli.datastore, &env)?;
    let source = found.source.replace(&dir.path().display().to_string(), "");
    let place = match found.choice {
        Choice::Etcd(etcd) => {
            assert_eq!(etcd.marker, None);
            let files = [&etcd.cert_file, &etcd.ca_cert_file].map(|file| match file {
                Some(path) => path.display().to_string(),
                None => "-".to_owned(),
            });
            format!("{} {}", etcd.endpoints.join(","), files.join(" "))
        }
        Choice::Embedded(_) => "embedded".to_owned(),
    };
    Ok(format!("{place} by {source}"))
}

const CONFLIST: &str = r#"{"name": "n", "cniVersion": "1.0.0", "plugins": [{"type": "loopback"},
    {"type": "calico", "etcd_endpoints": "https://conf:2379", "etcd_ca_cert_file": "/conf-ca"}]}"#;

#[test]
fn the_first_to_name_a_datastore_is_heard() {
    let file = Some("etcd_endpoints: https://file:2379\netcd_ca_cert_file: /file-ca\n");
    let env = [
        ("ETCD_ENDPOINTS", "https://env:2379"),
        ("ETCD_CA_CERT_FILE", "/env-ca"),
    ];
    let flag = "--etcd-endpoints https://flag:2379";
    for (flags, env, file, conflist, said) in [
        (
            flag,
            &env[..],
            file,
            Some(CONFLIST),
            "https://flag:2379 - /env-ca by the command line, or a MANX_ variable",
        ),
        (
            "",
            &env[..],
            file,
            Some(CONFLIST),
            "https://env:2379 - /env-ca by the environment",
        ),
        (
            "",
            &env[..1],
            file,
            Some(CONFLIST),
            "https://env:2379 - /file-ca by the environment",
        ),
        (
            "",
            &[],
            file,
            Some(CONFLIST),
            "https://file:2379 - /file-ca by /cnictl.yaml",
        ),
        (
            "",
            &[],
            Some("# nothing\n"),
            Some(CONFLIST),
            "https://conf:2379 - /conf-ca by /net.d/10-net.conflist",
        ),
        (
            "",
            &[],
            None,
            Some(CONFLIST),
            "https://conf:2379 - /conf-ca by /net.d/10-net.conflist",
        ),
        ("", &[], None, None, "embedded by nothing points elsewhere"),
        (
            "--datastore-type embedded",
            &[],
            file,
            Some(CONFLIST),
            "embedded by the command line, or a MANX_ variable",
        ),
    ] {
        assert_eq!(
            chosen(flags, env, file, conflist).as_deref(),
            Ok(said),
            "{flags} {env:?}"
        );
    }
}

#[test]
fn calicoctls_file_is_read_too() {
    let file = "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nmetadata:\nspec:\n  datastoreType: etcdv3\n  \
                etcdEndpoints: https://a:2379\n  etcdCertFile: /c\n  etcdKeyFile: /k\n  etcdPassword: ''\n";
    assert_eq!(
        chosen("", &[], Some(file), None).as_deref(),
        Ok("https://a:2379 /c - by /cnictl.yaml")
    );
}

#[test]
fn what_is_wrong_with_the_file_is_named() {
    for (file, said) in [
        (
            "etcd_endpoint: https://a:2379\n",
            "etcd_endpoint: no such setting, did you mean etcd_endpoints?",
        ),
        ("etcd_endpoints: 5\n", "etcd_endpoints: is to be text"),
        ("- a\n", "is no list of settings"),
        (
            "kind: CalicoAPIConfig\nspec: {etcdEndpoint: a}\n",
            "did you mean etcdEndpoints?",
        ),
        (
            "etcd_username: u\netcd_endpoints: http://a:2379\n",
            "etcd_username is set without etcd_password",
        ),
    ] {
        let error = chosen("", &[], Some(file), None).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
    let error = chosen("--config /nowhere/cnictl.yaml", &[], None, None).unwrap_err();
    assert!(
        error.contains("/nowhere/cnictl.yaml: there is no such file"),
        "{error}"
    );
}

#[test]
fn a_network_of_others_says_nothing_and_ours_below_another_plugin_does() {
    let other = r#"{"name": "n", "type": "bridge", "ipam": {"type": "host-local"}}"#;
    assert_eq!(
        chosen("", &[], None, Some(other)).as_deref(),
        Ok("embedded by nothing points elsewhere")
    );
    let below = r#"{"name": "n", "type": "macvlan", "etcd_endpoints": "http://a:2379", "ipam": {"type": "cni-ipam"}}"#;
    assert_eq!(
        chosen("", &[], None, Some(below)).as_deref(),
        Ok("http://a:2379 - - by /net.d/10-net.conflist")
    );
}
