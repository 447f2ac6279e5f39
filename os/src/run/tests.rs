//! Programs that are run, by a real shell.

use kurmadisk_fixtures::oracle;
use proptest::prelude::*;

use super::{Environment, Program, RunError, Runner};

fn here() -> Environment {
    std::env::vars_os()
        .filter(|(name, _)| name == "PATH")
        .collect()
}

fn shell(script: &str) -> Program {
    Program::new("sh").args(["-c", script])
}

/// The log of a script, and how it ended.
fn run(script: &str) -> (Vec<String>, Result<(), RunError>) {
    let mut lines = Vec::new();
    let environment = here();
    let mut log = |line: &str| lines.push(line.to_owned());
    let done = Runner::new(&environment, &mut log).run(&shell(script));
    (lines, done)
}

#[test]
fn each_line_of_both_streams_is_passed_on() {
    let (lines, done) = run("echo one; echo two >&2; printf 'three\\r\\n\\nfour'");
    done.unwrap();
    assert_eq!(lines, ["one", "two", "three", "", "four"]);
}

#[test]
fn lines_without_end_come_in_pieces() {
    let (lines, done) = run("head -c 200000 /dev/zero | tr '\\0' x");
    done.unwrap();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines.concat(), "x".repeat(200_000));
}

#[test]
fn an_error_tells_the_end_of_the_log() {
    let (lines, done) = run("for n in $(seq 100); do echo line $n; done; echo; exit 7");
    assert_eq!(lines.len(), 101);
    let error = done.unwrap_err();
    let RunError::Failed { tail, status, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(status, "exit status: 7");
    assert_eq!(tail.len(), 12);
    assert_eq!(tail[11], "line 100");
    assert!(error.to_string().ends_with("line 99 | line 100"), "{error}");
    let (_, silent) = run("kill -9 $$");
    let error = silent.unwrap_err().to_string();
    assert!(
        error.contains("signal: 9") && error.ends_with("it said nothing"),
        "{error}"
    );
}

#[test]
fn a_program_has_the_environment_it_is_given_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let environment: Environment = here()
        .0
        .into_iter()
        .chain([("ONE".into(), "1".into()), ("TWO".into(), "2".into())])
        .collect();
    let mut log = |_: &str| {};
    let program = shell("echo $ONE $TWO $HOME; pwd")
        .env("TWO", "3")
        .folder(folder.path());
    let said = Runner::new(&environment, &mut log)
        .output(&program)
        .unwrap();
    let folder = folder.path().canonicalize().unwrap();
    assert_eq!(said, format!("1 3\n{}\n", folder.display()));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let mut log = |_: &str| {};
    for (environment, name) in [
        (here(), "kurmadisk-no-such-program"),
        (here(), "/no/such/program"),
        (Environment::default(), "sh"),
    ] {
        let error = Runner::new(&environment, &mut log)
            .run(&Program::new(name))
            .unwrap_err();
        assert!(matches!(error, RunError::Missing { .. }), "{error}");
        assert!(error.to_string().starts_with(name), "{error}");
    }
}

#[test]
fn what_is_no_text_is_refused_where_text_is_asked_for() {
    let environment = here();
    let mut log = |_: &str| {};
    let mut runner = Runner::new(&environment, &mut log);
    let error = runner.output(&shell("printf '\\377'")).unwrap_err();
    assert!(matches!(error, RunError::NoText { .. }), "{error}");
    let error = runner
        .output(&shell("echo no; echo why >&2; exit 1"))
        .unwrap_err();
    assert!(
        error.to_string().ends_with("its last lines: why"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_shell_reads_a_line_as_it_was_meant(words in prop::collection::vec("[ -~\u{e9}]{0,8}", 1..5)) {
        let line = Program::new("printf").arg("%s\\0").args(&words).line();
        let mut shell = oracle::tool("sh").unwrap().command().unwrap();
        let output = shell.arg("-c").arg(&line).output().unwrap();
        let expected: String = words.iter().map(|word| word.clone() + "\0").collect();
        prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
}
