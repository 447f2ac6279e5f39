//! The folder of a platform, such as `/usr/lib/grub/i386-pc`.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use kurmadisk_formats::map::DiskMap;

use super::{GrubError, Platform};
use crate::source::host_file;

/// GRUB's kernel.
pub(super) const KERNEL: &str = "kernel.img";
/// What modules depend on: a line `MODULE: MODULE…` for each.
const DEPENDENCIES: &str = "moddep.lst";
/// No file of an installation that goes into a core image is nearly as large.
const MAX_FILE: u64 = 16 << 20;
/// The most that all modules of a core image have; all there are have 4 MiB.
const MAX_MODULES: u64 = 64 << 20;
/// Endings of the files that a running GRUB reads: modules, and lists of what is in which.
const INSTALLED: [&str; 2] = ["mod", "lst"];

/// A platform's folder, and the modules in it.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    platform: Platform,
    /// What each module depends on.
    modules: BTreeMap<String, Vec<String>>,
}

impl Folder {
    /// The folder of `platform` below `parent`; none where there is no such folder.
    pub fn open(parent: &Path, platform: Platform) -> Result<Option<Self>, GrubError> {
        let path = parent.join(platform.name());
        if !path.is_dir() {
            return Ok(None);
        }
        let mut folder = Self {
            path,
            platform,
            modules: BTreeMap::new(),
        };
        let list = String::from_utf8(folder.read(DEPENDENCIES)?)
            .map_err(|_| folder.malformed(DEPENDENCIES, "it is no text"))?;
        for line in list.lines().filter(|line| !line.trim().is_empty()) {
            let (name, depends) = line
                .split_once(':')
                .ok_or_else(|| folder.malformed(DEPENDENCIES, "a line has no colon"))?;
            let depends = depends.split_whitespace().map(str::to_owned).collect();
            folder.modules.insert(name.trim().to_owned(), depends);
        }
        Ok(Some(folder))
    }

    /// What it is for.
    #[must_use]
    pub fn platform(&self) -> Platform {
        self.platform
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a module of this name.
    #[must_use]
    pub fn has(&self, module: &str) -> bool {
        self.modules.contains_key(module)
    }

    /// The names of these modules and of those they depend on, each once and behind what it depends on: in
    /// `grub-mkimage`'s order, which goes through each module's list from its end.
    pub fn closure(&self, wanted: &[&str]) -> Result<Vec<String>, GrubError> {
        enum Step<'a> {
            Enter(&'a str, Option<&'a str>),
            Leave(&'a str),
        }
        let mut seen = HashSet::new();
        let mut order = Vec::new();
        let roots = wanted.iter().rev().map(|name| Step::Enter(name, None));
        let mut steps: Vec<Step<'_>> = roots.collect();
        while let Some(step) = steps.pop() {
            match step {
                Step::Enter(name, by) if seen.insert(name) => {
                    let depends = self.modules.get(name).ok_or_else(|| GrubError::NoModule {
                        folder: self.path.clone(),
                        name: name.to_owned(),
                        by: by.map(str::to_owned),
                    })?;
                    steps.push(Step::Leave(name));
                    let depends = depends.iter();
                    steps.extend(depends.map(|each| Step::Enter(each, Some(name))));
                }
                Step::Enter(..) => {}
                Step::Leave(name) => order.push(name.to_owned()),
            }
        }
        Ok(order)
    }

    /// The files of these modules and of those they depend on, in the order of [`closure`](Self::closure).
    pub(super) fn modules(&self, wanted: &[&str]) -> Result<Vec<Vec<u8>>, GrubError> {
        let mut len = 0;
        let names = self.closure(wanted)?;
        let files = names.iter().map(|name| {
            let file = self.read(&format!("{name}.mod"))?;
            len += file.len() as u64;
            if len > MAX_MODULES {
                return Err(GrubError::TooLarge {
                    len,
                    most: MAX_MODULES,
                    place: "into memory",
                });
            }
            Ok(file)
        });
        files.collect()
    }

    /// GRUB's kernel, an ELF file.
    pub(super) fn kernel(&self) -> Result<Vec<u8>, GrubError> {
        self.read(KERNEL)
    }

    /// What a running GRUB may want: names and contents, sorted by name.
    pub(in crate::boot) fn installed(&self) -> Result<Vec<(String, DiskMap)>, GrubError> {
        let failed = |source| Self::failed(&self.path, source);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let ending = Path::new(&name).extension();
            if ending.is_some_and(|ending| INSTALLED.iter().any(|each| ending == *each))
                && let Some(name) = name.to_str()
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        let files = names.into_iter().map(|name| {
            let content = host_file(&self.path.join(&name))?;
            Ok((name, content))
        });
        files.collect()
    }

    /// A file, into memory.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, GrubError> {
        let path = self.path.join(name);
        let mut bytes = Vec::new();
        let read = File::open(&path)
            .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
            .and_then(|_| {
                if bytes.len() as u64 > MAX_FILE {
                    return Err(io::Error::other("it is too large for a file of GRUB's"));
                }
                Ok(())
            });
        read.map_err(|source| Self::failed(&path, source))?;
        Ok(bytes)
    }

    pub(super) fn malformed(&self, name: &str, problem: &'static str) -> GrubError {
        GrubError::Malformed {
            path: self.path.join(name),
            problem,
        }
    }

    fn failed(path: &Path, source: io::Error) -> GrubError {
        GrubError::Read {
            path: path.to_path_buf(),
            source,
        }
    }
}
