//! Steps that fail, and what is left then.

use std::fs;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use super::{Bench, step, told};
use kurmadisk_os::chain::{Graph, Outputs, Step};

#[test]
fn a_build_goes_on_where_it_failed() {
    let bench = Bench::new();
    let broken = &AtomicBool::new(true);
    let steps = || {
        let b = step("b", &["a"], "2");
        let run = b.run;
        let b = Step {
            run: Box::new(move |context| {
                fs::write(context.folder.join("half"), "")?;
                if broken.load(Ordering::SeqCst) {
                    return Err("no space".into());
                }
                fs::remove_file(context.folder.join("half"))?;
                run(context)
            }),
            ..step("b", &["a"], "2")
        };
        vec![step("a", &[], "1"), b, step("c", &["b"], "3")]
    };
    let error = bench.build(steps(), &[]).unwrap_err();
    assert_eq!(error.to_string(), "b failed");
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "no space"
    );
    assert_eq!(
        bench.files().keys().collect::<Vec<_>>(),
        ["a.txt"],
        "nothing of it appears"
    );
    let work = bench.output().join(".kurmadisk/unfinished");
    let left = fs::read_dir(work).unwrap().count();
    assert_eq!(left, 0, "nothing of it is left");
    broken.store(false, Ordering::SeqCst);
    let summary = bench.build(steps(), &[]).unwrap();
    assert_eq!(
        (summary.ran, summary.kept),
        (vec!["b".to_owned(), "c".to_owned()], vec!["a".to_owned()])
    );
    assert_eq!(bench.files()["c.txt"], "321");
}

#[test]
fn what_runs_beside_a_failure_is_completed_and_nothing_begins() {
    let bench = Bench::new();
    let (begun, wait) = channel();
    let wait = Mutex::new(wait);
    let slow = Step {
        run: Box::new(move |context| {
            // Until the other one has failed, or at least begun to.
            wait.lock().unwrap().recv()?;
            fs::write(context.folder.join("slow.txt"), "")?;
            Ok(())
        }),
        ..step("slow", &[], "")
    };
    let failing = Step {
        run: Box::new(move |_| {
            begun.send(()).unwrap();
            Err("on purpose".into())
        }),
        ..step("failing", &[], "")
    };
    let graph = Graph::new(vec![slow, failing, step("later", &["slow", "failing"], "")]).unwrap();
    let events = Mutex::new(Vec::new());
    let two = NonZero::new(2).unwrap();
    let error = graph
        .build(&[], &bench.output(), two, 0, &told(&events))
        .unwrap_err();
    assert_eq!(error.to_string(), "failing failed");
    let events = events.into_inner().unwrap();
    assert!(events.contains(&"failed failing".to_owned()), "{events:?}");
    assert!(
        events.iter().any(|event| event.starts_with("done slow")),
        "{events:?}"
    );
    assert!(
        !events.iter().any(|event| event.starts_with("begins later")),
        "{events:?}"
    );
    assert!(bench.output().join("slow.txt").exists());
}

#[test]
fn a_step_that_does_not_make_what_it_should_has_failed() {
    let bench = Bench::new();
    let idle = Step {
        run: Box::new(|_| Ok(())),
        ..step("a", &[], "")
    };
    let error = bench.build(vec![idle], &[]).unwrap_err().to_string();
    assert_eq!(error, "a made no a.txt");
    let sly = Step {
        outputs: Outputs::Found,
        run: Box::new(|context| {
            fs::create_dir_all(context.folder.join(".kurmadisk/steps"))?;
            fs::write(context.folder.join(".kurmadisk/steps/x.json"), "")?;
            Ok(())
        }),
        ..step("a", &[], "")
    };
    let error = bench.build(vec![sly], &[]).unwrap_err().to_string();
    assert!(
        error.contains("is no path below the output folder"),
        "{error}"
    );
}

#[test]
fn two_builds_do_not_write_to_one_folder() {
    let bench = Bench::new();
    let outer = Step {
        run: Box::new(|context| {
            let graph = Graph::new(vec![step("b", &[], "")]).unwrap();
            let inner = graph.build(&[], context.output, NonZero::<usize>::MIN, 0, &|_| {});
            let said = inner.unwrap_err().to_string();
            assert!(said.starts_with("another build is at work in "), "{said}");
            fs::write(context.folder.join("a.txt"), "")?;
            Ok(())
        }),
        ..step("a", &[], "")
    };
    bench.build(vec![outer], &[]).unwrap();
}
