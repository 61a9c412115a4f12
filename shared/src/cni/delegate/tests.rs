//! Delegation to plugins that are shell scripts.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

mod early;

const PATIENT: Duration = Duration::from_secs(180);

/// A plugin made of a shell script. Another process writes the file: a descriptor open for writing here could
/// slip into a child that another test forks, and the kernel refuses to run what is open for writing.
fn plugin(dir: &TempDir, script: &str) -> PathBuf {
    named(dir, "plugin", script)
}

fn named(dir: &TempDir, name: &str, script: &str) -> PathBuf {
    let path = dir.path().join(name);
    let mut writer = Command::new("/bin/sh")
        .args(["-c", "cat > \"$0\" && chmod +x \"$0\""])
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let text = format!("#!/bin/sh\n{script}\n");
    writer.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
    path
}

fn env() -> Env {
    let pairs = [
        ("PATH", "/usr/bin:/bin"),
        ("KEPT", "yes"),
        ("CNI_ARGS", "STALE=1"),
        ("CNI_IFNAME", "stale0"),
    ];
    Env(pairs
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .into())
}

fn start(script: &str, attachment: Option<&Attachment>, stdin: &[u8]) -> (TempDir, Running) {
    let dir = TempDir::new().unwrap();
    let path = [PathBuf::from("/opt/cni/bin"), dir.path().to_path_buf()];
    plugin(&dir, script);
    let binary = Delegate::find(&path, "plugin").unwrap();
    let running = Delegate::start(&binary, "ADD", attachment, &path, &env(), stdin.to_vec());
    (dir, running.unwrap())
}

fn run(script: &str, stdin: &[u8]) -> Result<Value, CniError> {
    start(script, None, stdin).1.wait(Instant::now() + PATIENT)
}

/// Asks again until it is so; fails long after it should have been.
fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENT;
    while !so() {
        assert!(Instant::now() < end, "{what} did not happen");
        std::thread::yield_now();
    }
}

fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn a_plugin_gets_its_stdin_and_gives_its_answer() {
    let answer = run("cat", br#"{"cniVersion":"1.0.0","x":[1,2]}"#);
    assert_eq!(answer, Ok(json!({"cniVersion": "1.0.0", "x": [1, 2]})));
}

#[test]
fn a_plugin_that_says_nothing_answers_null() {
    assert_eq!(run("exit 0", b"{}"), Ok(Value::Null));
}

#[test]
fn the_environment_is_ours_but_for_the_parameters() {
    let attachment = Attachment {
        container_id: "c1".into(),
        ifname: "eth0".into(),
        ..Attachment::default()
    };
    let variables = |attachment| -> BTreeMap<String, String> {
        let script = r#"env | grep -v '^\(_\|PWD\|SHLVL\|OLDPWD\)=' |
            awk -F= 'BEGIN{printf "{"} {printf "%s\"%s\":\"%s\"", s, $1, substr($0, length($1)+2); s=","} END{print "}"}'"#;
        let (_dir, running) = start(script, attachment, b"");
        let answer = running.wait(Instant::now() + PATIENT).unwrap();
        serde_json::from_value(answer).unwrap()
    };
    let mut seen = variables(Some(&attachment));
    assert!(seen.remove("CNI_PATH").unwrap().starts_with("/opt/cni/bin:/"));
    let expected = [
        ("CNI_ARGS", ""),
        ("CNI_COMMAND", "ADD"),
        ("CNI_CONTAINERID", "c1"),
        ("CNI_IFNAME", "eth0"),
        ("CNI_NETNS", ""),
        ("KEPT", "yes"),
        ("PATH", "/usr/bin:/bin"),
    ];
    let expected: Vec<(String, String)> = expected.map(|(key, value)| (key.into(), value.into())).into();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);

    let seen = variables(None);
    let keys: Vec<&str> = seen.keys().map(String::as_str).collect();
    assert_eq!(keys, ["CNI_COMMAND", "CNI_PATH", "KEPT", "PATH"]);
}

#[test]
fn an_error_object_comes_back_verbatim_whatever_its_code() {
    let script = r#"echo '{"cniVersion":"0.4.0","code":999,"msg":"the given pool","details":"d"}'; exit 1"#;
    let error = run(script, b"").unwrap_err();
    assert_eq!(
        error,
        CniError::new(Code::Other(999), "the given pool").details("d")
    );
    let error = run(r#"echo '{"code":141,"msg":"m"}'; exit 7"#, b"").unwrap_err();
    assert_eq!(error, CniError::new(Code::PoolFull, "m"));
}

#[test]
fn a_failure_without_an_error_object_names_plugin_and_status() {
    for (script, status, printed) in [
        ("exit 3", "exit status: 3", ""),
        ("echo oops; exit 3", "exit status: 3", "oops"),
        ("echo '{\"code\":0}'; exit 1", "exit status: 1", "code"),
        ("kill -9 $$", "signal: 9", ""),
        ("echo not json", "not JSON", "not json"),
    ] {
        let error = run(script, b"{}").unwrap_err();
        assert_eq!(error.code, Code::IpamPluginFailed, "{script}");
        assert!(
            error.msg.contains("/plugin ADD: ") && error.msg.contains(status),
            "{error}"
        );
        assert!(error.details.contains(printed), "{error}");
    }
}

#[test]
fn more_than_a_pipe_holds_goes_both_ways_without_a_deadlock() {
    let big = format!("{{\"x\":\"{}\"}}", "a".repeat(1 << 20));
    assert_eq!(
        run("cat", big.as_bytes()),
        serde_json::from_str(&big).map_err(|_| unreachable!())
    );
    // Writes more than a pipe holds before it reads at all.
    let script = "printf '\"'; head -c 300000 /dev/zero | tr '\\0' b; printf '\"'; cat >/dev/null";
    let answer = run(script, big.as_bytes()).unwrap();
    assert_eq!(answer.as_str().unwrap().len(), 300_000);
}

#[test]
fn a_plugin_need_not_read_its_stdin() {
    let big = vec![b' '; 1 << 20];
    assert_eq!(run("exec <&-; echo 5", &big), Ok(json!(5)));
    assert_eq!(run("echo 5", &big), Ok(json!(5)));
}

#[test]
fn a_plugin_that_is_not_done_at_the_deadline_is_killed_and_reaped() {
    for script in [
        "echo $$ > \"$0.pid\"; exec sleep 1000",
        "echo $$ > \"$0.pid\"; exec >&-; exec sleep 1000",
        "echo $$ > \"$0.pid\"; while :; do :; done",
    ] {
        let (dir, running) = start(script, None, &vec![b' '; 1 << 20]);
        let file = dir.path().join("plugin.pid");
        let pid = || std::fs::read_to_string(&file).unwrap_or_default();
        eventually("the start", || pid().ends_with('\n'));
        let error = running
            .wait(Instant::now() + Duration::from_millis(20))
            .unwrap_err();
        assert_eq!(error.code, Code::TryAgainLater);
        assert!(error.msg.contains("/plugin ADD: no answer after"), "{error}");
        let entry = format!("/proc/{}", pid().trim());
        assert!(!Path::new(&entry).exists(), "{script}: left behind");
    }
}

#[test]
fn a_kernel_without_pidfds_is_enough() {
    let wait = |script, time| {
        let (_dir, running) = start(script, None, b"{}");
        running.on_an_old_kernel().wait(Instant::now() + time)
    };
    assert_eq!(wait("cat", PATIENT), Ok(json!({})));
    assert_eq!(wait("exec >&-; exit 0", PATIENT), Ok(Value::Null));
    let error = wait("exec sleep 1000", Duration::from_millis(20)).unwrap_err();
    assert_eq!(error.code, Code::TryAgainLater);
}

#[test]
fn an_answer_that_never_ends_is_cut_off() {
    let error = run("exec cat /dev/zero", b"").unwrap_err();
    assert_eq!(error.code, Code::IpamPluginFailed);
    assert!(error.msg.contains("does not end"), "{error}");
}

#[test]
fn a_grandchild_that_keeps_stdout_open_is_not_waited_for() {
    let (dir, running) = start("sleep 1000 & echo $! > \"$0.pid\"; echo 5", None, b"");
    assert_eq!(running.wait(Instant::now() + PATIENT), Ok(json!(5)));
    let pid = std::fs::read_to_string(dir.path().join("plugin.pid")).unwrap();
    Command::new("/bin/kill").arg(pid.trim()).status().unwrap();
}

#[test]
fn a_plugin_nobody_waits_for_is_killed() {
    let (dir, running) = start("echo $$ > \"$0.pid\"; exec sleep 1000", None, b"");
    let file = dir.path().join("plugin.pid");
    let pid = || std::fs::read_to_string(&file).unwrap_or_default();
    eventually("the start", || pid().ends_with('\n'));
    drop(running);
    assert!(!alive(pid().trim()));
}

#[test]
fn a_plugin_is_found_in_the_first_directory_that_has_it() {
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let path = [first.path().to_path_buf(), second.path().to_path_buf()];
    let missing = Delegate::find(&path, "plugin").unwrap_err();
    assert_eq!(missing.code, Code::IpamPluginFailed);
    assert!(missing.msg.contains("\"plugin\"") && missing.msg.contains(&*first.path().to_string_lossy()));

    let late = plugin(&second, "exit 0");
    std::fs::create_dir(first.path().join("plugin")).unwrap();
    assert_eq!(Delegate::find(&path, "plugin"), Ok(late));
    std::fs::remove_dir(first.path().join("plugin")).unwrap();
    let early = plugin(&first, "exit 0");
    assert_eq!(Delegate::find(&path, "plugin"), Ok(early.clone()));
    std::fs::set_permissions(&early, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(Delegate::find(&path, "plugin"), Ok(second.path().join("plugin")));
}

#[test]
fn a_type_that_is_no_file_name_is_never_looked_for() {
    for kind in ["", ".", "..", "../sh", "/bin/sh", "a\\b"] {
        let error = Delegate::find(&["/bin".into()], kind).unwrap_err();
        assert_eq!(error.code, Code::InvalidConfig, "{kind:?}");
    }
    let error = Delegate::find(&[], "sh").unwrap_err();
    assert_eq!(error.code, Code::InvalidEnvironment);
}

#[test]
fn a_file_that_cannot_run_is_named() {
    let dir = TempDir::new().unwrap();
    let binary = dir.path().join("absent");
    let error = Delegate::start(&binary, "DEL", None, &[], &env(), vec![]).unwrap_err();
    assert_eq!(error.code, Code::IpamPluginFailed);
    assert!(error.msg.contains("absent DEL: cannot start"), "{error}");
}

/// Not a test of its own: the parent that [`a_plugin_dies_with_its_parent`] kills.
#[test]
fn parent_for_another_test() {
    if let Some(binary) = std::env::var_os("PARENT_FOR_ANOTHER_TEST") {
        let running = Delegate::start(Path::new(&binary), "ADD", None, &[], &env(), vec![]).unwrap();
        let _ = running.wait(Instant::now() + PATIENT * 10);
    }
}

#[test]
fn a_plugin_dies_with_its_parent() {
    let dir = TempDir::new().unwrap();
    let binary = plugin(&dir, "echo $$ > \"$0.pid\"; exec sleep 1000");
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cni::delegate::tests::parent_for_another_test"])
        .env("PARENT_FOR_ANOTHER_TEST", &binary)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let file = dir.path().join("plugin.pid");
    let pid = || std::fs::read_to_string(&file).unwrap_or_default();
    eventually("the start", || pid().ends_with('\n'));
    assert!(alive(pid().trim()));
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("its end", || !alive(pid().trim()));
}
