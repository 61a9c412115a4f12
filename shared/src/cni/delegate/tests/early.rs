//! Plugins that are started before they are needed, and answers that are read before their plugins have ended.

use super::*;

/// Reads its stdin to the end and answers with it, having left a mark.
const MARK: &str = "all=$(cat); echo $$ > \"$0.mark\"; printf '%s' \"$all\"";

fn held(script: &str) -> (TempDir, Running) {
    let dir = TempDir::new().unwrap();
    let binary = named(&dir, OWN, script);
    let running = Delegate::hold(&binary, "ADD", None, &[], &env()).unwrap();
    (dir, running)
}

fn mark(dir: &TempDir) -> PathBuf {
    dir.path().join(format!("{OWN}.mark"))
}

#[test]
fn a_plugin_that_knows_nothing_of_being_held_begins_when_it_is_released() {
    let (dir, mut running) = held(MARK);
    running.tell(b"{\"a\": 1}\n".to_vec()).unwrap();
    assert_eq!(running.told(), b"{\"a\": 1}");
    assert!(!mark(&dir).exists());
    running.release().unwrap();
    assert_eq!(running.wait(Instant::now() + PATIENT), Ok(json!({"a": 1})));
    assert!(mark(&dir).exists());
}

#[test]
fn a_plugin_that_is_not_needed_ends_and_has_done_nothing() {
    for told in [None, Some(b"{}".to_vec())] {
        let (dir, mut running) = held(&format!("echo $$ > \"$0.pid\"; {MARK}"));
        if let Some(stdin) = told {
            running.tell(stdin).unwrap();
        }
        let file = dir.path().join(format!("{OWN}.pid"));
        let pid = || std::fs::read_to_string(&file).unwrap_or_default();
        eventually("the start", || pid().ends_with('\n'));
        drop(running);
        assert!(!alive(pid().trim()));
        assert!(!mark(&dir).exists());
    }
}

#[test]
fn only_a_plugin_of_ours_is_held_and_says_so() {
    let dir = TempDir::new().unwrap();
    assert!(Delegate::hold(&plugin(&dir, MARK), "ADD", None, &[], &env()).is_none());
    let (_dir, mut running) = held("cat > /dev/null; echo \"\\\"$MANX_HELD $MANX_DIE_WITH\\\"\"");
    running.release().unwrap();
    let said = format!("1 {}", std::process::id());
    assert_eq!(running.wait(Instant::now() + PATIENT), Ok(json!(said)));
    let (_dir, running) = start("echo \"\\\"held: $MANX_HELD\\\"\"", None, b"");
    assert_eq!(running.wait(Instant::now() + PATIENT), Ok(json!("held: ")));
}

#[test]
fn an_answer_is_read_before_its_plugin_has_ended_and_the_end_is_asked_for_afterwards() {
    let dir = TempDir::new().unwrap();
    let done = |code: u8| {
        let script = format!("echo '{{\"a\":1}}'; exec 1>&-; read word; exit {code}");
        let binary = named(&dir, OWN, &script);
        let mut running = Delegate::hold(&binary, "ADD", None, &[], &env()).unwrap();
        assert_eq!(
            running.answer(Instant::now() + PATIENT),
            Ok(json!({"a": 1})),
            "it still waits for a word"
        );
        running.release().unwrap();
        running.wait_for_end(Instant::now() + PATIENT)
    };
    assert_eq!(done(0), Ok(()));
    assert_eq!(done(3).unwrap_err().code, Code::IpamPluginFailed);
}

#[test]
fn a_grandchild_that_keeps_stdout_open_delays_no_answer_with_or_without_pidfds() {
    for old in [false, true] {
        let (dir, running) = start("sleep 1000 & echo $! > \"$0.pid\"; echo 5", None, b"");
        let mut running = if old { running.on_an_old_kernel() } else { running };
        assert_eq!(running.answer(Instant::now() + PATIENT), Ok(json!(5)), "{old}");
        let pid = std::fs::read_to_string(dir.path().join("plugin.pid")).unwrap();
        Command::new("/bin/kill").arg(pid.trim()).status().unwrap();
    }
}

#[test]
fn an_error_is_an_error_however_early_it_is_read() {
    let answer = |script: &str| start(script, None, b"").1.answer(Instant::now() + PATIENT);
    let error = answer("echo '{\"code\":141,\"msg\":\"full\"}'; exit 1").unwrap_err();
    assert_eq!((error.code.number(), error.msg.as_str()), (141, "full"));
    assert_eq!(answer("exit 0"), Ok(Value::Null));
    assert!(answer("echo no; exit 0").unwrap_err().msg.contains("not JSON"));
    assert!(answer("exit 4").unwrap_err().msg.contains("exit status: 4"));
}
