//! What `go`, commands and containers are told.

use std::fs;
use std::process::Command;

use crate::fake::{IMAGE_ID, Workplace, refused, said};
use crate::project::{TIME, manifest, project};

/// Tells how it is called, and makes what `go build -o bin/` would.
const GO: &str = r#"#!/bin/sh
mkdir bin
{
    for word in go "$@"; do printf '%s|' "$word"; done
    echo
    pwd
    env
} >bin/tool
"#;

const TOOL: &str = "[[component]]\nname = \"tool\"\nsource = \"project\"\ntoolchain = \"go\"\narguments = [\"./cmd/tool\"]\nversion-variable = \"main.version\"\noutputs = [\"bin/tool\"]\n";

/// What the fake compiler wrote: its command line, its folder, its environment.
fn told(place: &Workplace) -> (String, String, Vec<String>) {
    let text = fs::read_to_string(place.output("tool/tool")).unwrap();
    let mut lines = text.lines().map(str::to_owned);
    let command = lines.next().unwrap();
    (command, lines.next().unwrap(), lines.collect())
}

#[test]
fn go_is_told_the_version_and_no_paths() {
    let place = Workplace::new(&[]);
    place.program("go", GO);
    project(&place);
    manifest(
        &place,
        &format!("{TOOL}environment = {{ CGO_ENABLED = \"1\" }}\n"),
    );
    said(place.kurmadisk().args(["component", "build"]));
    let (command, _, env) = told(&place);
    assert_eq!(
        command,
        "go|build|-trimpath|-buildvcs=false|-ldflags|-s -w -X main.version=v1.2|-o|bin/|./cmd/tool|"
    );
    let time = format!("SOURCE_DATE_EPOCH={TIME}");
    // What the description sets counts more.
    for set in [
        "VERSION=v1.2",
        "GOOS=linux",
        "GOARCH=amd64",
        "CGO_ENABLED=1",
        &time,
    ] {
        assert!(env.iter().any(|line| line == set), "{set} of {env:?}");
    }
}

#[test]
fn a_source_before_modules_lies_in_a_gopath() {
    let place = Workplace::new(&[]);
    place.program("go", GO);
    project(&place);
    manifest(
        &place,
        &format!("{TOOL}import-path = \"github.com/apcera/kurma\"\n"),
    );
    said(place.kurmadisk().args(["component", "build"]));
    let (_, folder, env) = told(&place);
    let path = env.iter().find_map(|line| line.strip_prefix("GOPATH="));
    let path = place.path().join(path.unwrap());
    assert_eq!(
        folder,
        format!("{}/src/github.com/apcera/kurma", path.display())
    );
    assert!(env.contains(&"GO111MODULE=off".to_owned()));
}

#[test]
fn a_command_is_run_as_it_is_written() {
    let place = Workplace::new(&[]);
    project(&place);
    let command =
        r#"command = ["sh", "-c", "mkdir bin; echo \"$0 $VERSION $(ls)\" >bin/tool", "a b"]"#;
    let text = TOOL.replace("toolchain = \"go\"", command).replace(
        "arguments = [\"./cmd/tool\"]\nversion-variable = \"main.version\"\n",
        "",
    );
    manifest(&place, &text);
    said(place.kurmadisk().args(["component", "build"]));
    let made = fs::read_to_string(place.output("tool/tool")).unwrap();
    // Only what git knows was there.
    assert_eq!(made, "a b v1.2 LICENSE\nMakefile\nbin\ngreet.c\n");
}

#[test]
fn a_container_of_stage4_compiles() {
    for engine in ["docker", "podman", "buildah"] {
        let place = Workplace::new(&[engine]);
        project(&place);
        manifest(
            &place,
            "[[component]]\nname = \"greet\"\nsource = \"project\"\ntoolchain = \"make\"\nin = \"stage4\"\noutputs = [\"bin/greet\"]\n",
        );
        let build = || {
            let mut command = place.kurmadisk();
            command.args(["component", "build", "--engine", engine]);
            command
        };
        said(&mut build());
        let answer = Command::new(place.output("greet/greet")).output().unwrap();
        assert_eq!(answer.stdout, b"I am v1.2\n");
        let calls = place.calls();
        let run = calls.iter().find(|call| call.contains("|run|")).unwrap();
        for part in [
            ":/kurma|",
            "dir|/kurma/source|",
            "--env|VERSION=v1.2|",
            "--env|HOME=/tmp|",
            "|make|",
        ] {
            assert!(run.contains(part), "{part} of {run}");
        }
        assert_eq!(
            run.contains("|localhost/kurmaos-stage4|"),
            engine != "buildah"
        );
        // The container is removed, whether by the engine itself or by another command.
        let last = calls.last().unwrap();
        assert!(
            run.contains("|--rm|") || last == "buildah|rm|container-1|",
            "{last}"
        );
        let (out, _) = said(&mut build());
        assert!(out.contains("unchanged"), "{out}");
        // Another image may have another compiler.
        said(&mut place.base_build("stage4", engine));
        let record = fs::read_to_string(place.output("base-stage4.json")).unwrap();
        assert!(record.contains(IMAGE_ID));
        let (out, _) = said(&mut build());
        assert!(out.contains("built"), "{out}");
    }
}

#[test]
fn a_build_that_fails_in_a_container_removes_it() {
    let place = Workplace::new(&["buildah"]);
    project(&place);
    manifest(
        &place,
        "[base]\nengine = \"buildah\"\n[[component]]\nname = \"greet\"\nsource = \"project\"\ncommand = [\"false\"]\nin = \"stage4\"\noutputs = [\"bin/greet\"]\n",
    );
    let error = refused(place.kurmadisk().args(["component", "build"]));
    assert!(error.contains("component greet can't be built"), "{error}");
    assert!(error.contains("exit status: 1"), "{error}");
    assert_eq!(place.calls().last().unwrap(), "buildah|rm|container-1|");
    assert_eq!(place.outputs(), [""; 0]);
}
