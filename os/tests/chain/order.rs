//! Graphs that are none, and the order of those that are.

use std::num::NonZero;
use std::sync::Mutex;

use super::{Bench, step, told};
use kurmadisk_os::chain::{Graph, Outputs, Step};

fn refused(steps: Vec<Step<'_>>) -> String {
    Graph::new(steps).expect_err("it is no graph").to_string()
}

#[test]
fn steps_come_behind_what_they_need() {
    let graph = Graph::new(vec![
        step("c", &["b", "a"], ""),
        step("b", &["a"], ""),
        step("a", &[], ""),
        step("d", &[], ""),
    ]);
    let graph = graph.unwrap();
    assert_eq!(graph.names().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
}

#[test]
fn what_is_no_graph_is_refused_by_name() {
    assert_eq!(
        refused(vec![step("a", &[], ""), step("a", &[], "")]),
        "two steps are called \"a\"; give one of them another name"
    );
    assert_eq!(
        refused(vec![step("a", &["b"], "")]),
        "a needs \"b\", and there is no such step"
    );
    let circle = vec![
        step("x", &["a"], ""),
        step("a", &["b"], ""),
        step("b", &["c"], ""),
        step("c", &["a"], ""),
    ];
    assert_eq!(
        refused(circle),
        "no step can be first of these, since each needs the next: a → b → c → a"
    );
    assert!(refused(vec![step("a", &["a"], "")]).ends_with("a → a"));
}

#[test]
fn no_two_steps_make_one_file_or_a_file_within_the_others() {
    let making = |name, path: &str| Step {
        outputs: Outputs::Files(vec![path.to_owned()]),
        ..step(name, &[], "")
    };
    for (first, second) in [("x", "x"), ("x", "x/y"), ("x/y", "x")] {
        let said = refused(vec![making("a", first), making("b", second)]);
        assert_eq!(
            said,
            format!("a and b both make {second}; give one of them another name")
        );
    }
    for path in ["", "/x", "../x", "x/../y", ".kurmadisk/x"] {
        let said = refused(vec![making("a", path)]);
        assert!(
            said.contains("is no path below the output folder"),
            "{said}"
        );
    }
    assert!(Graph::new(vec![making("a", "x/y"), making("b", "x/yz")]).is_ok());
}

#[test]
fn only_what_is_wanted_is_made_and_what_that_needs() {
    let bench = Bench::new();
    let steps = || {
        vec![
            step("a", &[], "a"),
            step("b", &["a"], "b"),
            step("c", &[], "c"),
        ]
    };
    let summary = bench.build(steps(), &["b"]).unwrap();
    assert_eq!(summary.ran, ["a", "b"]);
    assert_eq!(bench.files().keys().collect::<Vec<_>>(), ["a.txt", "b.txt"]);
    let unknown = bench.build(steps(), &["d"]).unwrap_err().to_string();
    assert_eq!(unknown, "there is no step \"d\"; there are a, b, c");
}

#[test]
fn what_happens_is_told_as_it_does() {
    let bench = Bench::new();
    let talking = Step {
        run: Box::new(|context| {
            context.say("half of it");
            std::fs::write(context.folder.join("a.txt"), "")?;
            Ok(())
        }),
        ..step("a", &[], "")
    };
    let graph = Graph::new(vec![talking, step("b", &["a"], "")]).unwrap();
    let build = || {
        let events = Mutex::new(Vec::new());
        let one = NonZero::<usize>::MIN;
        graph
            .build(&[], &bench.output(), one, 0, &told(&events))
            .unwrap();
        events.into_inner().unwrap()
    };
    assert_eq!(
        build(),
        [
            "begins a: it was not made yet",
            "line a: half of it",
            "done a 1/2",
            "begins b: it was not made yet",
            "done b 2/2"
        ]
    );
    assert_eq!(build(), ["kept a 1/2", "kept b 2/2"]);
}
