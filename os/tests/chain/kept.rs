//! What runs again, and what does not.

use std::fs;

use super::{Bench, path_input, step};
use kurmadisk_os::chain::{Cleaned, Graph, Outputs, Standing, Step};

fn standings(bench: &Bench, steps: Vec<Step<'_>>) -> Vec<String> {
    let graph = Graph::new(steps).unwrap();
    let plan = graph.plan(&[], &bench.output()).unwrap();
    let words = plan.into_iter().map(|planned| match planned.standing {
        Standing::Kept => "kept".to_owned(),
        Standing::Runs { why } | Standing::Blocked { why } => why,
        Standing::Waits { on } => format!("waits for {}", on.join(", ")),
    });
    words.collect()
}

#[test]
fn nothing_runs_twice_for_the_same_inputs() {
    let bench = Bench::new();
    let steps = || vec![step("a", &[], "1"), step("b", &["a"], "2")];
    assert_eq!(
        standings(&bench, steps()),
        ["it was not made yet", "waits for a"]
    );
    assert!(!bench.output().exists(), "a plan writes nothing");
    let first = bench.build(steps(), &[]).unwrap();
    assert_eq!((first.ran.len(), first.kept.len()), (2, 0));
    assert_eq!(first.made["b"].commands, ["write b.txt"]);
    assert_eq!(standings(&bench, steps()), ["kept", "kept"]);
    let second = bench.build(steps(), &[]).unwrap();
    assert_eq!((second.ran.len(), second.kept.len()), (0, 2));
    assert_eq!(second.made, first.made);
    assert_eq!(bench.files()["b.txt"], "21");
    let modified = fs::metadata(bench.output().join("b.txt"))
        .unwrap()
        .modified()
        .unwrap();
    let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(since.as_secs(), 86_400);
}

#[test]
fn a_changed_input_runs_what_depends_on_it_and_nothing_else() {
    let bench = Bench::new();
    let steps = |text: &str| {
        vec![
            step("a", &[], text),
            step("b", &["a"], "2"),
            step("c", &[], "3"),
        ]
    };
    bench.build(steps("1"), &[]).unwrap();
    assert_eq!(
        standings(&bench, steps("x")),
        ["text changed", "waits for a", "kept"]
    );
    let summary = bench.build(steps("x"), &[]).unwrap();
    assert_eq!(
        (summary.ran, summary.kept),
        (vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()])
    );
    assert_eq!(bench.files()["b.txt"], "2x");
}

#[test]
fn a_step_that_makes_the_same_again_has_nothing_else_run() {
    let bench = Bench::new();
    let steps = |comment: &str| {
        let a = Step {
            inputs: step("a", &[], comment).inputs,
            ..step("a", &[], "1")
        };
        vec![a, step("b", &["a"], "2")]
    };
    bench.build(steps("one"), &[]).unwrap();
    let summary = bench.build(steps("two"), &[]).unwrap();
    assert_eq!(
        (summary.ran, summary.kept),
        (vec!["a".to_owned()], vec!["b".to_owned()])
    );
}

#[test]
fn files_and_folders_count_by_their_content() {
    let bench = Bench::new();
    let folder = bench.input("folder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("x"), "x").unwrap();
    let steps = || {
        vec![Step {
            inputs: vec![path_input("the folder", folder.clone())],
            ..step("a", &[], "1")
        }]
    };
    bench.build(steps(), &[]).unwrap();
    fs::write(folder.join("x"), "x").unwrap();
    assert_eq!(
        standings(&bench, steps()),
        ["kept"],
        "it was written anew, and is the same"
    );
    fs::write(folder.join("y"), "").unwrap();
    assert_eq!(standings(&bench, steps()), ["the folder changed"]);
    fs::remove_dir_all(&folder).unwrap();
    let missing = format!("{} is not there", folder.display());
    assert_eq!(standings(&bench, steps()).join(""), missing);
    let error = bench.build(steps(), &[]).unwrap_err().to_string();
    assert_eq!(error, format!("a can't be made: {missing}"));
}

#[test]
fn an_output_that_is_lost_or_changed_is_made_again() {
    let bench = Bench::new();
    let steps = || vec![step("a", &[], "1"), step("b", &["a"], "2")];
    bench.build(steps(), &[]).unwrap();
    let a = bench.output().join("a.txt");
    fs::write(&a, "other").unwrap();
    assert_eq!(standings(&bench, steps())[0], "a.txt is not as it was made");
    let summary = bench.build(steps(), &[]).unwrap();
    assert_eq!((summary.ran.len(), summary.kept.len()), (1, 1));
    fs::remove_file(&a).unwrap();
    bench.build(steps(), &[]).unwrap();
    // Written again by somebody, but the same.
    fs::remove_file(&a).unwrap();
    fs::write(&a, "1").unwrap();
    assert_eq!(standings(&bench, steps()), ["kept", "kept"]);
}

#[test]
fn what_is_not_made_any_more_is_removed() {
    let bench = Bench::new();
    let steps = |names: &'static [&'static str]| {
        vec![Step {
            outputs: Outputs::Found,
            run: Box::new(move |context| {
                for name in names {
                    let path = context.folder.join(name);
                    fs::create_dir_all(path.parent().unwrap())?;
                    fs::write(path, name)?;
                }
                Ok(())
            }),
            ..step("a", &[], &names.join(","))
        }]
    };
    bench
        .build(steps(&["x", "deep/er/y", "deep/z"]), &[])
        .unwrap();
    bench.build(steps(&["x", "deep/z"]), &[]).unwrap();
    assert_eq!(bench.files().keys().collect::<Vec<_>>(), ["deep/z", "x"]);
    assert!(!bench.output().join("deep/er").exists());
    // A name that another step has.
    let mut both = steps(&["b.txt"]);
    both.push(step("b", &[], ""));
    bench.build(vec![step("b", &[], "")], &[]).unwrap();
    let error = bench.build(both, &["a"]).unwrap_err().to_string();
    assert_eq!(
        error,
        "b and a both make b.txt; give one of them another name"
    );
}

#[test]
fn clean_removes_what_was_made_and_nothing_else() {
    let bench = Bench::new();
    let steps = || {
        vec![
            step("a", &[], "1"),
            step("b", &[], "2"),
            step("c", &[], "3"),
        ]
    };
    bench.build(steps(), &[]).unwrap();
    fs::write(bench.output().join("own.txt"), "mine").unwrap();
    fs::write(bench.output().join("b.txt"), "changed").unwrap();
    let cleaned = Cleaned::steps(&bench.output(), &["c".to_owned()]).unwrap();
    assert_eq!(cleaned.removed, ["c.txt"]);
    assert_eq!(standings(&bench, steps())[2], "it was not made yet");
    let cleaned = Cleaned::all(&bench.output()).unwrap();
    assert_eq!(
        (cleaned.removed, cleaned.changed),
        (vec!["a.txt".to_owned()], vec!["b.txt".to_owned()])
    );
    assert_eq!(
        bench.files().keys().collect::<Vec<_>>(),
        ["b.txt", "own.txt"]
    );
    assert!(!bench.output().join(".kurmadisk").exists());

    let bench = Bench::new();
    bench.build(steps(), &[]).unwrap();
    Cleaned::all(&bench.output()).unwrap();
    assert!(!bench.output().exists(), "an empty folder goes too");
    assert_eq!(Cleaned::all(&bench.output()).unwrap(), Cleaned::default());
}

#[test]
fn records_that_say_anything_else_are_not_believed() {
    let bench = Bench::new();
    let outside = bench.input("precious");
    fs::write(&outside, "").unwrap();
    bench.build(vec![step("a", &[], "1")], &[]).unwrap();
    let record = bench.output().join(".kurmadisk/steps/step-a.json");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace("a.txt\"", "../in/precious\"")).unwrap();
    assert_eq!(
        standings(&bench, vec![step("a", &[], "1")]),
        ["it was not made yet"]
    );
    Cleaned::all(&bench.output()).unwrap();
    assert!(outside.exists());
}
