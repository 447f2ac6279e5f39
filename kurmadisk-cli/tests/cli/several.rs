//! Several images from one build, images through pipes, options of formats.

use std::fs;

use kurmadisk_fixtures::oracle;

use crate::Bench;
use crate::common::{FORMATS, json, judged, names};

const EFI: [&str; 5] = ["build", "--layout", "efi", "--root", "tree"];

fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&EFI[..], more].concat()
}

#[test]
fn several_formats_go_to_a_folder_and_are_those_made_alone() {
    let bench = Bench::new();
    let list = "vdi,vmdk-stream,qcow2,vmdk,raw";
    let more = ["--name", "box", "--format", list, "-o", "out/"];
    let made = json(&mut bench.run(arguments(&[&more[..], &["--json"]].concat())));
    let outputs = made["outputs"].as_array().unwrap();
    let told: Vec<_> = outputs
        .iter()
        .map(|output| output["output"].as_str().unwrap())
        .collect();
    let expected = [
        "out/box.vdi",
        "out/box-vmdk-stream.vmdk",
        "out/box.qcow2",
        "out/box-vmdk.vmdk",
        "out/box.raw",
    ];
    assert_eq!(told, expected);
    assert!(made["output"].is_null());
    assert_eq!(names(&bench.join("out")).len(), 5);
    for (path, format) in expected.iter().zip(list.split(',')) {
        // A VMDK repeats its own name.
        let alone = format!("alone/{}", path.strip_prefix("out/").unwrap());
        fs::create_dir_all(bench.join("alone")).unwrap();
        let more = ["--name", "box", "--format", format, "-o", &alone];
        bench.run(arguments(&more)).assert().success();
        assert!(fs::read(bench.join(path)).unwrap() == fs::read(bench.join(&alone)).unwrap());
        let (_, qemu) = FORMATS.iter().find(|(name, _)| *name == format).unwrap();
        let raw = bench.join("out/box.raw");
        judged(oracle::qemu_img_compare(
            &bench.join(path),
            qemu,
            &raw,
            "raw",
        ));
    }
}

#[test]
fn a_folder_is_enough_of_a_name_and_the_current_one_is_the_default() {
    let bench = Bench::new();
    bench.write("out/kept", "");
    let more = ["--name", "box", "--format", "vdi", "-o", "out"];
    bench.run(arguments(&more)).assert().success();
    assert_eq!(names(&bench.join("out")), ["box.vdi", "kept"]);
    bench.write(
        "c.toml",
        "name = \"box\"\nlayout = \"efi\"\nformat = [\"vhd\", \"vmdk-stream,level=1\"]\n",
    );
    let built = ["build", "--config", "c.toml", "--root", "tree"];
    bench.run(built).assert().success();
    assert_eq!(
        names(bench.path()),
        ["box.vhd", "box.vmdk", "c.toml", "out", "tree"]
    );
    // A folder that holds the image of one format, too.
    let convert = ["convert", "box.vhd", "more", "--format", "qcow2,raw"];
    let assert = bench.run(convert).assert().success();
    let said = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    assert!(said.starts_with("more/box.qcow2: qcow2, "), "{said}");
    assert_eq!(names(&bench.join("more")), ["box.qcow2", "box.raw"]);
}

#[test]
fn one_failure_leaves_no_image_and_no_folder() {
    let bench = Bench::new();
    // A VHD holds 2040 GiB at most.
    let more = [
        "--layout", "kurmaos", "--size", "3T", "--format", "vdi,vhd", "-o", "out",
    ];
    bench.refuses(more, &["a vhd image cannot hold", "2040 GiB"]);
    bench.write("file", "");
    let more = ["--layout", "efi", "--format", "vdi,vhd", "-o", "file"];
    bench.refuses(more, &["file is a file; several images need a folder"]);
    let more = ["--layout", "efi", "--format", "vdi,vhd", "-o", "absent/out"];
    bench.refuses(more, &["cannot make absent/out"]);
    let more = [
        "--layout", "efi", "--root", "tree", "--format", "vdi,vhd", "-o", "tree",
    ];
    bench.refuses(more, &["tree/efi.vdi lies in tree"]);
}

#[test]
fn two_images_of_one_name_are_refused() {
    let bench = Bench::new();
    let two = "two files would be called box-vmdk-stream.vmdk";
    for lists in [
        &["--format", "vmdk-stream,level=1,vmdk-stream,level=9"][..],
        &["--format", "vmdk-stream", "--format", "vmdk-stream"],
    ] {
        let more = [&["--name", "box", "-o", "out/"], lists].concat();
        bench.refuses(arguments(&more).split_off(1), &[two]);
        assert!(!bench.join("out").exists());
    }
}

#[test]
fn what_goes_through_a_pipe_is_the_file() {
    let bench = Bench::new();
    for (format, _) in FORMATS {
        // The usual name, which a VMDK has in it.
        let ending = format.split('-').next().unwrap();
        let file = format!("efi.{ending}");
        let alone = ["--format", format, "-o", &file];
        bench.run(arguments(&alone)).assert().success();
        let piped = ["--format", format, "-o", "-"];
        let refused = match format {
            "qcow2-compressed" | "qcow2-zstd" => {
                "can't go through a pipe: its first bytes are known last"
            }
            "vmdk-flat" | "vmdk-split" => "is several files, and a pipe is one; name a file",
            _ => "",
        };
        if !refused.is_empty() {
            bench.refuses(arguments(&piped).split_off(1), &[format, refused]);
            continue;
        }
        let assert = bench.run(arguments(&piped)).assert().success();
        let output = assert.get_output();
        assert!(
            output.stdout == fs::read(bench.join(&file)).unwrap(),
            "{format}"
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.starts_with(&format!("-: {format} (a disk of ")),
            "{said}"
        );
    }
    let converted = ["convert", "efi.qcow2", "-", "--format", "raw", "--quiet"];
    let assert = bench.run(converted).assert().success();
    let output = assert.get_output();
    assert!(output.stdout == fs::read(bench.join("efi.raw")).unwrap());
    assert!(output.stderr.is_empty());
    bench.refuses(
        ["--layout", "efi", "--format", "raw,vdi", "-o", "-"],
        &["the standard output takes one image"],
    );
}

#[test]
fn a_reader_who_leaves_is_an_error() {
    let bench = Bench::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kurmadisk"));
    let command = command.current_dir(bench.path()).args(EFI);
    let command = command.args(["--format", "raw", "-o", "-"]);
    let output = command.stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("cannot write the standard output"), "{said}");
}

#[test]
fn options_of_formats_are_heeded_and_wrong_ones_refused() {
    let bench = Bench::new();
    let sizes = ["1", "9"].map(|level| {
        let format = format!("vmdk-stream,level={level}");
        let more = ["--format", &format, "-o", "x.vmdk"];
        bench.run(arguments(&more)).assert().success();
        fs::metadata(bench.join("x.vmdk")).unwrap().len()
    });
    assert!(sizes[0] >= sizes[1], "{sizes:?}");
    for (list, part) in [
        ("vdi,level=9", "vdi has no option"),
        ("level=9", "comes before a format"),
        ("vmdk-stream,level=11", "levels from"),
        ("vdi,,raw", "a format is missing"),
    ] {
        let assert = bench.run(["plan", "--format", list]).assert().code(2);
        let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(said.contains(part), "no {part:?} in {said}");
        bench.write(
            "c.toml",
            &format!("layout = \"efi\"\nformat = \"{list}\"\n"),
        );
        bench.refuses(["--config", "c.toml"], &["c.toml:2:10: ", part]);
    }
    let plan = [
        "plan",
        "--json",
        "--layout",
        "efi",
        "--format",
        "raw,vmdk-stream",
        "-o",
        "d",
    ];
    let plan = json(&mut bench.run(plan));
    assert_eq!(plan["outputs"][0]["path"], "d/efi.raw");
    assert_eq!(plan["outputs"][1]["path"], "d/efi.vmdk");
}

#[test]
fn a_file_is_compressed_as_its_ending_or_an_option_says() {
    let bench = Bench::new();
    bench.run(arguments(&["-o", "disk.raw"])).assert().success();
    let disk = fs::read(bench.join("disk.raw")).unwrap();
    for (program, compression) in [("gzip", "gz"), ("zstd", "zst"), ("xz", "xz")] {
        let file = format!("disk.raw.{compression}");
        let assert = bench.run(arguments(&["-o", &file])).assert().success();
        let said = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
        let expected = format!("{file}: raw, compressed with {compression}, ");
        assert!(said.starts_with(&expected), "{said}");
        let uncompressed = |path: &str| {
            let mut command = judged(oracle::tool(program).unwrap().command());
            let output = command.arg("-dc").arg(bench.join(path)).output().unwrap();
            assert!(output.status.success(), "{path}");
            output.stdout
        };
        assert!(uncompressed(&file) == disk, "{file}");

        // The same through a pipe, and in a folder with others; the level is heeded.
        let option = format!("raw,compress={compression}");
        let list = format!("vdi,{option},level=1");
        let assert = bench
            .run(arguments(&["--format", &option, "-o", "-"]))
            .assert();
        assert!(assert.get_output().stdout == fs::read(bench.join(&file)).unwrap());
        bench
            .run(arguments(&["--format", &list, "-o", "out"]))
            .assert()
            .success();
        assert!(uncompressed(&format!("out/efi.raw.{compression}")) == disk);
        // And back again.
        bench.run(["convert", &file, "back.raw"]).assert().success();
        assert!(fs::read(bench.join("back.raw")).unwrap() == disk);
        let inspected = json(&mut bench.run(["inspect", "--json", &file]));
        assert_eq!(inspected["partitions"].as_array().unwrap().len(), 2);
    }
    let made = json(&mut bench.run(arguments(&["--json", "-o", "x.vmdk.gz"])));
    assert_eq!(
        (&made["format"], &made["compression"]),
        (&"vmdk".into(), &"gz".into())
    );
    let plan = json(&mut bench.run(["plan", "--json", "--layout", "efi", "-o", "x.vdi.xz"]));
    assert_eq!(plan["outputs"][0]["compression"], "xz");
    assert_eq!(plan["outputs"][0]["exact"], false);
    for (list, output, part) in [
        (
            "qcow2-compressed",
            "x.qcow2.gz",
            "can't be compressed as it is written",
        ),
        (
            "vmdk-flat",
            "x.vmdk.zst",
            "can't be compressed as it is written",
        ),
    ] {
        bench.refuses(
            ["--layout", "efi", "--format", list, "-o", output],
            &[output, part],
        );
    }
    for (list, part) in [
        ("raw,compress=zip", "there are: gz, zst, xz"),
        ("raw,compress=gz,level=77", "gz has no level 77"),
        (
            "raw,level=3",
            "raw has no option \"level\"; it has: compress",
        ),
    ] {
        let assert = bench.run(["plan", "--format", list]).assert().code(2);
        let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}
