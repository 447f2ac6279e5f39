//! `kurmadisk initrd`: what it says, and what it exits with.

use std::fs;

use serde_json::Value;

use super::Bench;

fn stdout(bench: &Bench, arguments: &[&str], code: i32) -> String {
    let assert = bench.run(arguments.iter().copied()).assert().code(code);
    let output = assert.get_output();
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(bench: &Bench, arguments: &[&str], code: i32) -> String {
    let assert = bench.run(arguments.iter().copied()).assert().code(code);
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[test]
fn an_initrd_is_built_without_a_description_and_inspected() {
    let bench = Bench::new();
    bench.write("init", "#!/bin/sh\n");
    bench.write("root/bin/sh", "shell");
    let build = [
        "initrd",
        "build",
        "--sysroot",
        "root",
        "--binary",
        "/bin/sh",
        "--tree",
        "tree",
        "--file",
        "init:/init",
        "--compression",
        "zstd",
        "--source-date-epoch",
        "7",
        "-o",
        "out",
    ];
    let said = stdout(&bench, &build, 0);
    assert!(
        said.starts_with("out: ") && said.contains("  5 entries, "),
        "{said}"
    );
    assert!(said.contains(" in zstd\n"), "{said}");
    let said = stdout(&bench, &["initrd", "inspect", "out", "--files"], 0);
    assert!(
        said.contains("/etc/hostname") && said.contains("zstd"),
        "{said}"
    );
    let report: Value =
        serde_json::from_str(&stdout(&bench, &["initrd", "inspect", "out", "--json"], 0)).unwrap();
    let piece = &report["pieces"][0];
    assert_eq!(piece["compression"], "zstd");
    let paths: Vec<_> = piece["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["/bin", "/bin/sh", "/etc", "/etc/hostname", "/init"]);
    assert_eq!(piece["entries"][4]["mtime"], 7);
}

#[test]
fn options_come_on_top_of_the_description() {
    let bench = Bench::new();
    bench.write("spec.toml", "compression = \"xz\"\nlevel = 9\nsource-date-epoch = 5\n[[file]]\npath = \"/a\"\ntext = \"a\"\n");
    let build = |more: &[&str]| {
        let arguments = [
            &[
                "initrd",
                "build",
                "--spec",
                "spec.toml",
                "--json",
                "-o",
                "out",
            ],
            more,
        ]
        .concat();
        let report: Value = serde_json::from_str(&stdout(&bench, &arguments, 0)).unwrap();
        report
    };
    let report = build(&[]);
    assert_eq!(report["segments"][0]["compression"], "xz");
    assert_eq!(report["output"], "out");
    assert_eq!(
        report["size"],
        fs::metadata(bench.join("out")).unwrap().len()
    );
    assert_eq!(
        build(&["--compression", "none"])["segments"][0]["compression"],
        "none"
    );
    let said = refused(
        &bench,
        &[
            "initrd",
            "build",
            "--spec",
            "spec.toml",
            "--level",
            "10",
            "-o",
            "none",
        ],
        1,
    );
    assert_eq!(
        said,
        "kurmadisk: --level: level: xz for the kernel has no level 10; it has those from 0 to 9\n"
    );
    let said = refused(
        &bench,
        &["initrd", "build", "--spec", "spec.toml", "-o", "spec.toml"],
        1,
    );
    assert!(said.contains("spec.toml is an input"), "{said}");
    refused(&bench, &["initrd", "build"], 2);
}

#[test]
fn a_comparison_says_by_its_exit_code_whether_something_is_different() {
    let bench = Bench::new();
    for (name, text) in [("a", "1"), ("b", "2")] {
        let spec = format!("source-date-epoch = 5\n[[file]]\npath = \"/x\"\ntext = {text:?}\n");
        bench.write("spec.toml", &spec);
        stdout(
            &bench,
            &[
                "initrd",
                "build",
                "--spec",
                "spec.toml",
                "--quiet",
                "-o",
                name,
            ],
            0,
        );
    }
    assert_eq!(stdout(&bench, &["initrd", "diff", "a", "a"], 0), "");
    assert_eq!(
        stdout(&bench, &["initrd", "diff", "a", "b"], 1),
        "/x: content\n"
    );
    let report: Value =
        serde_json::from_str(&stdout(&bench, &["initrd", "diff", "--json", "a", "b"], 1)).unwrap();
    assert_eq!(report["differences"][0]["path"], "/x");
    assert_eq!(
        stdout(&bench, &["initrd", "diff", "--quiet", "a", "b"], 1),
        ""
    );
    bench.write("c", "no initrd");
    let said = refused(&bench, &["initrd", "diff", "a", "c"], 2);
    assert!(
        said.starts_with("kurmadisk: c: cpio archive, byte 0: no cpio header"),
        "{said}"
    );
}

#[test]
fn descriptions_archives_and_trees_are_appended() {
    let bench = Bench::new();
    bench.write("spec.toml", "[[file]]\npath = \"/x\"\ntext = \"x\"\n");
    stdout(
        &bench,
        &[
            "initrd",
            "build",
            "--spec",
            "spec.toml",
            "--quiet",
            "-o",
            "base",
        ],
        0,
    );
    let append = [
        "initrd",
        "append",
        "base",
        "spec.toml",
        "tree",
        "base",
        "--compression",
        "none",
        "-o",
        "out",
    ];
    let said = stdout(&bench, &append, 0);
    assert_eq!(said.lines().count(), 5, "{said}");
    assert!(
        fs::read(bench.join("out"))
            .unwrap()
            .starts_with(&fs::read(bench.join("base")).unwrap())
    );
    let report: Value =
        serde_json::from_str(&stdout(&bench, &["initrd", "inspect", "--json", "out"], 0)).unwrap();
    let pieces = report["pieces"].as_array().unwrap().iter();
    let compressions: Vec<_> = pieces.map(|piece| piece["compression"].clone()).collect();
    // gzip behind gzip may be one piece, or two with zeros between them to align the second.
    let mut told = compressions;
    told.dedup();
    assert_eq!(told, [Value::from("gzip"), Value::Null, "gzip".into()]);
    let said = refused(
        &bench,
        &["initrd", "append", "base", "tree", "-o", "base"],
        1,
    );
    assert!(said.contains("base is an input"), "{said}");
}
