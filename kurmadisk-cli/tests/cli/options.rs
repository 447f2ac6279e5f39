//! What the options promise.

use std::fs;

use serde_json::Value;

use super::Bench;
use crate::common::{FORMATS, gpt, json, judged, labelled, names};
use kurmadisk_fixtures::oracle;

const EFI: [&str; 2] = ["--layout", "efi"];

#[test]
fn the_default_name_is_the_images_with_the_formats_ending() {
    let bench = Bench::new();
    for (format, ending) in [
        ("raw", "raw"),
        ("raw-fixed", "raw"),
        ("vdi", "vdi"),
        ("vdi-fixed", "vdi"),
        ("vmdk", "vmdk"),
        ("vmdk-stream", "vmdk"),
        ("qcow2", "qcow2"),
        ("qcow2-v2", "qcow2"),
        ("qcow2-compressed", "qcow2"),
        ("qcow2-zstd", "qcow2"),
        ("vhd", "vhd"),
        ("vhd-fixed", "vhd"),
        ("vhdx", "vhdx"),
        ("vhdx-fixed", "vhdx"),
    ] {
        let file = format!("box.{ending}");
        let arguments = ["build", "--name", "box", "--format", format];
        let output = bench
            .run(arguments.into_iter().chain(EFI))
            .assert()
            .success();
        let said = String::from_utf8(output.get_output().stdout.clone()).unwrap();
        assert!(said.starts_with(&format!("{file}: {format}, ")), "{said}");
        assert_eq!(said.lines().count(), 1);
        assert_eq!(names(bench.path()), [file.as_str(), "tree"]);
        fs::remove_file(bench.join(&file)).unwrap();
    }
    // Without a name, that of the layout.
    bench
        .run(["build", "--format", "raw"].into_iter().chain(EFI))
        .assert()
        .success();
    assert_eq!(names(bench.path()), ["efi.raw", "tree"]);
}

#[test]
fn nothing_but_the_result_is_said_and_quiet_says_nothing() {
    let bench = Bench::new();
    let build = [
        "build", "--format", "vdi", "--root", "tree", "-o", "out.vdi",
    ];
    // Standard error is a pipe here, so there is no progress bar.
    let assert = bench.run(build.into_iter().chain(EFI)).assert().success();
    assert!(assert.get_output().stderr.is_empty());
    let quiet = build.into_iter().chain(EFI).chain(["--quiet"]);
    let assert = bench.run(quiet).assert().success();
    assert!(assert.get_output().stderr.is_empty() && assert.get_output().stdout.is_empty());
    let plan = ["plan", "--quiet"].into_iter().chain(EFI);
    let assert = bench.run(plan).assert().success();
    assert!(assert.get_output().stderr.is_empty() && assert.get_output().stdout.is_empty());
}

#[test]
fn a_terminal_shows_a_bar_and_is_left_clean() {
    const SCRIPT: oracle::Tool = oracle::Tool {
        program: "script",
        package: "bsdutils",
    };
    let bench = Bench::new();
    fs::write(bench.join("tree/large"), vec![0xa5; 32 << 20]).unwrap();
    let on_terminal = |more: &str| {
        let build = format!("build --layout efi --root tree --format vdi -o out.vdi {more}");
        let mut script = judged(SCRIPT.command());
        script
            .current_dir(bench.path())
            .args(["--quiet", "--return", "--command"]);
        script
            .arg(format!("{} {build}", env!("CARGO_BIN_EXE_kurmadisk")))
            .arg("/dev/null");
        let output = script.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let said = on_terminal("");
    assert!(said.contains(" B/32."), "{said}");
    let (bar, rest) = said.rsplit_once("\u{1b}[2K").unwrap();
    assert!(bar.contains('░') || bar.contains('█'), "{said}");
    assert!(rest.trim_end().starts_with("out.vdi: vdi, "), "{said}");
    assert_eq!(on_terminal("--quiet"), "");
}

#[test]
fn the_json_of_a_build_is_what_was_built() {
    let bench = Bench::new();
    let build = [
        "build", "--json", "--format", "vmdk", "--root", "tree", "-o", "out.vmdk",
    ];
    let made = json(&mut bench.run(build.into_iter().chain(EFI)));
    assert_eq!(made["output"], "out.vmdk");
    assert_eq!(made["format"], "vmdk");
    assert_eq!(
        made["size"],
        fs::metadata(bench.join("out.vmdk")).unwrap().len()
    );
    let plan = [
        "plan", "--json", "--format", "vmdk", "--root", "tree", "-o", "out.vmdk",
    ];
    let mut plan = json(&mut bench.run(plan.into_iter().chain(EFI)));
    let outputs = plan.as_object_mut().unwrap().remove("outputs").unwrap();
    assert_eq!(made["plan"], plan);
    assert_eq!(outputs.as_array().unwrap().len(), 1);
    assert_eq!(outputs[0]["size"], made["size"]);
    assert_eq!(outputs[0]["path"], "out.vmdk");
}

#[test]
fn the_json_of_a_plan_agrees_with_the_disk() {
    let bench = Bench::new();
    let common = ["--format", "raw", "--root", "tree", "-o", "out.raw"];
    let arguments = |first: &[&'static str]| {
        let all = first.iter().copied().chain(common).chain(EFI);
        bench.run(all.collect::<Vec<_>>())
    };
    let plan = json(&mut arguments(&["plan", "--json", "--files"]));
    arguments(&["build"]).assert().success();
    let image = bench.join("out.raw");
    let disk = gpt(&image);
    assert_eq!(plan["table"], "gpt");
    assert_eq!(
        (&plan["disk-id"], &plan["sectors"]),
        (&disk.guid.clone().into(), &disk.sectors.into())
    );
    let partitions = plan["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), disk.partitions.len());
    for (planned, found) in partitions.iter().zip(&disk.partitions) {
        assert_eq!(planned["number"], found.number);
        assert_eq!(planned["label"], found.name.as_str());
        assert_eq!(planned["guid"], found.guid.as_str());
        assert_eq!(
            (&planned["first"], &planned["start"]),
            (&found.first.into(), &found.offset().into())
        );
        assert_eq!(planned["size"], found.length());
    }
    let root = &partitions[1]["filesystem"];
    let offset = labelled(&disk, "ROOT").offset();
    let superblock = judged(oracle::dumpe2fs(&image, offset));
    let says = |field: &str| {
        let line = superblock.lines().find_map(|line| line.strip_prefix(field));
        line.map(str::trim).unwrap_or_default().to_owned()
    };
    assert_eq!(root["type"], "ext4");
    assert_eq!(root["id"], says("Filesystem UUID:"));
    assert_eq!(root["inodes"].to_string(), says("Inode count:"));
    let free: u64 = says("Free inodes:").parse().unwrap();
    assert_eq!(root["inodes-used"], root["inodes"].as_u64().unwrap() - free);
    let blocks: u64 = says("Free blocks:").parse().unwrap();
    assert_eq!(root["free"], blocks * 4096);
    // The file's bytes are where the plan says.
    let file = &root["files"].as_array().unwrap()[0];
    assert_eq!(file["path"], "/etc/hostname");
    let start = usize::try_from(file["ranges"][0][0].as_u64().unwrap()).unwrap();
    assert_eq!(&fs::read(&image).unwrap()[start..start + 6], b"kurma\n");
}

#[test]
fn a_plan_writes_nothing_and_shows_every_partition() {
    let bench = Bench::new();
    let arguments = ["plan", "--layout", "kurmaos", "--root", "tree"];
    let assert = bench.run(arguments).assert().success();
    let said = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    for part in [
        "EFI-SYSTEM",
        "BIOS-BOOT",
        "KURMA-A",
        "KURMA-B",
        "OEM",
        "ROOT",
        "priority=1,successful",
        "802816",
        "2097152",
        "FAT32",
        "ext4",
        "3096576 sectors",
        "kurmaos.raw: raw, ",
        "vmdk-stream, at most ",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    for (format, _) in FORMATS {
        assert!(said.contains(&format!(": {format}, ")), "{said}");
    }
    assert_eq!(names(bench.path()), ["tree"]);
}

#[test]
fn options_count_more_than_the_file() {
    let bench = Bench::new();
    bench.write(
        "c.toml",
        "name = \"file\"\nlayout = \"bios\"\nseed = \"file\"\nformat = \"vdi\"\noutput = \"out/file.vdi\"\nsize = \"1G\"\n",
    );
    let plan = |more: &[&str]| -> Value {
        json(
            &mut bench.run(
                ["plan", "--json", "--config", "c.toml"]
                    .iter()
                    .chain(more)
                    .copied(),
            ),
        )
    };
    let file = plan(&[]);
    assert_eq!(
        (&file["name"], &file["table"]),
        (&"file".into(), &"mbr".into())
    );
    assert_eq!(file["size"], 1_u64 << 30);
    assert_eq!(file["outputs"][0]["format"], "vdi");
    assert_eq!(file["outputs"][0]["path"], "out/file.vdi");
    let name = plan(&["--name", "option"]);
    assert_eq!(name["name"], "option");
    assert_ne!(name["identity"], file["identity"]);
    assert_ne!(plan(&["--seed", "option"])["identity"], file["identity"]);
    assert_eq!(plan(&["--seed", "file"])["identity"], file["identity"]);
    assert_eq!(plan(&["--layout", "efi"])["table"], "gpt");
    assert_eq!(plan(&["--size", "2G"])["size"], 2_u64 << 30);
    assert_eq!(
        plan(&["--size", "auto"])["size"],
        plan(&["--size=auto", "--seed=x"])["size"]
    );
    assert_eq!(plan(&["--format", "raw"])["outputs"][0]["format"], "raw");
    assert_eq!(plan(&["-o", "x.vdi"])["outputs"][0]["path"], "x.vdi");
}

#[test]
fn the_ending_of_the_output_tells_the_format_unless_one_is_named() {
    let bench = Bench::new();
    let format = |arguments: &[&str]| {
        let all = ["plan", "--json", "--layout", "efi"]
            .iter()
            .chain(arguments);
        let plan = json(&mut bench.run(all.copied()));
        let outputs = plan["outputs"].as_array().unwrap();
        assert_eq!(outputs.len(), 1);
        outputs[0]["format"].as_str().unwrap().to_owned()
    };
    for (output, expected) in [
        ("a.raw", "raw"),
        ("a.img", "raw"),
        ("a.tar.IMG", "raw"),
        ("b.vdi", "vdi"),
        ("some folder/b.VDI", "vdi"),
        ("c.vmdk", "vmdk"),
    ] {
        assert_eq!(format(&["-o", output]), expected);
        assert_eq!(
            format(&["-o", output, "--format", "vmdk-stream"]),
            "vmdk-stream"
        );
    }
    bench.write("output.toml", "output = \"x.vdi\"\n");
    assert_eq!(format(&["--config", "output.toml"]), "vdi");
    assert_eq!(format(&["--config", "output.toml", "-o", "y.vmdk"]), "vmdk");
    bench.write("both.toml", "output = \"x.vdi\"\nformat = \"raw-fixed\"\n");
    assert_eq!(
        format(&["--config", "both.toml", "-o", "y.vmdk"]),
        "raw-fixed"
    );

    let build = ["build", "--json", "-o", "out.vdi"];
    let made = json(&mut bench.run(build.into_iter().chain(EFI)));
    assert_eq!(made["format"], "vdi");
    judged(oracle::qemu_img_check(&bench.join("out.vdi"), "vdi"));
}

#[test]
fn an_ending_that_tells_no_format_is_refused_with_those_there_are() {
    let bench = Bench::new();
    let parts = [
        "the ending",
        "--format",
        "raw, raw-fixed, vdi, vdi-fixed, vmdk",
    ];
    for output in ["out", "out.bin", "out.vdi.old", ".vdi", "out.", "-"] {
        let said = [&[output][..], &parts].concat();
        bench.refuses(["--layout", "efi", "-o", output], &said);
        let plan = ["plan", "--layout", "efi", "-o", output];
        bench.run(plan).assert().code(1);
    }
    let build = ["build", "--format", "vdi", "-o", "out.bin"];
    bench.run(build.into_iter().chain(EFI)).assert().success();
    judged(oracle::qemu_img_check(&bench.join("out.bin"), "vdi"));
}

#[test]
fn an_image_takes_the_place_of_the_one_before() {
    let bench = Bench::new();
    bench.write("out.raw", "the image of yesterday");
    let arguments = ["build", "--format", "raw", "-o", "out.raw"];
    bench
        .run(arguments.into_iter().chain(EFI))
        .assert()
        .success();
    judged(oracle::sgdisk_verify(&bench.join("out.raw")));
    assert_eq!(names(bench.path()), ["out.raw", "tree"]);
}

#[test]
fn help_and_version_are_there() {
    let bench = Bench::new();
    for arguments in [
        ["--help"].as_slice(),
        &["build", "--help"],
        &["plan", "--help"],
        &["--version"],
    ] {
        let assert = bench.run(arguments.iter().copied()).assert().success();
        assert!(!assert.get_output().stdout.is_empty());
    }
}

#[test]
fn help_names_every_format() {
    let bench = Bench::new();
    let assert = bench.run(["build", "--help"]).assert().success();
    let help = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    let words: Vec<_> = help
        .split(|c: char| c.is_whitespace() || ",;:`".contains(c))
        .collect();
    for (format, _) in FORMATS {
        assert!(words.contains(&format), "{format} is not in the help");
    }
}
