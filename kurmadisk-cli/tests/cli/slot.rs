//! `kurmadisk slot`.

use kurmadisk_fixtures::oracle;
use serde_json::json;

use crate::Bench;
use crate::common::{gpt, json, judged, labelled};

fn said(bench: &Bench, arguments: &[&str]) -> String {
    let output = bench.run(arguments.iter().copied()).assert().success();
    String::from_utf8(output.get_output().stdout.clone()).unwrap()
}

#[test]
fn slots_are_shown_and_changed() {
    let bench = Bench::new();
    let image = bench.builds("layout = \"kurmaos\"\n");
    let shown = said(&bench, &["slot", "disk.raw"]);
    let rows: Vec<Vec<_>> = shown
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows,
        [
            [
                "slot",
                "label",
                "priority",
                "tries",
                "successful",
                "bootable"
            ],
            ["a", "KURMA-A", "1", "0", "yes", "yes"],
            ["b", "KURMA-B", "0", "0", "no", "no"],
        ]
    );
    let change = [
        "slot",
        "disk.raw",
        "--slot",
        "b",
        "--set-priority",
        "2",
        "--set-tries",
        "3",
    ];
    let shown = json(&mut bench.run(change.into_iter().chain(["--json"])));
    assert_eq!(
        shown[0],
        json!({
            "number": 4, "label": "KURMA-B", "letter": "b", "priority": 2, "tries": 3, "successful": false,
        })
    );
    let attributes = |label: &str| labelled(&gpt(&image), label).attributes;
    assert_eq!(attributes("KURMA-B"), 0x0032_0000_0000_0000);
    said(
        &bench,
        &["slot", "disk.raw", "--slot", "B", "--mark-successful"],
    );
    assert_eq!(attributes("KURMA-B"), 0x0132_0000_0000_0000);
    said(
        &bench,
        &["slot", "disk.raw", "--slot", "b", "--clear-successful"],
    );
    assert_eq!(attributes("KURMA-B"), 0x0032_0000_0000_0000);
    assert_eq!(attributes("KURMA-A"), 0x0101_0000_0000_0000);
    judged(oracle::sgdisk_verify(&image));
}

#[test]
fn what_cannot_be_done_is_told() {
    let bench = Bench::new();
    bench.builds("layout = \"kurmaos\"\n");
    bench
        .run(["convert", "disk.raw", "disk.vdi"])
        .assert()
        .success();
    assert!(said(&bench, &["slot", "disk.vdi"]).contains("KURMA-A"));
    for (arguments, told) in [
        (
            &["disk.vdi", "--slot", "b", "--set-tries", "1"][..],
            "only raw images and block devices",
        ),
        (
            &["disk.raw", "--slot", "c", "--set-tries", "1"],
            "no slot 'c'",
        ),
        (
            &["disk.raw", "--slot", "b", "--set-priority", "16"],
            "0 to 15",
        ),
        (&["disk.raw", "--set-tries", "1"], "--slot"),
        (&["disk.raw", "--slot", "b"], "--set-tries"),
        (&["absent"], "absent"),
    ] {
        let arguments = ["slot"].iter().chain(arguments).copied();
        let output = bench.run(arguments).assert().failure().get_output().clone();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(told), "{told}: {error}");
    }
}
