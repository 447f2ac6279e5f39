//! Whole disks in every container, and which partition of them is meant.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use kurmadisk::source::disk::{self, DiskError};
use kurmadisk::source::{self, Scratch, SourceKind, Wanted};
use kurmadisk::spec::ImageSpec;
use kurmadisk::tree::{Metadata, NodeKind, Tree, digest};
use kurmadisk::{Builder, ImageFormat, Plan};
use kurmadisk_formats::error::chain;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::ReadAt;

use super::support::{MIB, blank, bytes_of, mke2fs, run};

const SPEC: &str = r#"
[disk]
table = "gpt"

[[partition]]
number = 1
label = "BOOT"
type = "esp"
size = "4 MiB"
filesystem = { type = "fat" }

[[partition]]
number = 3
label = "ROOT"
type = "root"
size = "16 MiB"
content = "root"
filesystem = { type = "ext4" }

[[partition]]
number = 4
label = "SLOT"
type = "kurmaos-slot"
size = "64 KiB"

[[partition]]
number = 7
label = "SLOT"
type = "kurmaos-slot"
size = "64 KiB"
"#;

fn read(path: &Path, partition: Option<&str>) -> Result<Tree, DiskError> {
    disk::read(path, partition, &Metadata::default())
}

fn root() -> Tree {
    let meta = |mode| Metadata {
        mode,
        ..Metadata::default()
    };
    let mut tree = Tree::new(meta(0o755));
    let mut content = DiskMap::new(3 * MIB);
    content
        .insert_bytes(MIB, (0..=255).cycle().take(300 << 10).collect::<Vec<u8>>())
        .expect("within its length");
    tree.place_file(b"usr/bin/tool", meta(0o755), content)
        .expect("new");
    let link = NodeKind::Symlink((*b"usr/bin").into());
    tree.add(Tree::ROOT, b"bin", meta(0o777), link)
        .expect("new");
    tree
}

fn plan() -> Plan {
    let spec = ImageSpec::from_toml("disks", SPEC.to_owned()).expect("a description");
    Builder::from_spec(spec)
        .root_tree(root())
        .plan()
        .expect("it fits")
}

fn write(plan: &Plan, format: ImageFormat, folder: &Path) -> PathBuf {
    let path = folder.join(format!("disk.{format}"));
    let go_on = &mut |_| std::ops::ControlFlow::Continue(());
    plan.write(format, &path, go_on).expect("room");
    path
}

#[track_caller]
fn assert_root(path: &Path, partition: Option<&str>) {
    let tree = read(path, partition).unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!(digest(&tree), digest(&root()), "{}", path.display());
    let content = |tree: &Tree| {
        let id = tree.lookup(b"usr/bin/tool").expect("there");
        match &tree.node(id).kind {
            NodeKind::File(map) => bytes_of(map),
            other => panic!("{other:?}"),
        }
    };
    assert!(content(&tree) == content(&root()));
}

#[track_caller]
fn refused(path: &Path, partition: Option<&str>) -> String {
    let error = read(path, partition).expect_err("it is refused");
    let text = chain(&error);
    let before = format!("{}: ", path.display());
    text.strip_prefix(&before)
        .expect("the image is named")
        .to_owned()
}

#[test]
fn every_container_gives_the_same_tree() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = plan();
    for format in [
        ImageFormat::Raw,
        ImageFormat::Vdi,
        ImageFormat::Vmdk,
        ImageFormat::VmdkStream,
    ] {
        let path = write(&plan, format, folder.path());
        assert_root(&path, Some("3"));
        assert_root(&path, Some("ROOT"));
    }
    let raw = folder.path().join("disk.raw");
    for (format, more) in [
        ("vdi", ""),
        ("vmdk", ""),
        ("vmdk", "subformat=streamOptimized"),
    ] {
        let path = folder.path().join(format!("by-qemu{more}.{format}"));
        let [from, to] = [&raw, &path].map(|path| path.to_str().expect("UTF-8"));
        let mut arguments = vec!["convert", "-f", "raw", "-O", format];
        if !more.is_empty() {
            arguments.extend(["-o", more]);
        }
        arguments.extend([from, to]);
        run("qemu-img", &arguments);
        assert_root(&path, Some("ROOT"));
    }
}

#[test]
fn compressed_disks_give_the_same_tree() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let raw = write(&plan(), ImageFormat::Raw, folder.path());
    let expected = digest(&read(&raw, Some("ROOT")).expect("a filesystem"));
    let scratch = Scratch::Folder(folder.path().to_path_buf());
    for (tool, suffix) in [
        ("gzip", "gz"),
        ("zstd", "zst"),
        ("xz", "xz"),
        ("bzip2", "bz2"),
    ] {
        run(tool, &["-k", "-1", raw.to_str().expect("UTF-8")]);
        let path = folder.path().join(format!("disk.raw.{suffix}"));
        for kind in [None, Some(SourceKind::Disk)] {
            let wanted = Wanted {
                kind,
                part: Some("ROOT"),
                ..Wanted::default()
            };
            let found = source::read(&path, &wanted, &scratch).expect("a disk");
            assert_eq!(found.kind, SourceKind::Disk);
            assert_eq!(digest(&found.tree), expected);
            let tool = found.tree.lookup(b"usr/bin/tool").expect("there");
            let NodeKind::File(content) = &found.tree.node(tool).kind else {
                panic!("a file");
            };
            assert!(bytes_of(content).iter().any(|byte| *byte != 0));
        }
        let several = source::read(&path, &Wanted::default(), &scratch);
        let text = chain(&several.expect_err("which is meant is not said"));
        let before = format!("{}: several partitions", path.display());
        assert!(text.starts_with(&before), "{text}");
    }
}

#[test]
fn a_partition_is_meant_by_number_or_label_or_is_the_only_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let raw = write(&plan(), ImageFormat::Raw, folder.path());
    let several = r#"several partitions have a filesystem; give the number or label of one: 1 "BOOT" (FAT12), 3 "ROOT" (ext4)"#;
    assert_eq!(refused(&raw, None), several);
    let none = r#"no partition has the number or label "OEM"; there are 1 "BOOT" (FAT12), 3 "ROOT" (ext4), 4 "SLOT" (empty), 7 "SLOT" (empty)"#;
    assert_eq!(refused(&raw, Some("OEM")), none);
    let ambiguous = r#"several partitions have the label "SLOT"; give the number of one: 4 "SLOT" (empty), 7 "SLOT" (empty)"#;
    assert_eq!(refused(&raw, Some("SLOT")), ambiguous);
    let empty =
        r#"partition 4 "SLOT" (empty) has no ext2, ext3, ext4 or FAT filesystem, but is empty"#;
    assert_eq!(refused(&raw, Some("4")), empty);
    let boot = read(&raw, Some("BOOT")).expect("a FAT volume");
    assert!(boot.entries(Tree::ROOT).is_empty());
    // Without the other one, it is the only one.
    let file = File::options().write(true).open(&raw).expect("there");
    file.write_all_at(&[0; 512], MIB).expect("room");
    let report = kurmadisk::inspect::image(&raw).expect("an image");
    assert_eq!(report.disk.partitions[0].content.kind, "unknown");
    assert_root(&raw, None);
}

#[test]
fn an_mbr_has_labels_of_filesystems_only() {
    let image = blank(40 * MIB);
    let path = image.path();
    let mut sfdisk = kurmadisk_fixtures::oracle::tool("sfdisk")
        .expect("a known tool")
        .command()
        .expect("installed")
        .args(["-q", "--label", "dos"])
        .arg(path)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    let mut input = sfdisk.stdin.take().expect("piped");
    std::io::Write::write_all(&mut input, b"2048,16384,83\n20480,16384,83\n").expect("read");
    drop(input);
    assert!(sfdisk.wait().expect("ended").success());
    for (start, label) in [(2048, "first"), (20480, "second")] {
        let inner = mke2fs(&format!("-t ext4 -L {label}"), 8 * MIB);
        let bytes = fs::read(inner.path()).expect("readable");
        image
            .as_file()
            .write_all_at(&bytes, start * 512)
            .expect("room");
    }
    let several = r#"several partitions have a filesystem; give the number or label of one: 1 "first" (ext4), 2 "second" (ext4)"#;
    assert_eq!(refused(path, None), several);
    for partition in ["1", "first", "2", "second"] {
        let tree = read(path, Some(partition)).expect("a filesystem");
        assert!(
            tree.entries(Tree::ROOT).is_empty(),
            "lost+found is left out"
        );
    }
}

#[test]
fn a_disk_without_a_table_has_no_partitions() {
    let image = mke2fs("-t ext4 -L whole", 8 * MIB);
    read(image.path(), None).expect("a filesystem");
    let expected = r#"the disk has no partition table; leave the partition "1" out"#;
    assert_eq!(refused(image.path(), Some("1")), expected);
}

#[test]
fn a_device_is_read_as_an_image() {
    let image = mke2fs("-t ext4", 8 * MIB);
    let path = image.path().to_str().expect("UTF-8");
    let device = run("losetup", &["--find", "--show", "--read-only", path]);
    let device = String::from_utf8(device).expect("UTF-8");
    let tree = read(Path::new(device.trim()), None);
    run("losetup", &["--detach", device.trim()]);
    assert!(tree.expect("a filesystem").entries(Tree::ROOT).is_empty());
}

#[test]
fn an_image_that_changes_meanwhile_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let raw = write(&plan(), ImageFormat::Raw, folder.path());
    let tree = read(&raw, Some("ROOT")).expect("a filesystem");
    let NodeKind::File(content) = &tree.node(tree.lookup(b"usr/bin/tool").expect("there")).kind
    else {
        panic!("a file");
    };
    // Another file of that name is none of ours: the one that is open is read.
    let other = folder.path().join("other");
    fs::rename(&raw, &other).expect("moved");
    fs::write(&raw, "another").expect("room");
    let mut byte = [0];
    content
        .reader()
        .read_exact_at(MIB + 7, &mut byte)
        .expect("still open");
    assert_eq!(byte, [7]);
    let file = File::options().write(true).open(&other).expect("there");
    file.write_all_at(b"x", 9 * MIB).expect("room");
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
    file.set_modified(time).expect("possible");
    let error = content
        .reader()
        .read_exact_at(MIB, &mut byte)
        .expect_err("changed");
    let expected = format!("{} changed while the image was built", raw.display());
    assert!(error.to_string().starts_with(&expected), "{error}");
}
