//! `base build` with each engine: its command line, its log, and what comes of it.

use std::fs;

use kurmadisk_fixtures::{oracle, workspace_root};
use serde_json::Value;

use crate::common::judged;
use crate::fake::{IMAGE_ID, PINNED, Workplace, said};

/// How each engine begins a build, and what it says of an image that is kept.
const ENGINES: [(&str, &str, &str); 3] = [
    (
        "docker",
        "docker|buildx|build|--progress|plain|--provenance=false|",
        "--load|",
    ),
    ("podman", "podman|build|", ""),
    ("buildah", "buildah|bud|--layers|", ""),
];

#[test]
fn each_engine_is_told_to_build_an_image() {
    for (engine, begin, load) in ENGINES {
        let place = Workplace::new(&[engine]);
        let (out, log) = said(&mut place.base_build("stage3", engine));
        assert_eq!(out, format!("localhost/kurmaos-stage3: {IMAGE_ID}\n"));
        assert!(log.contains("step 1 of 2\n"), "{log}");
        let base = workspace_root().join("base/stage3");
        let base = base.display();
        let portage = PINNED.replace("stage3", "portage");
        let call = format!(
            "{begin}--platform|linux/amd64|--file|{base}/Dockerfile|--build-arg|BASE={PINNED}|\
             --build-arg|PORTAGE={portage}|{load}--tag|localhost/kurmaos-stage3|\
             --iidfile|output/.base-stage3.partial/image-id|{base}|"
        );
        assert_eq!(place.calls()[1..], [call]);
        assert_eq!(
            place.env().contains(&"DOCKER_BUILDKIT=1".to_owned()),
            engine == "docker"
        );
        assert_eq!(place.outputs(), ["base-stage3.json"]);
    }
}

#[test]
fn each_engine_is_told_to_export_the_kernel() {
    for (engine, begin, _) in ENGINES {
        let place = Workplace::new(&[engine]);
        let (out, _) = said(&mut place.base_build("kernel", engine));
        assert!(out.starts_with("output/System.map: 19 B\n"), "{out}");
        let base = workspace_root().join("base/kernel");
        let base = base.display();
        let call = format!(
            "{begin}--platform|linux/amd64|--file|{base}/Dockerfile|--build-arg|BASE=localhost/kurmaos-stage4|\
             --output|type=local,dest=output/.base-kernel.partial|{base}|"
        );
        assert_eq!(place.calls()[1..], [call]);
        let files = [
            "System.map",
            "base-kernel.json",
            "bzImage",
            "config",
            "modules.tar",
        ];
        assert_eq!(place.outputs(), files);
    }
}

#[test]
fn a_dry_run_says_what_would_be_run_and_runs_nothing() {
    for (engine, ..) in ENGINES {
        let place = Workplace::new(&[engine]);
        let (out, _) = said(place.base_build("kernel", engine).arg("--dry-run"));
        assert_eq!(place.calls(), [""; 0]);
        assert_eq!(place.outputs(), [""; 0]);
        let (_, log) = said(&mut place.base_build("kernel", engine));
        assert!(log.contains(&out), "{log}");
        let (json, _) = said(
            place
                .base_build("kernel", engine)
                .args(["--dry-run", "--json"]),
        );
        let json: Value = serde_json::from_str(&json).unwrap();
        let words = json["command"].as_array().unwrap();
        let words: String = words
            .iter()
            .map(|w| w.as_str().unwrap().to_owned() + "|")
            .collect();
        assert_eq!(place.calls().last(), Some(&words));
    }
}

#[test]
fn the_record_says_what_came_of_what() {
    let place = Workplace::new(&["podman"]);
    let record = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(place.output(name)).unwrap()).unwrap()
    };
    said(&mut place.base_build("stage3", "podman"));
    let stage3 = record("base-stage3.json");
    assert_eq!(stage3["id"], IMAGE_ID);
    assert_eq!(stage3["from"], PINNED);
    assert_eq!(stage3["engine-version"], "9.8.7");
    said(&mut place.base_build("stage4", "podman"));
    assert_eq!(record("base-stage4.json")["from-id"], IMAGE_ID);
    let (out, _) = said(place.base_build("kernel", "podman").arg("--json"));
    let kernel = record("base-kernel.json");
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), kernel);
    assert_eq!(kernel["from-id"], IMAGE_ID);
    for name in ["bzImage", "System.map", "config", "modules.tar"] {
        let digest = judged(oracle::sha256(&place.output(name)));
        assert_eq!(kernel["files"][name]["sha256"], digest);
    }
    // The same again is the same, to the last byte.
    let before = fs::read(place.output("base-kernel.json")).unwrap();
    said(&mut place.base_build("kernel", "podman"));
    assert_eq!(fs::read(place.output("base-kernel.json")).unwrap(), before);
}

#[test]
fn the_log_is_shown_line_by_line_or_not_at_all() {
    let place = Workplace::new(&["docker"]);
    let (_, log) = said(&mut place.base_build("kernel", "docker"));
    // What is drawn over a line is shown as it was in the end.
    assert!(log.lines().any(|line| line == "20 percent"), "{log}");
    let (_, log) = said(place.base_build("kernel", "docker").arg("--quiet"));
    assert_eq!(log, "");
}
