//! `kurmadisk verify`: what it says, and what it exits with.

use std::fs;

use kurmadisk_fixtures::oracle::{self, Unpacker};
use serde_json::Value;

use super::Bench;
use super::common::{FORMATS, json, judged};

/// A bench with a raw disk of 64 MiB.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.builds(
        "size = \"64 MiB\"\n[disk]\ntable = \"gpt\"\n[[partition]]\nnumber = 1\ntype = \"linux\"\nsize = \"1 MiB\"\n",
    );
    bench
}

fn qemu_img(bench: &Bench, options: &[&str], to: &str) {
    let mut qemu = oracle::tool("qemu-img").unwrap().command().unwrap();
    qemu.current_dir(bench.path())
        .args(["convert", "-f", "raw"]);
    let done = qemu.args(options).args(["disk.raw", to]).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

#[test]
fn what_is_refused_is_told_with_the_reason() {
    let bench = bench();
    qemu_img(&bench, &["-O", "vhdx"], "disk.vhdx");
    let command = [
        "verify",
        "--for",
        "virtualbox",
        "--for",
        "hyperv",
        "disk.vhdx",
    ];
    let output = bench.run(command).assert().code(1).get_output().clone();
    let said = String::from_utf8(output.stdout).unwrap();
    for part in [
        "disk.vhdx: vhdx, a disk of 64 MiB\n",
        "\nrefused by virtualbox: vhdx-required (flags of region 0 at byte ",
        "\n  why: VirtualBox opens only",
        "\n  do: convert it with kurmadisk\n",
        "\nnothing is refused by hyperv\n",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    assert!(output.stderr.is_empty());
    bench
        .run(["convert", "disk.vhdx", "ours.vhdx", "--quiet"])
        .assert()
        .success();
    let command = ["verify", "--for", "virtualbox", "ours.vhdx"];
    let good = bench.run(command).assert().success().get_output().clone();
    assert!(
        String::from_utf8(good.stdout)
            .unwrap()
            .ends_with("nothing is refused by virtualbox\n")
    );
}

#[test]
fn programs_get_json_or_the_exit_code() {
    let bench = bench();
    qemu_img(
        &bench,
        &["-O", "vpc", "-o", "subformat=dynamic"],
        "disk.vhd",
    );
    let command = [
        "verify",
        "--for",
        "azure,hyperv,azure",
        "disk.vhd",
        "--json",
    ];
    let output = bench.run(command).assert().code(1).get_output().clone();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["kind"], "vhd");
    assert_eq!(report["disks"][0]["format"], "vhd");
    let platforms = report["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 2, "each once");
    assert_eq!(platforms[0]["platform"], "azure");
    assert_eq!(
        (&platforms[0]["refused"], &platforms[1]["refused"]),
        (&true.into(), &false.into())
    );
    let finding = &report["findings"][0];
    assert_eq!(
        (&finding["rule"], &finding["severity"]),
        (&"vhd-not-fixed".into(), &"refused".into())
    );
    assert_eq!(finding["platforms"], serde_json::json!(["azure"]));
    let len = bench.join("disk.vhd").metadata().unwrap().len();
    assert_eq!(finding["offset"], len - 512 + 60);
    for (platform, code) in [("azure", 1), ("hyperv", 0)] {
        let quiet = ["verify", "--quiet", "--for", platform, "disk.vhd"];
        let output = bench.run(quiet).assert().code(code).get_output().clone();
        assert!(output.stdout.is_empty() && output.stderr.is_empty());
    }
}

#[test]
fn what_cannot_be_told_is_not_an_answer() {
    let bench = bench();
    for (arguments, says) in [
        (&["verify", "disk.raw"][..], "--for"),
        (
            &["verify", "--for", "qemu", "disk.raw"],
            "vmware, virtualbox",
        ),
        (&["verify", "--for", "aws"], "<FILE>"),
        (&["verify", "--for", "aws", "absent"], "absent"),
        (
            &["verify", "--for", "aws", "tree"],
            "neither a regular file",
        ),
    ] {
        let output = bench
            .run(arguments.iter().copied())
            .assert()
            .code(2)
            .get_output()
            .clone();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(says), "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn every_format_that_is_written_is_taken_by_somebody() {
    let bench = bench();
    for (format, _) in FORMATS {
        let platform = match format {
            "vmdk" | "vmdk-stream" | "vmdk-flat" | "vmdk-split" => "vmware,virtualbox",
            "vdi" | "vdi-fixed" => "virtualbox",
            "vhd" | "vhdx" | "vhdx-fixed" => "hyperv,virtualbox,aws",
            "vhd-fixed" => "azure,hyperv,virtualbox,aws",
            "raw" | "raw-fixed" => "aws",
            _ => "proxmox",
        };
        let platforms = format!("{platform},openstack,proxmox");
        let for_all = match format {
            // OpenStack's checker allows no VMDK of several files.
            "vmdk-flat" | "vmdk-split" => platform,
            _ => &platforms,
        };
        let image = format!("image.{format}");
        let convert = ["convert", "disk.raw", &image, "--format", format, "--quiet"];
        bench.run(convert).assert().success();
        let report = json(&mut bench.run(["verify", "--for", for_all, &image, "--json"]));
        assert_eq!(report["disks"][0]["size"], 64 << 20, "{format}");
    }
}

#[test]
fn packages_are_taken_by_their_platforms() {
    let bench = Bench::new();
    bench.write(
        "kurmadisk.toml",
        "name = \"box\"\nlayout = \"efi\"\nroot = \"tree\"\n",
    );
    let targets = "vmware,ova,virtualbox,openstack,aws,gce,azure,hyperv,proxmox";
    let package = [
        "package", targets, "--size", "1 GiB", "-o", "out", "--quiet",
    ];
    bench.run(package).assert().success();
    for name in ["vmware", "virtualbox", "openstack", "hyperv"] {
        let into = bench.join(name);
        fs::create_dir(&into).unwrap();
        let zip = bench.join(&format!("out/box-{name}.zip"));
        judged(Unpacker::Unzip.unpack(&zip, &into));
    }
    for (platforms, file) in [
        ("vmware,virtualbox,aws,proxmox", "out/box.ova"),
        ("vmware", "vmware/box-vmware/box.vmx"),
        ("virtualbox", "virtualbox/box-virtualbox/box.ovf"),
        ("openstack", "openstack/box-openstack/box.qcow2"),
        ("hyperv", "hyperv/box-hyperv/box.vhdx"),
        ("aws", "out/box-aws/box.vmdk"),
        ("gce", "out/box-gce.tar.gz"),
        ("azure", "out/box-azure.vhd"),
        ("proxmox", "out/box-proxmox/box.qcow2"),
    ] {
        let report = json(&mut bench.run(["verify", "--for", platforms, file, "--json"]));
        assert_eq!(report["disks"][0]["size"], 1 << 30, "{file}");
        let warnings = report["findings"].as_array().unwrap();
        let of_host = |finding: &Value| {
            finding["rule"] == "host-sparse" || finding["rule"] == "vmdk-not-for-esxi"
        };
        assert!(warnings.iter().all(of_host), "{file}: {warnings:?}");
    }
}
