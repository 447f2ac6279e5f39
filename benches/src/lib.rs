//! Inputs for the micro-benchmarks: trees in memory, and an output that keeps nothing.

use std::io;
use std::path::Path;

use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::output::Output;
use kurmadisk::tree::{Metadata, NodeKind, Tree};

/// A tree of `files` files of `len` bytes each, a hundred to a directory.
#[must_use]
pub fn tree(files: usize, len: usize) -> Tree {
    // Neither all zeros nor compressible to nothing: a counter's bytes.
    let bytes: Vec<u8> = (0_u32..).flat_map(u32::to_le_bytes).take(len).collect();
    tree_of(files, &bytes)
}

/// A tree of `files` files with this content, a hundred to a directory.
///
/// # Panics
///
/// Never: the names differ.
#[must_use]
pub fn tree_of(files: usize, bytes: &[u8]) -> Tree {
    let directory = Metadata {
        mode: 0o755,
        ..Metadata::default()
    };
    let file = Metadata {
        mode: 0o644,
        ..Metadata::default()
    };
    let mut content = DiskMap::new(bytes.len() as u64);
    content
        .insert_bytes(0, bytes.to_vec())
        .expect("as long as the map");
    let mut tree = Tree::new(directory.clone());
    for index in 0..files {
        let path = format!("directory-{:05}", index / 100);
        let parent = tree
            .make_dirs(path.as_bytes(), &directory)
            .expect("a directory");
        let name = format!("file-{index:07}");
        tree.add(
            parent,
            name.as_bytes(),
            file.clone(),
            NodeKind::File(content.clone()),
        )
        .expect("a new name");
    }
    tree
}

/// So many bytes of words in no order, which deflate to a third or so, always the same.
#[must_use]
pub fn text(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % 4096
    };
    // Short words for small numbers, and most numbers small, as in a language.
    let word = move || {
        let number = next() * next() / 4096;
        format!("{number:x} ").into_bytes()
    };
    std::iter::repeat_with(word).flatten().take(len).collect()
}

/// Takes bytes and forgets them.
#[derive(Debug, Default)]
pub struct Nowhere;

impl Output for Nowhere {
    fn write_at(&mut self, _offset: u64, data: &[u8]) -> io::Result<()> {
        std::hint::black_box(data);
        Ok(())
    }

    fn set_len(&mut self, _len: u64) -> io::Result<()> {
        Ok(())
    }

    fn part(&mut self, _name: &str) -> io::Result<Box<dyn Output + Send>> {
        Ok(Box::new(Self))
    }

    fn path(&self) -> &Path {
        Path::new("(nowhere)")
    }
}
