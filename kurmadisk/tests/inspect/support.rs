//! What the tests of this folder share: images of ours and of others, and questions to programs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::FileExt;
use std::path::Path;

use kurmadisk::inspect::{self, DiskReport, FilesystemReport};
use kurmadisk::spec::ImageSpec;
use kurmadisk::tree::{Metadata, Tree};
use kurmadisk::{Builder, Plan};
use kurmadisk_fixtures::oracle::{self, Tool};
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::ReadAt;

const BLKID: Tool = Tool {
    program: "blkid",
    package: "util-linux",
};

/// A disk of 3 MiB with the tightest of everything: FAT12, ext4 with blocks of 1 KiB, an empty
/// partition.
const SMALL: &str = r#"
[disk]
table = "gpt"
partition-alignment = "8s"
disk-alignment = "8s"

[[partition]]
number = 1
label = "BOOT"
type = "esp"
size = "256 KiB"
filesystem = { type = "fat", fat-bits = 12 }

[[partition]]
number = 3
label = "ROOT"
type = "root"
size = "2 MiB"
content = "root"
filesystem = { type = "ext4", block-size = "1 KiB", inodes = 64, journal = "0" }

[[partition]]
number = 4
label = "SLOT"
type = "kurmaos-slot"
size = "64 KiB"
attributes = ["priority=1", "successful"]
"#;

pub fn small() -> Plan {
    let spec = ImageSpec::from_toml("small", SMALL.to_owned()).unwrap();
    let root = tree(&[("etc/hostname", b"small\n")]);
    Builder::from_spec(spec).root_tree(root).plan().unwrap()
}

pub fn tree(files: &[(&str, &[u8])]) -> Tree {
    let directory = Metadata {
        mode: 0o755,
        ..Metadata::default()
    };
    let mut tree = Tree::new(directory);
    for (path, bytes) in files {
        let mut content = DiskMap::new(bytes.len());
        content.insert_bytes(0, bytes.to_vec()).unwrap();
        let file = Metadata {
            mode: 0o644,
            ..Metadata::default()
        };
        tree.place_file(path.as_bytes(), file, content).unwrap();
    }
    tree
}

pub fn bytes(map: &DiskMap) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(map.len()).unwrap()];
    map.reader().read_exact_at(0, &mut bytes).unwrap();
    bytes
}

/// What is found on a disk in memory.
pub fn on(disk: &[u8]) -> DiskReport {
    inspect::disk(&disk)
}

/// The problems, as text.
pub fn problems(report: &DiskReport) -> Vec<String> {
    let problems = report.problems.iter();
    problems
        .map(|p| match p.partition {
            Some(number) => format!("{number}: {}", p.problem),
            None => p.problem.clone(),
        })
        .collect()
}

/// The filesystem on a disk that has no partition table and no problem.
pub fn whole(report: &DiskReport) -> &FilesystemReport {
    assert!(report.table.is_none(), "{report:?}");
    assert_eq!(problems(report), [""; 0]);
    let content = report.content.as_ref().unwrap();
    content.filesystem.as_ref().unwrap()
}

/// A sparse file of `len` bytes.
pub fn blank(path: &Path, len: u64) {
    std::fs::File::create(path).unwrap().set_len(len).unwrap();
}

/// Runs a program, which must succeed, on `image`.
pub fn run(program: &str, arguments: &[&str], image: &Path) -> String {
    let tool = oracle::tool(program).unwrap_or_else(|| panic!("{program} is not in TOOLS"));
    run_tool(tool, arguments, &[image])
}

pub fn run_tool(tool: Tool, arguments: &[&str], files: &[&Path]) -> String {
    let files = files.iter().map(OsString::from);
    let output = tool
        .command()
        .unwrap()
        .args(arguments.iter().map(OsString::from).chain(files))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{tool:?} {arguments:?}: {output:?}"
    );
    text
}

/// What libblkid finds at `offset`, by its names.
pub fn blkid(image: &Path, offset: u64) -> BTreeMap<String, String> {
    let offset = offset.to_string();
    let arguments = ["-p", "-o", "export", "-O", &offset];
    let text = run_tool(BLKID, &arguments, &[image]);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.replace('\\', "")))
        .collect()
}

/// Compares label, identifier, kind and block size with what libblkid finds.
pub fn assert_blkid_agrees(image: &Path, offset: u64, found: &FilesystemReport) {
    let said = blkid(image, offset);
    let said = |name: &str| said.get(name).cloned().unwrap_or_default();
    assert_eq!(said("LABEL"), found.label);
    assert_eq!(said("UUID"), found.id);
    let kind = match said("TYPE").as_str() {
        "vfat" => said("VERSION"),
        other => other.to_owned(),
    };
    assert_eq!(kind, found.kind);
}

/// Compares every number of an ext filesystem with what dumpe2fs prints.
pub fn assert_dumpe2fs_agrees(image: &Path, offset: u64, found: &FilesystemReport) {
    let text = oracle::dumpe2fs(image, offset).unwrap();
    let said = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let rest = line.unwrap_or_else(|| panic!("no {name} in {text}"));
        rest.trim_start_matches(':').trim().to_owned()
    };
    let number = |name: &str| said(name).parse::<u64>().unwrap();
    let ext = found.ext.as_ref().unwrap();
    let features = said("Filesystem features");
    assert_eq!(
        features.trim_matches(['(', ')']),
        match ext.features.len() {
            0 => "none".to_owned(),
            _ => ext.features.join(" "),
        }
    );
    assert_eq!(number("Block size"), found.block_size);
    assert_eq!(number("Block count"), found.blocks);
    assert_eq!(Some(number("Free blocks") * found.block_size), found.free);
    assert_eq!(
        number("Reserved block count") * found.block_size,
        ext.reserved
    );
    assert_eq!(Some(number("Inode count")), found.inodes);
    let used = number("Inode count") - number("Free inodes");
    assert_eq!(Some(used), found.inodes_used);
    // Revision 0 has one size only, and dumpe2fs doesn't print it.
    let inode_size = if said("Filesystem revision #").starts_with('0') {
        128
    } else {
        number("Inode size")
    };
    assert_eq!(inode_size, ext.inode_size);
    assert_eq!(said("Filesystem state") == "clean", found.clean);
    let errors = match said("Errors behavior").as_str() {
        "Continue" => "continue",
        "Remount read-only" => "remount-ro",
        "Panic" => "panic",
        other => panic!("{other}"),
    };
    assert_eq!(errors, ext.errors);
    let journal = text.lines().find_map(|line| {
        let (_, size) = line.split_once("Total journal size:")?;
        size.trim().strip_suffix('k')?.parse::<u64>().ok()
    });
    assert_eq!(journal.map(|kib| kib << 10), ext.journal_size);
    assert_eq!(journal.map(|_| "internal"), ext.journal);
}

/// Overwrites some bytes of a file.
pub fn patch(path: &Path, offset: u64, bytes: &[u8]) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(bytes, offset).unwrap();
}
