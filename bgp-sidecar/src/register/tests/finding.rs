//! What has to be found out, and what if it cannot be.

use super::*;

#[test]
fn nobody_is_asked_where_no_address_is_looked_for() {
    let reach = Method::parse("can-reach=tor").unwrap();
    let asked = |ipv4: Choice, ipv6: Choice, registered: bool| {
        let identity = Identity {
            ipv4,
            ipv6,
            ipv4_method: reach.clone(),
            ipv6_method: reach.clone(),
            number: None,
        };
        let record = json!({"metadata": {"name": "n1"}, "spec": {"bgp": {"ipv4Address": "10.0.0.1/24"}}});
        let record = registered.then(|| record.to_string());
        let questions = questions(&identity, record.as_ref().map(String::as_bytes));
        questions.map(|question| question == reach.question())
    };
    assert_eq!(asked(Choice::Unset, Choice::Unset, false), [true, false]);
    assert_eq!(asked(Choice::Unset, Choice::Unset, true), [false, false]);
    assert_eq!(asked(Choice::Autodetect, Choice::Autodetect, true), [true, true]);
    assert_eq!(asked(address("10.0.0.1/24"), Choice::None, false), [false, false]);
}

#[test]
fn what_could_not_be_found_out_is_said_and_a_registered_address_stays() {
    let mut case = Case::new().choose(Choice::Autodetect, Choice::Unset);
    case.identity.ipv4_method = Method::parse("can-reach=tor").unwrap();
    case.trouble = Some("the name \"tor\" cannot be resolved".to_owned());
    let error = case.decide().unwrap_err().to_string();
    assert!(
        error.contains("found by can-reach=tor; the name \"tor\" cannot be resolved: set IP"),
        "{error}"
    );
    case = case.node("n1", json!({"ipv4Address": "192.168.1.4/24"}));
    let (_, registered) = case.committed();
    assert!(registered.warnings[0].ends_with("the registered address 192.168.1.4/24 stays"));
}

#[test]
fn the_name_in_kubernetes_that_was_told_is_in_the_record() {
    let mut case = Case::new();
    case.reference = Some("k1");
    assert_eq!(
        case.written()[0]["spec"]["orchRefs"],
        json!([{"nodeName": "k1", "orchestrator": "k8s"}])
    );
    case = case.node("n1", json!({"ipv4Address": "10.0.0.1/24"}));
    assert_eq!(case.written()[0]["spec"]["orchRefs"][0]["nodeName"], "k1");
}
