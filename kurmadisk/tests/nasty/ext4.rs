//! The tree on ext4, as e2fsck, the kernel, debugfs and the `ext4-view` crate find it.

use std::collections::BTreeMap;

use ext4_view::Ext4;
use kurmadisk::tree::from_dir;
use kurmadisk_fixtures::nasty::{Case, Kind, cases, survey};
use kurmadisk_fixtures::{oracle, treediff};

use super::support::{Folder, TIME, ext4, from_archive};

/// The kernel finds all that the tables say, and all that a folder has in which it was made before.
#[test]
fn nothing_is_lost() {
    let cases = cases();
    let (archive, folder) = (from_archive(&cases), Folder::new(&cases));
    let work = tempfile::tempdir().expect("a temporary folder");
    let (image, size) = ext4(&archive.tree, work.path(), "image");
    let mount = oracle::mount_loop(&image, 0, size).expect("the kernel mounts it");
    let losses = survey(&cases, mount.path()).expect("readable");
    let shown: Vec<_> = losses.iter().map(ToString::to_string).collect();
    assert_eq!(shown, [""; 0]);
    let options = treediff::Options::default()
        .leave_out("lost+found")
        .attributes();
    let compared = treediff::compare(&folder.path(), mount.path(), &options).expect("readable");
    assert_eq!(compared.expect_equal(), cases.len());
}

/// From an archive and from a folder comes the same filesystem to the last byte.
#[test]
fn it_does_not_matter_where_the_tree_comes_from() {
    let cases = cases();
    let (archive, folder) = (from_archive(&cases), Folder::new(&cases));
    let work = tempfile::tempdir().expect("a temporary folder");
    let tree = from_dir(&folder.path()).expect("readable");
    let trees = [("from-archive", &archive.tree), ("from-folder", &tree)];
    let digests = trees.map(|(name, tree)| {
        let (image, _) = ext4(tree, work.path(), name);
        oracle::sha256(&image).expect("readable")
    });
    assert_eq!(digests[0], digests[1]);
}

/// What `ext4-view` finds by path: file type, mode, owner, time, length, and content or target where that is short.
type Seen = (char, u16, (u32, u32), (i64, u32), u64, Vec<u8>);

type Listing = BTreeMap<Vec<u8>, Seen>;

const SHORT: u64 = 8 << 20;

fn expected(cases: &[Case]) -> Listing {
    let by_path: BTreeMap<_, _> = cases.iter().map(|case| (&case.path, case)).collect();
    let seen = |case: &Case| {
        let made = match &case.kind {
            Kind::HardLink(first) => by_path[first],
            _ => by_path[&case.path],
        };
        let (kind, len, content) = match &made.kind {
            Kind::Directory => ('d', 0, Vec::new()),
            Kind::File(len, _) if *len > SHORT => ('f', *len, Vec::new()),
            Kind::File(len, pieces) => {
                let mut content = vec![0; usize::try_from(*len).expect("short")];
                for piece in pieces {
                    let at = usize::try_from(piece.at).expect("within");
                    content[at..at + piece.bytes.len()].copy_from_slice(&piece.bytes);
                }
                ('f', *len, content)
            }
            Kind::Symlink(target) => ('l', target.len() as u64, target.clone()),
            Kind::CharDevice(..) => ('c', 0, Vec::new()),
            Kind::BlockDevice(..) => ('b', 0, Vec::new()),
            Kind::Fifo => ('p', 0, Vec::new()),
            Kind::Socket => ('s', 0, Vec::new()),
            Kind::HardLink(_) => unreachable!("a first name is none"),
        };
        (
            kind,
            case.mode,
            (case.uid, case.gid),
            case.mtime,
            len,
            content,
        )
    };
    cases
        .iter()
        .map(|case| (case.path.clone(), seen(case)))
        .collect()
}

fn at(path: &[u8]) -> ext4_view::PathBuf {
    ext4_view::PathBuf::try_from([b"/", path].concat()).expect("a path")
}

fn view(filesystem: &Ext4, path: &[u8]) -> Seen {
    let full = at(path);
    let meta = filesystem.symlink_metadata(&full).expect("metadata");
    let (kind, len, content) = match meta.file_type() {
        kind if kind.is_dir() => ('d', 0, Vec::new()),
        kind if kind.is_symlink() => {
            let target = filesystem.read_link(&full).expect("a target");
            ('l', meta.len(), target.as_ref().to_vec())
        }
        kind if kind.is_char_dev() => ('c', 0, Vec::new()),
        kind if kind.is_block_dev() => ('b', 0, Vec::new()),
        kind if kind.is_fifo() => ('p', 0, Vec::new()),
        kind if kind.is_socket() => ('s', 0, Vec::new()),
        _ if meta.len() > SHORT => ('f', meta.len(), Vec::new()),
        _ => ('f', meta.len(), filesystem.read(&full).expect("content")),
    };
    let time = meta.modified();
    let time = (time.seconds(), time.nanoseconds());
    (
        kind,
        meta.mode(),
        (meta.uid(), meta.gid()),
        time,
        len,
        content,
    )
}

/// A second reader that shares nothing with the kernel. Version 1.0 takes a time whose low 32 bits are negative
/// for a fault, and a target that is no path of names up to 255 bytes; those cases are left to the kernel.
#[test]
fn a_second_reader_finds_the_same() {
    let mut cases = cases();
    for case in &mut cases {
        if case.mtime.0 & 1 << 31 != 0 {
            case.mtime = (TIME.seconds, TIME.nanos);
        }
        if let Kind::Symlink(target) = &mut case.kind
            && target
                .split(|byte| *byte == b'/')
                .any(|name| name.len() > 255)
        {
            target.truncate(255);
        }
    }
    let tree = from_archive(&cases);
    let work = tempfile::tempdir().expect("a temporary folder");
    let (image, _) = ext4(&tree.tree, work.path(), "image");
    let filesystem = Ext4::load_from_path(&image).expect("ext4-view reads it");
    let mut expected = expected(&cases);
    let mut found = Listing::new();
    let mut pending = vec![Vec::new()];
    found.insert(Vec::new(), view(&filesystem, b""));
    while let Some(dir) = pending.pop() {
        for entry in filesystem.read_dir(&at(&dir)).expect("a directory") {
            let name = entry.expect("an entry").file_name().as_ref().to_vec();
            if name == b"." || name == b".." || (dir.is_empty() && name == b"lost+found") {
                continue;
            }
            let path = if dir.is_empty() {
                name
            } else {
                [&dir, &b"/"[..], &name].concat()
            };
            let seen = view(&filesystem, &path);
            if seen.0 == 'd' {
                pending.push(path.clone());
            }
            found.insert(path, seen);
        }
    }
    for (path, seen) in &found {
        let wanted = expected.remove(path);
        assert!(
            wanted.as_ref() == Some(seen),
            "{}: {:?}",
            path.escape_ascii(),
            seen
        );
    }
    let missing: Vec<_> = expected
        .keys()
        .map(|path| path.escape_ascii().to_string())
        .collect();
    assert_eq!(missing, [""; 0]);
}
