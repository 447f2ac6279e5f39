//! `kurmadisk slot`.

use std::fs;

use kurmadisk_fixtures::oracle;
use serde_json::json;

use crate::Bench;
use crate::common::{demo_initrd, demo_kernel, gpt, json, judged, labelled};

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
fn a_kernel_and_an_initrd_are_installed() {
    let bench = Bench::new();
    let image = bench.builds("layout = \"kurmaos\"\n");
    let kernel = demo_kernel();
    fs::copy(demo_initrd(), bench.join("initrd")).unwrap();
    let esp = labelled(&gpt(&image), "EFI-SYSTEM").offset();
    let install = |rest: &[&str]| {
        let all = ["slot", "disk.raw", "--slot", "b", "--json", "--install"];
        let kernel = [kernel.to_str().unwrap()];
        let all = all.iter().chain(&kernel).chain(rest).copied();
        let shown = json(&mut bench.run(all));
        judged(oracle::fsck_fat_clean(&image, esp));
        judged(oracle::sgdisk_verify(&image));
        shown[0].clone()
    };
    let read = |name| oracle::mcopy_read(&image, esp, &format!("::/kurmaos/{name}"));
    let b = json!({
        "number": 4, "label": "KURMA-B", "letter": "b", "priority": 2, "tries": 3, "successful": false,
    });
    assert_eq!(install(&["initrd"]), b);
    assert!(judged(read("vmlinuz-b")) == fs::read(&kernel).unwrap());
    assert!(judged(read("initrd-b")) == fs::read(demo_initrd()).unwrap());
    let b = install(&[
        "--set-priority",
        "7",
        "--set-tries",
        "1",
        "--mark-successful",
    ]);
    let attributes = [&b["priority"], &b["tries"], &b["successful"]];
    assert_eq!(attributes, [&json!(7), &json!(1), &json!(true)]);
    assert!(judged(read("vmlinuz-b")) == fs::read(&kernel).unwrap());
    assert!(read("initrd-b").is_err());
}

#[test]
fn files_of_a_disk_without_slots_are_replaced() {
    let bench = Bench::new();
    let image = bench.builds("layout = \"bios\"\n");
    let kernel = demo_kernel();
    let kernel = kernel.to_str().unwrap();
    let shown = said(
        &bench,
        &["slot", "disk.raw", "--slot", "a", "--install", kernel],
    );
    assert_eq!(shown, "no slots\n");
    let boot = 1 << 20;
    let found = judged(oracle::mcopy_read(&image, boot, "::/kurmaos/vmlinuz-a"));
    assert!(found == fs::read(kernel).unwrap());
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
        (&["disk.raw", "--install", "tree/etc/hostname"], "--slot"),
        (
            &["disk.raw", "--slot", "b", "--install", "tree/etc/hostname"],
            "not a bzImage",
        ),
        (
            &["disk.raw", "--slot", "b", "--install", "no-kernel"],
            "no-kernel",
        ),
        (
            &["disk.vdi", "--slot", "b", "--install", "no-kernel"],
            "only raw images and block devices",
        ),
    ] {
        let arguments = ["slot"].iter().chain(arguments).copied();
        let output = bench.run(arguments).assert().failure().get_output().clone();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(told), "{told}: {error}");
    }
}
