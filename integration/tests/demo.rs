//! `make demo` as a newcomer runs it, on the programs of `dist/`.

use integration::process::Cmd;
use integration::require;

/// The addresses that the demo says its pods have.
fn given(said: &str) -> Vec<&str> {
    let after = |pod: &str| {
        let start = format!("pod {pod} has ");
        said.lines()
            .find_map(|line| line.strip_prefix(&start))
            .unwrap_or_else(|| panic!("no line {start:?} in\n{said}"))
    };
    ["one", "two"].map(after).to_vec()
}

#[test]
fn the_second_act_shows_two_nodes_and_a_switch_and_leaves_nothing() {
    for tool in ["jq", "etcd", "vtysh"] {
        require::tool(tool);
    }
    let call = Cmd::new("sh")
        .args([require::file("integration/demo-fabric.sh")])
        .start();
    let switch = format!("manx-fabric-{}", call.pid());
    let said = call.wait().ok().stdout;
    let block = |node: &str| {
        let start = format!("via 192.168.1.{node} dev uplink");
        said.contains(&start)
    };
    assert!(
        block("5"),
        "the first node has learned the second one's block: {said}"
    );
    for text in [
        "Displayed  2 routes and 2 total paths",
        "blackhole 10.244.",
        "| 192.168.1.1  | global    | up ",
        "Nothing is left: the switch has forgotten both, and no route of ours is in a kernel.",
    ] {
        assert!(said.contains(text), "{text:?} is missing in\n{said}");
    }
    // Each pod to the other and to the switch, the switch to a pod.
    let statistics = "--- 192.168.1.1 ping statistics ---";
    assert_eq!(said.matches(statistics).count(), 2, "{said}");
    assert_eq!(said.matches(" 0% packet loss").count(), 5, "{said}");
    let namespaces = Cmd::new(require::tool("ip")).args(["netns", "list"]).ok();
    assert!(!namespaces.contains(&switch), "{namespaces}");
}

#[test]
fn the_demo_shows_two_pods_that_reach_each_other_and_leaves_nothing() {
    for tool in ["jq", "ip", "ping"] {
        require::tool(tool);
    }
    let call = Cmd::new("sh")
        .args([require::file("integration/demo.sh")])
        .start();
    let node = format!("manx-demo-{}", call.pid());
    let answer = call.wait().ok();
    let said = &answer.stdout;
    let [one, two] = given(said)[..] else {
        panic!("two pods: {said}")
    };
    assert_ne!(one, two);
    let mut shown = vec![
        "default via 169.254.1.1 dev eth0".to_owned(),
        format!("{one}/32"),
        "NAMESPACE   WORKLOAD".to_owned(),
        "Nothing is left: no interface, no route, no record, no address taken.".to_owned(),
    ];
    shown.extend([one, two].map(|address| format!("\n{address} dev cali")));
    for text in shown {
        assert!(said.contains(&text), "{text:?} is missing in\n{said}");
    }
    // Pod to pod, pod to host, host to pod.
    for (address, times) in [(two, 2), ("192.0.2.4", 1)] {
        let statistics = format!("--- {address} ping statistics ---");
        assert_eq!(said.matches(&statistics).count(), times, "{address} in\n{said}");
    }
    assert_eq!(said.matches(" 0% packet loss").count(), 3, "{said}");
    let namespaces = Cmd::new(require::tool("ip")).args(["netns", "list"]).ok();
    assert!(!namespaces.contains(&node), "{namespaces}");
}
