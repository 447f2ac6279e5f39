//! The rules and `docs/verify.md` are in step.

use std::collections::BTreeSet;
use std::fmt::Write;

use kurmadisk::verify::{Platform, Rule, rules};
use kurmadisk_fixtures::workspace_root;

const BEGIN: &str = "<!-- rules -->\n";
const END: &str = "<!-- end of rules -->";

fn platforms(platforms: &[Platform]) -> String {
    if platforms == Platform::ALL {
        return "all".to_owned();
    }
    let names: Vec<_> = platforms.iter().map(|platform| platform.name()).collect();
    names.join(", ")
}

fn row(rule: &Rule) -> String {
    let (refused, warned) = (platforms(rule.refused), platforms(rule.warned));
    format!(
        "| `{}` | {refused} | {warned} | {} | {} |",
        rule.name, rule.why, rule.advice
    )
}

fn table() -> String {
    let mut table =
        "| rule | refused by | a drawback for | why | what to do |\n|---|---|---|---|---|\n"
            .to_owned();
    for rule in rules() {
        writeln!(table, "{}", row(rule)).unwrap();
    }
    table
}

/// `UPDATE_DOCS=1 cargo test -p kurmadisk --test verify table` writes the table anew.
#[test]
fn the_documentation_has_every_rule() {
    let path = workspace_root().join("docs/verify.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the table's begin");
    let (found, after) = rest.split_once(END).expect("the table's end");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
        return;
    }
    for (found, expected) in found.lines().zip(table().lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found, table());
}

#[test]
fn names_are_unique_and_texts_fit_a_table() {
    let names: BTreeSet<_> = rules().map(|rule| rule.name).collect();
    assert_eq!(names.len(), rules().count());
    for rule in rules() {
        assert!(!row(rule).contains('\n'));
        assert!(!format!("{}{}", rule.why, rule.advice).contains('|'));
    }
}

/// Rules of containers have a test like it beside them.
#[test]
fn every_rule_of_packages_is_in_a_test() {
    let tests = [
        include_str!("appliance.rs"),
        include_str!("ovf.rs"),
        include_str!("others.rs"),
    ];
    let of_containers: BTreeSet<_> = kurmadisk::formats::lint::rules()
        .map(|rule| rule.name)
        .collect();
    for rule in rules().filter(|rule| !of_containers.contains(rule.name)) {
        let quoted = format!("\"{}\"", rule.name);
        assert!(tests.iter().any(|test| test.contains(&quoted)), "{quoted}");
    }
}
