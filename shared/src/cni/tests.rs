//! What goes to stdout, with a plugin that echoes.

#![expect(
    clippy::disallowed_methods,
    reason = "edge: serve() needs a process of its own"
)]

use std::process::{Command, Stdio};

use serde_json::json;

use super::*;

/// Says what it was asked, as an error or as a result.
struct Echo;

impl Plugin for Echo {
    fn add(&self, _: &Env, attachment: &Attachment, conf: &NetConf) -> Result<AddResult, CniError> {
        assert!(attachment.args.get("PANIC").is_none(), "nobody expects this");
        match attachment.args.get("FAIL") {
            Some(why) => Err(CniError::new(Code::PoolFull, why)),
            None => AddResult::parse(conf.cni_version, &json!({"ips": [{"address": "10.0.0.1/24"}]})),
        }
    }
    fn del(&self, _: &Env, _: &Attachment, _: &NetConf) -> Result<(), CniError> {
        Ok(())
    }
    fn check(&self, _: &Env, attachment: &Attachment, _: &NetConf) -> Result<(), CniError> {
        Err(CniError::new(Code::AddressNotHeld, "check").details(attachment.ifname.as_str()))
    }
    fn gc(&self, _: &Env, _: &[PathBuf], conf: &NetConf) -> Result<(), CniError> {
        match &conf.valid_attachments {
            None => Ok(()),
            Some(list) => Err(CniError::new(Code::Other(900), format!("{} valid", list.len()))),
        }
    }
    fn status(&self, _: &Env, path: &[PathBuf], _: &NetConf) -> Result<(), CniError> {
        Err(CniError::new(Code::PluginNotAvailable, format!("{path:?}")))
    }
    fn uses_netns(&self) -> bool {
        true
    }
    fn flag(&self, _: &Env, flag: &str, stdin: &[u8]) -> Option<ExitCode> {
        (flag == "-t").then(|| ExitCode::from(u8::try_from(stdin.len()).unwrap()))
    }
    fn after_answer(&self) {
        println!("nobody hears this");
    }
}

fn env(command: &str, args: &str) -> Env {
    let pairs = [
        ("CNI_COMMAND", command),
        ("CNI_CONTAINERID", "c1"),
        ("CNI_NETNS", "/x"),
        ("CNI_IFNAME", "eth0"),
        ("CNI_ARGS", args),
        ("CNI_PATH", "/bin"),
    ];
    Env(pairs
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .into())
}

fn call(command: &str, args: &str, stdin: Value) -> (Value, u8) {
    let env = env(command, args);
    let request = request::parse(&env, stdin.to_string().as_bytes(), true);
    let (answer, exit) = respond(&Echo, &env, &request);
    let answer = if answer.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&answer).unwrap()
    };
    (answer, exit)
}

fn conf() -> Value {
    json!({"cniVersion": "1.1.0", "name": "net", "type": "echo"})
}

#[test]
fn add_prints_its_result_in_the_version_asked_for() {
    let mut conf = conf();
    for version in SpecVersion::ALL {
        conf["cniVersion"] = version.as_str().into();
        let (answer, exit) = call("ADD", "", conf.clone());
        assert_eq!((&answer["cniVersion"], exit), (&json!(version.as_str()), 0));
        assert_eq!(answer["ips"][0].get("version").is_some(), version.is_legacy());
    }
}

#[test]
fn a_failure_prints_the_error_object_and_exits_1() {
    let answer = json!({"cniVersion": "1.1.0", "code": 141, "msg": "no room"});
    assert_eq!(call("ADD", "FAIL=no room", conf()), (answer, 1));
    let answer = json!({"cniVersion": "1.1.0", "code": 148, "msg": "check", "details": "eth0"});
    assert_eq!(call("CHECK", "", conf()), (answer, 1));
    let answer = json!({"cniVersion": "1.1.0", "code": 50, "msg": "[\"/bin\"]"});
    assert_eq!(call("STATUS", "", conf()), (answer, 1));
}

#[test]
fn del_and_gc_print_nothing_when_they_succeed() {
    assert_eq!(call("DEL", "", conf()), (Value::Null, 0));
    assert_eq!(call("GC", "", conf()), (Value::Null, 0));
}

#[test]
fn gc_is_told_an_empty_list_from_none() {
    let mut conf = conf();
    conf["cni.dev/valid-attachments"] = Value::Null;
    let (answer, exit) = call("GC", "", conf);
    assert_eq!(
        (answer["msg"].as_str(), answer["code"].as_u64(), exit),
        (Some("0 valid"), Some(900), 1)
    );
}

#[test]
fn version_names_every_version_spoken() {
    let supported = json!(["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]);
    let expected = json!({"cniVersion": "0.4.0", "supportedVersions": supported});
    assert_eq!(call("VERSION", "", json!({"cniVersion": "0.4.0"})), (expected, 0));
    let (answer, _) = call("VERSION", "", json!({}));
    let theirs: rscni_types::version::PluginInfo = serde_json::from_value(answer).unwrap();
    assert_eq!(theirs.supported_versions().len(), SpecVersion::ALL.len());
}

/// Not a test of its own: run in a process of its own by [`serve_in_a_process`].
#[test]
fn serve_for_another_test() {
    if std::env::var_os("SERVE_FOR_ANOTHER_TEST").is_some() {
        let _ = serve(&Echo);
    }
}

/// The lines on stdout that are JSON objects; the test harness prints others.
fn serve_in_a_process(env: &Env, stdin: &str) -> Vec<Value> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cni::tests::serve_for_another_test", "--nocapture"])
        .env_clear()
        .envs(env.vars())
        .env("SERVE_FOR_ANOTHER_TEST", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    #[cfg(feature = "edge")]
    assert!(
        !text.contains("nobody hears"),
        "stdout is closed after the answer"
    );
    text.lines()
        .filter_map(|line| serde_json::from_str(line.get(line.find('{')?..)?).ok())
        .collect()
}

#[test]
fn serve_prints_one_answer_and_lets_go_of_stdout() {
    let answers = serve_in_a_process(&env("ADD", ""), &conf().to_string());
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["ips"], json!([{"address": "10.0.0.1/24"}]));
    let answers = serve_in_a_process(&Env::default(), "");
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["code"], 4);
}

#[test]
fn a_panic_is_answered_with_an_error_object() {
    let answers = serve_in_a_process(&env("ADD", "PANIC=now"), &conf().to_string());
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["code"], 5);
    let said = answers[0]["msg"].as_str().unwrap();
    assert!(
        said.contains("nobody expects this") && said.contains("tests.rs"),
        "{said}"
    );
}
