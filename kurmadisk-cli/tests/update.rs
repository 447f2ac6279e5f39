//! Images brought up to date, beside whole builds; block maps, as bmaptool reads them.

mod common;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use common::{debian_options, demo_initrd, demo_kernel, json, judged, kurmadisk};
use kurmadisk_fixtures::oracle;
use serde_json::Value;
use tempfile::TempDir;

/// A tree with a file of 3 MiB and some small ones, and what makes a disk of it.
struct Small {
    folder: TempDir,
}

impl Small {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let small = Self { folder };
        fs::create_dir_all(small.tree().join("folder")).unwrap();
        for number in 0..40 {
            let name = small.tree().join(format!("folder/{number}"));
            fs::write(name, vec![number; 700 * usize::from(number)]).unwrap();
        }
        fs::write(small.tree().join("large"), pattern(3 << 20)).unwrap();
        small
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn tree(&self) -> PathBuf {
        self.path().join("tree")
    }

    /// `build` with these arguments, into `output`.
    fn build(&self, arguments: &[&str], output: &str) -> Command {
        let mut command = kurmadisk(self.path());
        command.args(["build", "--layout", "efi", "--name", "small", "--json"]);
        command.arg("--kernel").arg(demo_kernel());
        command.arg("--initrd").arg(demo_initrd());
        command
            .args(["--root", "tree", "-o", output])
            .args(arguments);
        command
    }

    /// The image that a whole build makes now, in `format`, under the same name.
    fn whole(&self, format: &str, name: &str) -> PathBuf {
        let folder = self.path().join("whole");
        fs::create_dir_all(&folder).unwrap();
        let image = folder.join(name);
        let output = image.to_str().unwrap();
        self.build(&["--format", format], output).assert().success();
        image
    }

    /// Changes a few bytes of a file.
    fn change(&self) {
        let large = self.tree().join("large");
        let large = fs::File::options().write(true).open(large).unwrap();
        large.write_all_at(b"changed", 1_000_000).unwrap();
    }

    /// A file more, a file less, a file longer: what lies behind them moves.
    fn move_all(&self) {
        fs::write(self.tree().join("folder/new"), "new").unwrap();
        fs::remove_file(self.tree().join("folder/39")).unwrap();
        fs::write(self.tree().join("folder/1"), pattern(50_000)).unwrap();
    }
}

fn pattern(len: usize) -> Vec<u8> {
    let words = (0_u32..).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes());
    words.take(len).collect()
}

#[track_caller]
fn same(one: &Path, other: &Path) {
    assert_eq!(
        judged(oracle::sha256(one)),
        judged(oracle::sha256(other)),
        "{}",
        one.display()
    );
    assert!(fs::read(one).unwrap() == fs::read(other).unwrap());
}

#[test]
fn an_update_in_place_leaves_what_a_whole_build_makes() {
    for format in ["raw", "vdi", "qcow2", "vhdx"] {
        let small = Small::new();
        let name = format!("small.{format}");
        let image = small.path().join(&name);
        let update = ["--update", "--in-place"];
        let first = json(&mut small.build(&update, &name));
        assert_eq!(first["update"]["way"], "whole");
        assert!(small.path().join(format!("{name}.plan")).is_file());
        same(&image, &small.whole(format, &name));

        small.change();
        let second = json(&mut small.build(&update, &name));
        assert_eq!(second["update"]["way"], "in-place", "{second}");
        assert_eq!(second["update"]["reason"], Value::Null);
        let written = second["update"]["written"].as_u64().unwrap();
        let first = first["update"]["written"].as_u64().unwrap();
        assert!(written > 0 && written * 4 < first, "{written} of {first}");
        same(&image, &small.whole(format, &name));

        small.move_all();
        let third = json(&mut small.build(&update, &name));
        assert_eq!(third["update"]["way"], "in-place", "{third}");
        same(&image, &small.whole(format, &name));
        let last = json(&mut small.build(&update, &name));
        assert_eq!(last["update"]["written"], 0);
    }
}

#[test]
fn what_others_did_to_the_image_has_it_made_as_a_whole() {
    let small = Small::new();
    let image = small.path().join("disk.raw");
    let saved = ["--save-plan"];
    let done = json(&mut small.build(&saved, "disk.raw"));
    assert_eq!(done["update"]["way"], "whole");
    let update = ["--update", "--in-place"];
    let done = json(&mut small.build(&update, "disk.raw"));
    assert_eq!(done["update"]["way"], "in-place");

    let file = fs::File::options().write(true).open(&image).unwrap();
    file.write_all_at(b"somebody's", 5_000_000).unwrap();
    drop(file);
    let done = json(&mut small.build(&update, "disk.raw"));
    assert_eq!(done["update"]["way"], "whole");
    assert!(done["update"]["reason"].as_str().unwrap().contains("plan"));
    same(&image, &small.whole("raw", "disk.raw"));

    fs::write(small.path().join("disk.raw.plan"), "no plan").unwrap();
    let done = json(&mut small.build(&update, "disk.raw"));
    let reason = done["update"]["reason"].as_str().unwrap();
    assert!(reason.contains("damaged"), "{reason}");
}

#[test]
fn what_an_update_cannot_be_is_said() {
    let small = Small::new();
    for (arguments, output, said) in [
        (
            &["--update", "--format", "raw,vdi"][..],
            "images/",
            "one image",
        ),
        (&["--update", "--format", "raw"], "-", "need a file"),
        (&["--update"], "disk.raw.gz", "compressed"),
        (
            &["--update", "--format", "vmdk-stream"],
            "disk.vmdk",
            "depends on the content",
        ),
        (
            &["--update", "--format", "vmdk-flat"],
            "disk.vmdk",
            "several files",
        ),
        (&["--bmap"], "disk.vdi", "raw and raw-fixed"),
    ] {
        let done = small.build(arguments, output).assert().code(1);
        let stderr = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
        assert!(stderr.contains(said), "{stderr}");
        assert_eq!(stderr.lines().count(), 1);
    }
    small.build(&["--in-place"], "disk.raw").assert().code(2);
    let left = fs::read_dir(small.path()).unwrap().count();
    assert_eq!(left, 1, "only the tree");
}

/// Copies an image by its block map, as whoever flashes it does.
fn bmaptool(image: &Path, to: &Path) {
    judged(oracle::bmaptool_copy(image, to));
}

#[test]
fn bmaptool_copies_an_image_by_its_block_map() {
    for format in ["raw", "raw-fixed"] {
        let small = Small::new();
        let image = small.path().join("disk.raw");
        small
            .build(&["--bmap", "--format", format], "disk.raw")
            .assert()
            .success();
        assert!(!small.path().join("disk.raw.plan").exists());
        let copy = small.path().join("copy.raw");
        bmaptool(&image, &copy);
        same(&image, &copy);
        // It looks: a byte that is mapped and changed is found.
        let file = fs::File::options().write(true).open(&image).unwrap();
        file.write_all_at(b"?", 600).unwrap();
        drop(file);
        assert!(oracle::bmaptool_copy(&image, &copy).is_err());
    }
}

#[test]
fn a_device_with_the_last_image_gets_what_changed() {
    let small = Small::new();
    let image = small.path().join("disk.raw");
    let update = ["--update", "--in-place", "--bmap"];
    json(&mut small.build(&update, "disk.raw"));
    let flashed = small.path().join("flashed");
    fs::copy(&image, &flashed).unwrap();
    let device = judged(oracle::LoopDevice::writable(&flashed));
    let bmap = small.path().join("disk.raw.bmap");
    let all = fs::metadata(&image).unwrap().len() / 4096 / 10;

    small.change();
    let done = json(&mut small.build(&update, "disk.raw"));
    assert_eq!(done["update"]["way"], "in-place");
    bmaptool(&image, device.path());
    drop(device);
    same(&image, &flashed);
    let text = fs::read_to_string(&bmap).unwrap();
    let mapped = text.split("MappedBlocksCount>").nth(1).unwrap();
    let mapped = mapped.trim_end_matches("</").trim();
    let mapped: u64 = mapped.parse().unwrap();
    let written = done["update"]["written"].as_u64().unwrap();
    assert!(
        mapped * 4096 >= written && mapped < all,
        "{mapped} blocks, a tenth is {all}"
    );
}

#[test]
fn a_changed_file_in_a_debian_root_writes_a_tenth_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let changed = folder.path().join("changed");
    fs::create_dir_all(changed.join("opt")).unwrap();
    let program = changed.join("opt/program");
    fs::write(&program, pattern(1 << 20)).unwrap();
    let build = |output: &str, arguments: &[&str]| {
        let mut command = kurmadisk(folder.path());
        command.args(["build", "--json", "--keep-directories", "-o", output]);
        debian_options(&mut command).args(["--root", "changed"]);
        json(command.args(arguments))
    };
    let first = build("disk.raw", &["--save-plan"]);
    let mut other = pattern(1 << 20);
    other.reverse();
    fs::write(&program, &other).unwrap();
    let second = build("disk.raw", &["--update", "--in-place"]);
    assert_eq!(second["update"]["way"], "in-place");
    let written = |done: &Value| done["update"]["written"].as_u64().unwrap();
    let (all, less) = (written(&first), written(&second));
    assert!(less >= 1 << 20 && less * 10 <= all, "{less} of {all}");
    fs::rename(
        folder.path().join("disk.raw"),
        folder.path().join("updated.raw"),
    )
    .unwrap();
    build("disk.raw", &[]);
    same(
        &folder.path().join("updated.raw"),
        &folder.path().join("disk.raw"),
    );
}
