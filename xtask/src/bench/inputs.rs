//! What the workloads read beside the Debian root: made once, kept under `target/inputs`, the same on every machine.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use kurmadisk_fixtures::debian::DebianRoot;
use kurmadisk_fixtures::inputs_dir;

use crate::Outcome;

/// Raised when a recipe here changes, so that what was kept is made anew.
const RECIPE: u32 = 1;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Files hold up to so many bytes, half of it on average.
const LONGEST: usize = 16 << 10;

/// A tree of small files.
#[derive(Clone, Copy)]
pub(super) struct Small {
    name: &'static str,
    /// Files, divided evenly among so many folders.
    files: usize,
    folders: usize,
    /// Further files in one folder.
    crowd: usize,
}

/// 100,000 files.
pub(super) const SMALL: Small = Small {
    name: "small-files",
    files: 100_000,
    folders: 1000,
    crowd: 0,
};

/// A twentieth of it.
pub(super) const QUICK: Small = Small {
    name: "few-small-files",
    files: 5000,
    folders: 50,
    crowd: 0,
};

/// A million files, 200,000 of them in one folder.
pub(super) const MILLION: Small = Small {
    name: "million-files",
    files: 800_000,
    folders: 1000,
    crowd: 200_000,
};

impl Small {
    /// How many files, folders and the root there are.
    pub(super) fn entries(&self) -> usize {
        self.files + self.folders + self.crowd + usize::from(self.crowd > 0) + 1
    }

    /// The tree, made now if it isn't there.
    pub(super) fn prepare(&self) -> Outcome<PathBuf> {
        prepared(self.name, |tree| {
            fs::create_dir(tree)?;
            let noise = noise();
            let mut state = 1;
            for number in 0..self.folders {
                let folder = tree.join(format!("folder-{number:04}"));
                fill(&folder, self.files / self.folders, &noise, &mut state)?;
            }
            if self.crowd > 0 {
                fill(&tree.join("crowd"), self.crowd, &noise, &mut state)?;
            }
            Ok(())
        })
    }
}

/// A folder of so many files, of lengths and contents that `state` decides.
fn fill(folder: &Path, files: usize, noise: &[u8], state: &mut u64) -> Outcome {
    fs::create_dir(folder)?;
    for number in 0..files {
        let mut below = |most: usize| -> Outcome<usize> {
            Ok(usize::try_from(random(state) % (most as u64 + 1))?)
        };
        let (length, from) = (below(LONGEST)?, below(LONGEST)?);
        fs::write(
            folder.join(format!("file-{number:06}")),
            &noise[from..][..length],
        )?;
    }
    Ok(())
}

/// One file of 4 GiB: the Debian root's contents, over and over.
pub(super) fn large(root: &DebianRoot) -> Outcome<PathBuf> {
    let tree = prepared("large-file", |tree| {
        fs::create_dir(tree)?;
        let out = File::create(tree.join("large"))?;
        fill_with(&out, 4 * GIB, &root.tree)
    })?;
    Ok(tree.join("large"))
}

fn fill_with(mut out: &File, mut left: u64, tree: &Path) -> Outcome {
    while left > 0 {
        let before = left;
        let mut folders = vec![tree.to_owned()];
        while let Some(folder) = folders.pop() {
            let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    left -= io::copy(&mut File::open(entry.path())?.take(left), &mut out)?;
                }
            }
        }
        if left == before {
            return Err(format!("{} has no content", tree.display()).into());
        }
    }
    Ok(())
}

/// A raw disk of 1 TiB with 1 GiB in it, a MiB here and there; and that GiB alone.
pub(super) fn sparse() -> Outcome<(PathBuf, PathBuf)> {
    const TIB: u64 = 1 << 40;
    const PIECES: u64 = GIB / MIB;
    let folder = prepared("sparse-disk", |folder| {
        fs::create_dir(folder)?;
        let (disk, mut alone) = (
            File::create(folder.join("disk"))?,
            File::create(folder.join("alone"))?,
        );
        disk.set_len(TIB)?;
        let piece = noise().repeat(usize::try_from(MIB)? / (2 * LONGEST));
        for number in 0..PIECES {
            disk.write_all_at(&piece, number * (TIB / PIECES))?;
            alone.write_all(&piece)?;
        }
        Ok(())
    })?;
    Ok((folder.join("disk"), folder.join("alone")))
}

/// Removes all of them, which the Debian root and the programs of others are none of.
pub(super) fn remove() -> Outcome {
    for name in [
        SMALL.name,
        QUICK.name,
        MILLION.name,
        "large-file",
        "sparse-disk",
    ] {
        let place = place(name);
        if place.exists() {
            fs::remove_dir_all(place)?;
        }
    }
    Ok(())
}

fn place(name: &str) -> PathBuf {
    inputs_dir().join(format!("bench-{name}-{RECIPE}"))
}

/// The input of this name, which `make` makes if it isn't there; it has its name only when it is whole.
fn prepared(name: &str, make: impl FnOnce(&Path) -> Outcome) -> Outcome<PathBuf> {
    let place = place(name);
    if place.exists() {
        return Ok(place);
    }
    eprintln!("== making {}", place.display());
    fs::create_dir_all(inputs_dir())?;
    let partial = place.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    make(&partial)?;
    fs::rename(&partial, &place)?;
    Ok(place)
}

/// Bytes that nothing compresses: room for the longest content at any offset up to that length.
fn noise() -> Vec<u8> {
    let mut state = 2;
    let words = std::iter::repeat_with(|| random(&mut state).to_le_bytes());
    words.flatten().take(2 * LONGEST).collect()
}

/// The next number of a sequence, always the same one.
fn random(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}
