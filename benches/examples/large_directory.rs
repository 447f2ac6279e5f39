//! A million names in one directory, and in a thousand, from the tree to the kernel: `cargo xtask soak`.
//!
//! Each step is timed. e2fsck checks the filesystem, the kernel mounts it, looks every name up and lists
//! them. Needs root.

use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::Instant;

use kurmadisk::formats::emit::write_map;
use kurmadisk::formats::error::MapError;
use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::output::NewFile;
use kurmadisk::fs::ext4::{BlockSize, Ext4Options, Ext4Plan};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{Metadata, NodeKind, Tree};
use kurmadisk_fixtures::oracle;
use uuid::Uuid;

fn main() -> Result<(), Box<dyn Error>> {
    let count = match std::env::args().nth(1) {
        Some(text) => text.parse()?,
        None => 1_000_000,
    };
    let short = |number: usize| format!("{number:x}").into_bytes();
    // Bytes from 0x80 on, and up to 255 of them.
    let long = |number: usize| {
        let mut name = format!("{number:0>9}-").into_bytes();
        name.resize(200 + number % 56, 0x80 | number.to_le_bytes()[0]);
        name
    };
    let one = |block_size| Shape {
        block_size,
        directories: 1,
        content: None,
    };
    let many = Shape {
        block_size: BlockSize::B1024,
        directories: 1000,
        content: Some(b"content"),
    };
    let (small, usual) = (one(BlockSize::B1024), one(BlockSize::B4096));
    soak("short names, blocks of 4 KiB", usual, count, short)?;
    soak("short names, blocks of 1 KiB", small, count, short)?;
    soak("long names, blocks of 4 KiB", usual, count, long)?;
    soak("files in a thousand directories", many, count, short)?;
    Ok(())
}

/// What a tree is like.
#[derive(Clone, Copy)]
struct Shape {
    block_size: BlockSize,
    /// Directories that the names are divided among.
    directories: usize,
    /// What each name's file has; pipes without.
    content: Option<&'static [u8]>,
}

fn soak(
    title: &str,
    shape: Shape,
    count: usize,
    name: impl Fn(usize) -> Vec<u8>,
) -> Result<(), Box<dyn Error>> {
    println!("{count} {title}");
    let mut names = vec![Vec::new(); shape.directories];
    for number in 0..count {
        names[number % shape.directories].push(name(number));
    }
    for names in &mut names {
        names.sort_unstable();
    }
    let tree = timed("tree", || tree_of(&names, shape.content))?;
    let options = Ext4Options {
        block_size: shape.block_size,
        ..Ext4Options::new(Uuid::from_u128(1), Uuid::from_u128(2))
    };
    let size = VolumeSize::Auto(FreeSpace::Bytes(0));
    let plan = timed("plan", || Ext4Plan::new(tree.clone(), size, &options))?;
    let map = timed("build", || plan.build())?;
    let folder = tempfile::tempdir()?;
    let image = folder.path().join("filesystem");
    timed("write", || -> Result<(), Box<dyn Error>> {
        let mut file = NewFile::create(&image)?;
        write_map(&map, &mut file, &mut |_| ControlFlow::Continue(()))?;
        Ok(file.commit()?)
    })?;
    drop((map, tree));
    timed("e2fsck", || oracle::e2fsck_clean(&image, 0))?;
    let mount = timed("mount", || oracle::mount_loop(&image, 0, plan.size()))?;
    let dirs = |number: usize| mount.path().join(directory(number));
    timed("look up", || -> io::Result<()> {
        for (number, names) in names.iter().enumerate() {
            look_up(&dirs(number), names)?;
        }
        Ok(())
    })?;
    timed("list", || -> Result<(), Box<dyn Error>> {
        for (number, names) in names.iter().enumerate() {
            let mut listed = list(&dirs(number))?;
            listed.sort_unstable();
            if listed != *names {
                let (found, count) = (listed.len(), names.len());
                return Err(format!("{found} names are listed, not the {count}").into());
            }
        }
        Ok(())
    })
}

fn directory(number: usize) -> String {
    format!("dir{number}")
}

fn timed<T, E>(step: &str, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let start = Instant::now();
    let result = run();
    println!("  {step:<8} {:>7.3} s", start.elapsed().as_secs_f64());
    result
}

fn tree_of(names: &[Vec<Vec<u8>>], content: Option<&'static [u8]>) -> Result<Tree, Box<dyn Error>> {
    let mut tree = Tree::new(Metadata::default());
    let kind = || -> Result<NodeKind, MapError> {
        let Some(bytes) = content else {
            return Ok(NodeKind::Fifo);
        };
        let mut map = DiskMap::new(bytes.len() as u64);
        map.insert_bytes(0, bytes)?;
        Ok(NodeKind::File(map))
    };
    for (number, names) in names.iter().enumerate() {
        let dir = tree.make_dirs(directory(number).as_bytes(), &Metadata::default())?;
        // The order that would move most, if names were moved for each that comes.
        for name in names.iter().rev() {
            tree.add(dir, name, Metadata::default(), kind()?)?;
        }
    }
    Ok(tree)
}

fn look_up(dir: &Path, names: &[Vec<u8>]) -> io::Result<()> {
    for name in names {
        fs::symlink_metadata(dir.join(OsStr::from_bytes(name)))?;
    }
    Ok(())
}

fn list(dir: &Path) -> io::Result<Vec<Vec<u8>>> {
    fs::read_dir(dir)?
        .map(|entry| Ok(entry?.file_name().into_vec()))
        .collect()
}
