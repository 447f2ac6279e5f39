//! Filesystems by their makers' programs, and trees as lists.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use kurmadisk::source::disk::{self, DiskError};
use kurmadisk::tree::{Metadata, NodeKind, Tree, from_dir};
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::error::chain;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::ReadAt;
use tempfile::NamedTempFile;

pub const KIB: u64 = 1 << 10;
pub const MIB: u64 = 1 << 20;

/// Runs one of the tools; its standard output.
#[track_caller]
pub fn run<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Vec<u8> {
    let tool = oracle::tool(program).expect("a known tool");
    let mut command = tool.command().expect("installed");
    let output = command.args(arguments).output().expect("started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}");
    output.stdout
}

/// A sparse file of so many bytes.
pub fn blank(len: u64) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a temporary file");
    file.as_file().set_len(len).expect("sparse");
    file
}

/// A filesystem by mke2fs with these options, separated by spaces.
#[track_caller]
pub fn mke2fs(options: &str, len: u64) -> NamedTempFile {
    let image = blank(len);
    let path = image.path().to_str().expect("UTF-8");
    let fixed = ["-q", "-F", "-E", "root_owner=0:0,lazy_itable_init=1"];
    let arguments: Vec<_> = options.split_whitespace().chain(fixed).collect();
    run("mke2fs", &[&arguments[..], &[path]].concat());
    image
}

/// The same, with the tree of `folder` in it.
#[track_caller]
pub fn mke2fs_of(folder: &Path, options: &str, len: u64) -> NamedTempFile {
    let folder = folder.to_str().expect("UTF-8");
    mke2fs(&format!("{options} -d {folder}"), len)
}

/// Changes a filesystem by commands of debugfs, which must say nothing but its version.
#[track_caller]
pub fn debugfs_write(image: &Path, commands: &[&str]) {
    for command in commands {
        let tool = oracle::tool("debugfs").expect("a known tool");
        let mut debugfs = tool.command().expect("installed");
        let output = debugfs.args(["-w", "-R", command]).arg(image).output();
        let said = String::from_utf8_lossy(&output.expect("started").stderr).into_owned();
        assert_eq!(said.trim().lines().count(), 1, "{command}: {said}");
    }
}

/// Takes away from a tree of `treegen` the symbolic links that blocks of 1 KiB have no room for.
pub fn short_links(top: &Path) {
    for name in ["to-1024", "to-4094", "to-4095"] {
        std::fs::remove_file(top.join("links").join(name)).expect("there");
    }
}

pub fn read(path: &Path) -> Result<Tree, DiskError> {
    disk::read(path, None, &Metadata::default())
}

#[track_caller]
pub fn tree_of(path: &Path) -> Tree {
    read(path).unwrap_or_else(|error| panic!("{}", chain(&error)))
}

pub fn bytes_of(map: &DiskMap) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(map.len()).expect("small")];
    map.reader().read_exact_at(0, &mut bytes).expect("readable");
    bytes
}

/// A node as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub kind: String,
    pub meta: Metadata,
    /// The first path of the same node.
    pub first: Vec<u8>,
    /// Of a regular file: its length, and those of its blocks of 4 KiB that are not all zeros, by number.
    pub content: Option<(u64, BTreeMap<u64, Vec<u8>>)>,
}

pub type Listing = BTreeMap<Vec<u8>, Seen>;

const BLOCK: u64 = 4096;

/// Every path of a tree; extended attributes and flags, which others are asked about, are left out.
pub fn listing(tree: &Tree) -> Listing {
    let mut first = vec![None; tree.node_count()];
    let mut list = Listing::new();
    for (path, id) in [(Vec::new(), Tree::ROOT)].into_iter().chain(tree.paths()) {
        let node = tree.node(id);
        let (kind, content) = match &node.kind {
            NodeKind::Directory(_) => ("directory".to_owned(), None),
            NodeKind::File(map) => ("file".to_owned(), Some((map.len(), blocks(map)))),
            other => (format!("{other:?}"), None),
        };
        let first: &mut Option<Vec<u8>> = &mut first[id.index()];
        let first = first.get_or_insert_with(|| path.clone()).clone();
        let meta = Metadata {
            mode: node.meta.mode,
            uid: node.meta.uid,
            gid: node.meta.gid,
            mtime: node.meta.mtime,
            ..Metadata::default()
        };
        let seen = Seen {
            kind,
            meta,
            first,
            content,
        };
        list.insert(path, seen);
    }
    list
}

fn blocks(map: &DiskMap) -> BTreeMap<u64, Vec<u8>> {
    let mut blocks = BTreeMap::new();
    for run in map.block_runs(BLOCK) {
        for number in run {
            let bytes = bytes_of(&map.slice(number * BLOCK..(number + 1) * BLOCK));
            if bytes.iter().any(|byte| *byte != 0) {
                blocks.insert(number, bytes);
            }
        }
    }
    blocks
}

/// Both lists are the same, or the first difference.
#[track_caller]
pub fn assert_same(found: &Listing, expected: &Listing) {
    let shown = |seen: &Seen| {
        let blocks = seen.content.as_ref().map(|(len, blocks)| {
            let numbers: Vec<_> = blocks.keys().take(20).collect();
            (*len, format!("{numbers:?}"))
        });
        format!(
            "{:?} {:?} {:?} {blocks:?}",
            seen.kind, seen.meta, seen.first
        )
    };
    for (path, seen) in expected {
        let found = found.get(path);
        assert!(
            found == Some(seen),
            "{}: {:?} instead of {}",
            path.escape_ascii(),
            found.map(shown),
            shown(seen)
        );
    }
    let more = found.keys().find(|path| !expected.contains_key(*path));
    assert!(
        more.is_none(),
        "{:?} is too many",
        more.map(|path| path.escape_ascii().to_string())
    );
}

/// Reads the filesystem in `image` and compares it with what the kernel shows of it, `attributes` being the
/// folders whose extended attributes and flags are compared too; gives the tree.
#[track_caller]
pub fn same_as_mounted(image: &Path, attributes: &[&str]) -> Tree {
    let tree = tree_of(image);
    let len = image.metadata().expect("there").len();
    let mount = oracle::mount_loop(image, 0, len).expect("the kernel mounts it");
    let mut expected = from_dir(mount.path()).expect("readable");
    expected.remove(Tree::ROOT, b"lost+found");
    assert_same(&listing(&tree), &listing(&expected));
    for folder in attributes {
        let top = mount.path().join(folder);
        let listed = oracle::getfattr(&top).expect("readable");
        let at = |path: &str| {
            let path = [folder.as_bytes(), b"/", path.as_bytes()].concat();
            tree.node(tree.lookup(&path).expect("there"))
        };
        let mut with_attributes = 0;
        let paths = expected.paths().into_iter().filter_map(|(path, _)| {
            let path = String::from_utf8(path).ok()?;
            Some(path.strip_prefix(&format!("{folder}/"))?.to_owned())
        });
        for path in paths.chain([String::new()]) {
            let node = at(&path);
            let found = node.meta.xattrs.iter();
            let found: BTreeMap<String, Vec<u8>> = found
                .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.to_vec()))
                .collect();
            let known = listed.get(&path).cloned().unwrap_or_default();
            assert!(found == known, "{path}: {found:?} instead of {known:?}");
            with_attributes += usize::from(!known.is_empty());
            if matches!(node.kind, NodeKind::Directory(_) | NodeKind::File(_)) {
                let letters = oracle::lsattr(&top.join(&path)).expect("readable");
                let known = letters.chars().filter(|letter| "SiadAD".contains(*letter));
                let flags = FLAGS
                    .iter()
                    .filter(|(bit, _)| node.meta.flags.bits() & bit != 0);
                let found: String = flags.map(|(_, letter)| *letter).collect();
                assert_eq!(found, known.collect::<String>(), "{path}");
            }
        }
        assert_eq!(
            with_attributes,
            listed.len(),
            "paths that were not compared"
        );
    }
    tree
}

/// In the order of `lsattr`.
const FLAGS: [(u32, char); 6] = [
    (0x8, 'S'),
    (0x1_0000, 'D'),
    (0x10, 'i'),
    (0x20, 'a'),
    (0x40, 'd'),
    (0x80, 'A'),
];
