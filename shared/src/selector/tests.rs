//! What selects what.

use super::*;

fn selects(selector: &str, labels: &[(&str, &str)]) -> bool {
    let labels = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Selector::parse(selector).unwrap().matches(&labels)
}

/// What selects the labels of the test below.
const SELECTS: &[&str] = &[
    "",
    "  ",
    "all()",
    "global()",
    "has(rack)",
    "!has(zone)",
    "rack == 'r1'",
    "rack == \"r1\"",
    "rack=='r1'",
    "rack != 'r2'",
    "zone != 'r2'",
    "rack in {'r1', \"r2\"}",
    "rack in{'r1',}",
    "zone not in {'r1'}",
    "rack not in {}",
    "app.kubernetes.io/name contains 'eb'",
    "app.kubernetes.io/name starts with 'web'",
    "app.kubernetes.io/name ends with '-1'",
    "rack == 'r2' || has(rack) && !has(zone)",
    "(rack == 'r2' || has(rack)) && !(has(zone))",
    "!!all()",
    "has( rack )",
];

/// And what does not.
const PASSES_OVER: &[&str] = &[
    "!all()",
    "has(zone)",
    "!has(rack)",
    "rack == 'r'",
    "rack != 'r1'",
    "zone == ''",
    "rack in {}",
    "zone in {'r1'}",
    "rack not in {'r1'}",
    "zone contains ''",
    "zone starts with ''",
    "zone ends with ''",
    "(rack == 'r2' || has(rack)) && has(zone)",
];

#[test]
fn every_operator_has_its_meaning() {
    let labels = [("rack", "r1"), ("app.kubernetes.io/name", "web-1")];
    for yes in SELECTS {
        assert!(selects(yes, &labels), "{yes}");
    }
    for no in PASSES_OVER {
        assert!(!selects(no, &labels), "{no}");
    }
}

#[test]
fn and_binds_more_than_or() {
    assert_eq!(
        Selector::parse("has(a) || has(b) && has(c)").unwrap(),
        Selector::Or(vec![
            Selector::Has("a".into()),
            Selector::And(vec![Selector::Has("b".into()), Selector::Has("c".into())]),
        ])
    );
}

#[test]
fn a_label_may_be_named_like_a_word_of_the_language() {
    assert!(selects(
        "in in {'x'} && all == 'y' && not not in {'z'}",
        &[("in", "x"), ("all", "y")]
    ));
}

#[test]
fn a_wrong_selector_says_what_is_wrong() {
    for (selector, text) in [
        ("rack == ‘r1’", "typographic"),
        ("rack == “r1”", "typographic"),
        ("rack == r1", "a value stands in ' or \""),
        ("rack = 'r1'", "equality is written =="),
        ("rack == 'r1", "no closing '"),
        ("rack", "nothing follows the label rack"),
        ("rack == 'r1' &&", "ends too early"),
        ("rack == 'r1' & has(a)", "written twice"),
        ("(has(a)", "where ) is expected"),
        ("has(a))", "unexpected ) after a complete selector"),
        ("has('a')", "without quotes"),
        ("rack in 'r1'", "where { is expected"),
        ("rack not 'r1'", "after not, in is expected"),
        ("rack startswith 'r1'", "after a label"),
        ("none()", "no function"),
        ("== 'a'", "a label or a function begins here"),
    ] {
        let error = Selector::parse(selector).unwrap_err().to_string();
        assert!(error.contains(text), "{selector}: {error}");
    }
    let deep = "(".repeat(100_000);
    assert!(Selector::parse(&deep).is_err());
    assert!(Selector::parse(&"!".repeat(100_000)).is_err());
}
