//! What `base build` refuses, and what is left behind then: nothing.

use std::fs;

use crate::fake::{PINNED, Workplace, refused};

#[test]
fn a_step_that_fails_is_told_with_the_end_of_its_log() {
    for engine in ["docker", "podman", "buildah"] {
        let place = Workplace::new(&[engine]);
        place.mark("fails");
        let log = refused(&mut place.base_build("kernel", engine));
        let error = log.lines().last().unwrap();
        assert!(error.contains("cannot build kernel"), "{error}");
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.contains("line 40"), "{error}");
        assert!(error.contains("gcc: out of memory"), "{error}");
        assert!(!error.contains("line 12 "), "{error}");
        assert!(log.contains("\nline 1\n"), "{log}");
        assert_eq!(place.outputs(), [""; 0]);
    }
}

#[test]
fn an_engine_that_is_not_there_is_named() {
    let place = Workplace::new(&[]);
    let mut command = place.base_build("kernel", "buildah");
    let error = refused(command.env("PATH", place.path().join("bin")));
    assert!(error.contains("buildah is not there"), "{error}");
    assert!(error.contains("--engine"), "{error}");
}

#[test]
fn a_daemon_that_does_not_answer_is_told() {
    let place = Workplace::new(&["docker"]);
    place.mark("down");
    let error = refused(&mut place.base_build("stage4", "docker"));
    assert!(error.contains("docker can't build"), "{error}");
    assert!(error.contains("no daemon answers"), "{error}");
    assert_eq!(place.calls().len(), 1);
}

#[test]
fn an_export_without_a_file_is_refused() {
    let place = Workplace::new(&["podman"]);
    place.mark("incomplete");
    let error = refused(&mut place.base_build("kernel", "podman"));
    assert!(
        error.contains("kernel was built without modules.tar"),
        "{error}"
    );
    assert_eq!(place.outputs(), [""; 0]);
}

#[test]
fn an_image_without_an_id_is_refused() {
    let place = Workplace::new(&["podman"]);
    place.mark("silent");
    let error = refused(&mut place.base_build("stage4", "podman"));
    assert!(
        error.contains("stage4 was built without an image's id"),
        "{error}"
    );
    assert_eq!(place.outputs(), [""; 0]);
}

#[test]
fn images_are_pinned_by_digest() {
    let place = Workplace::new(&["docker"]);
    let mut build = place.base_build("kernel", "docker");
    let error = refused(build.args(["--from", "gentoo/stage3:latest"]));
    assert!(error.contains("--from: base.kernel.from"), "{error}");
    assert!(error.contains("NAME@sha256:"), "{error}");
    let short = format!("PORTAGE={}", &PINNED[..PINNED.len() - 1]);
    let mut build = place.base_build("stage3", "docker");
    let error = refused(build.args(["--build-arg", &short]));
    assert!(error.contains("--build-arg: base.stage3.args"), "{error}");
    assert_eq!(place.calls(), [""; 0]);
}

/// `kurmadisk base build STAGE` with this manifest and, as build file, this text.
fn with_manifest(stage: &str, manifest: &str, dockerfile: &str) -> String {
    let place = Workplace::new(&["docker"]);
    let context = place.path().join("base").join(stage);
    fs::create_dir_all(&context).unwrap();
    fs::write(context.join("Dockerfile"), dockerfile).unwrap();
    fs::write(place.path().join("kurmaos.toml"), manifest).unwrap();
    let error = refused(place.kurmadisk().args(["base", "build", stage]));
    assert_eq!(place.calls(), [""; 0]);
    error
}

#[test]
fn faults_of_a_manifest_have_their_place() {
    let from = format!("[base.stage3]\nfrom = \"{PINNED}\"\n");
    for (stage, manifest, dockerfile, place, reason) in [
        (
            "stage3",
            "",
            "",
            "stage3 has no image",
            "name one by its digest",
        ),
        (
            "stage3",
            "[base.stage3]\nfrom = \"a:1\"\n",
            "",
            "kurmaos.toml:2:8",
            "is another image next week",
        ),
        (
            "kernel",
            "[base.kernel]\n\ntag = \"a\"\n",
            "",
            "kurmaos.toml:3:7",
            "has no image",
        ),
        (
            "stage3",
            &from,
            "ARG BASE\nARG SNAPSHOT\nFROM --platform=a ${SNAPSHOT} AS other\nFROM $BASE\n",
            "Dockerfile",
            "ARG SNAPSHOT names an image and has no value",
        ),
        (
            "stage4",
            "[base.stage4.args]\nBASE = \"a\"\n",
            "",
            "kurmaos.toml:2:8",
            "name it by `from`",
        ),
        (
            "stage4",
            "[base]\nengine = \"rkt\"\n",
            "",
            "kurmaos.toml:2:10",
            "unknown variant `rkt`",
        ),
        (
            "stage4",
            "[base.stage5]\n",
            "",
            "kurmaos.toml:1:7",
            "unknown field `stage5`",
        ),
    ] {
        let error = with_manifest(stage, manifest, dockerfile);
        assert!(error.contains(place), "{error}");
        assert!(error.contains(reason), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_stage_without_build_files_is_refused() {
    let place = Workplace::new(&["docker"]);
    let error = refused(place.kurmadisk().args(["base", "build", "stage4"]));
    assert!(error.contains("base/stage4/Dockerfile"), "{error}");
    let mut unknown = place.kurmadisk();
    unknown.args(["base", "build", "stage5"]).assert().code(2);
}
