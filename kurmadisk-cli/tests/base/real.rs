//! Real engines, with images of next to nothing: no network, no Gentoo. Docker would need its daemon.

use std::fs;

use kurmadisk_fixtures::oracle;
use serde_json::Value;

use crate::common::judged;
use crate::fake::{Workplace, said};
use crate::project::{project, write};

/// Engines that build without a daemon.
const ENGINES: [&str; 2] = ["buildah", "podman"];

/// The image below is nothing.
const MANIFEST: &str = r#"
[base.BELOW]
tag = "scratch"

[[component]]
name = "greet"
source = "project"
command = ["/compile"]
in = "stage4"
outputs = ["bin/greet"]
"#;

/// What stands for a compiler: a program without libraries.
const COMPILER: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
int main(void)
{
    FILE *out;
    mkdir("bin", 0755);
    out = fopen("bin/greet", "w");
    return !out || fprintf(out, "I am %s\n", getenv("VERSION")) < 0 || fclose(out);
}
"#;

/// A place with build files, whose engines keep their images there; the stage `below` is an image without anything.
fn place(below: &str) -> Workplace {
    let place = Workplace::new(&[]);
    let path = place.path();
    write(
        &path.join("kurmaos.toml"),
        &MANIFEST.replace("BELOW", below),
    );
    let copy = |files: &str| format!("ARG BASE\nFROM ${{BASE}}\nCOPY {files} /\n");
    write(&path.join("base/stage4/Dockerfile"), &copy("compile"));
    let source = path.join("compile.c");
    write(&source, COMPILER);
    let mut cc = judged(oracle::tool("cc").unwrap().command());
    let program = path.join("base/stage4/compile");
    assert!(
        cc.arg("-static")
            .arg("-o")
            .arg(program)
            .arg(source)
            .status()
            .unwrap()
            .success()
    );
    let files = ["bzImage", "System.map", "config", "modules.tar"];
    write(
        &path.join("base/kernel/Dockerfile"),
        &copy(&files.join(" ")),
    );
    for name in files {
        write(
            &path.join("base/kernel").join(name),
            &format!("a real {name}\n"),
        );
    }
    let storage = format!(
        "[storage]\ndriver = \"vfs\"\nrunroot = \"{0}/run\"\ngraphroot = \"{0}/images\"\n",
        path.display()
    );
    write(&path.join("storage.conf"), &storage);
    place
}

fn kurmadisk(place: &Workplace, arguments: &[&str]) -> (String, String) {
    let mut command = place.kurmadisk();
    command.args(arguments);
    command.env("CONTAINERS_STORAGE_CONF", place.path().join("storage.conf"));
    // Without namespaces of its own a container runs within others.
    command.env("BUILDAH_ISOLATION", "chroot");
    said(&mut command)
}

#[test]
fn real_engines_export_the_kernels_files() {
    for engine in ENGINES {
        let place = place("stage4");
        kurmadisk(&place, &["base", "build", "kernel", "--engine", engine]);
        for name in ["bzImage", "System.map", "config", "modules.tar"] {
            let text = fs::read_to_string(place.output(name)).unwrap();
            assert_eq!(text, format!("a real {name}\n"));
        }
        assert_eq!(place.outputs().len(), 5);
    }
}

#[test]
fn real_engines_tell_the_image_that_they_built() {
    for engine in ENGINES {
        let place = place("stage3");
        let (out, _) = kurmadisk(
            &place,
            &["base", "build", "stage4", "--engine", engine, "--json"],
        );
        let record: Value = serde_json::from_str(&out).unwrap();
        let mut list = judged(oracle::tool(engine).unwrap().command());
        list.env("CONTAINERS_STORAGE_CONF", place.path().join("storage.conf"));
        list.args([
            "images",
            "--quiet",
            "--no-trunc",
            "localhost/kurmaos-stage4",
        ]);
        let listed = String::from_utf8(list.output().unwrap().stdout).unwrap();
        assert_eq!(listed.trim(), record["id"].as_str().unwrap());
    }
}

#[test]
fn a_component_is_built_in_a_real_container() {
    let place = place("stage3");
    project(&place);
    kurmadisk(&place, &["base", "build", "stage4", "--engine", "buildah"]);
    kurmadisk(&place, &["component", "build", "--engine", "buildah"]);
    let greet = fs::read_to_string(place.output("greet/greet")).unwrap();
    assert_eq!(greet, "I am v1.2\n");
    // No container is left.
    let mut list = judged(oracle::tool("buildah").unwrap().command());
    list.env("CONTAINERS_STORAGE_CONF", place.path().join("storage.conf"));
    let listed = list.args(["containers", "--quiet"]).output().unwrap();
    assert!(listed.status.success());
    assert_eq!(listed.stdout, b"");
}
