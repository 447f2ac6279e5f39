//! The modules of a kernel, by name.

use std::collections::BTreeMap;

use kurmadisk::formats::map::DiskMap;
use kurmadisk::source::Scratch;
use kurmadisk::source::decompress::decompressed;

use super::super::error::ModuleError;
use super::super::stage::whole;
use super::super::sysroot::{FoundKind, Sysroot, join, shown, split};
use super::info::{ModuleInfo, folded, read, texts};

/// Where kernels' modules are, also where `/lib` is no link to `usr/lib`.
const FOLDERS: [&[u8]; 2] = [b"lib/modules", b"usr/lib/modules"];

/// Endings of modules' files.
const ENDINGS: [&str; 4] = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"];

/// The most bytes of a list.
const MAX_LIST: u64 = 64 << 20;

/// Folders within one another.
const DEEPEST: usize = 32;

/// The modules of one kernel.
pub(in crate::initrd) struct ModuleFolder<'a> {
    sysroot: &'a Sysroot,
    /// The kernel's release.
    pub(in crate::initrd) release: String,
    /// The folder's path in the sysroot.
    pub(in crate::initrd) path: Vec<u8>,
    /// Paths within the folder by name, as the kernel has it.
    pub(super) files: BTreeMap<String, String>,
    /// Names of what is built into the kernel, in the order of its list.
    pub(super) built_in: Vec<String>,
}

impl<'a> ModuleFolder<'a> {
    /// The modules of kernel `release`, or of the only one there is.
    pub(in crate::initrd) fn open(
        sysroot: &'a Sysroot,
        release: Option<&str>,
    ) -> Result<Self, ModuleError> {
        let mut found = Vec::new();
        for folder in FOLDERS {
            for name in sysroot.names(folder)? {
                let path = join(folder, &name);
                let is_dir = sysroot.find(&path)?;
                let is_dir = is_dir.filter(|found| found.kind == FoundKind::Directory);
                let Some(real) = is_dir else { continue };
                let name = String::from_utf8_lossy(&name).into_owned();
                let is_wanted = release.is_none_or(|release| release == name);
                if is_wanted && found.iter().all(|(_, _, known)| *known != real.path) {
                    found.push((name, path, real.path));
                }
            }
        }
        if found.len() != 1 {
            return Err(ModuleError::Release {
                sysroot: sysroot.name().to_owned(),
                releases: found.into_iter().map(|(name, ..)| name).collect(),
            });
        }
        let (release, path, _) = found.remove(0);
        let mut folder = Self {
            sysroot,
            release,
            path,
            files: BTreeMap::new(),
            built_in: Vec::new(),
        };
        folder.look("", 0)?;
        let built_in = folder.list("modules.builtin")?.unwrap_or_default();
        folder.built_in = built_in.lines().filter_map(name_of).collect();
        Ok(folder)
    }

    /// Finds the modules in a folder within it.
    fn look(&mut self, within: &str, depth: usize) -> Result<(), ModuleError> {
        let path = join(&self.path, within.as_bytes());
        for name in self.sysroot.names(&path)? {
            let found = self.sysroot.find_link(&join(&path, &name))?;
            let Ok(name) = String::from_utf8(name) else {
                continue;
            };
            let path = match within {
                "" => name,
                within => format!("{within}/{name}"),
            };
            match found.map(|found| found.kind) {
                // The links `build` and `source` lead to the kernel's sources.
                Some(FoundKind::Directory) if depth < DEEPEST => self.look(&path, depth + 1)?,
                Some(FoundKind::File) => {
                    let Some(name) = name_of(&path) else { continue };
                    if let Some(first) = self.files.insert(name.clone(), path.clone()) {
                        return Err(ModuleError::Twice {
                            name,
                            first,
                            second: path,
                        });
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A list that the kernel's build made.
    pub(super) fn list(&self, name: &str) -> Result<Option<String>, ModuleError> {
        let path = join(&self.path, name.as_bytes());
        let bytes = whole(self.sysroot, &path, MAX_LIST)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The aliases of what is built in: the module, and the pattern.
    pub(super) fn built_in_aliases(&self) -> Result<Vec<(String, String)>, ModuleError> {
        let list = self.list("modules.builtin.modinfo")?.unwrap_or_default();
        let aliases = texts(list.as_bytes()).filter_map(|text| {
            let (name, alias) = text.split_once(".alias=")?;
            Some((name.to_owned(), alias.to_owned()))
        });
        Ok(aliases.collect())
    }

    /// A module's file as it lies there, and uncompressed.
    pub(in crate::initrd) fn content(
        &self,
        path: &str,
    ) -> Result<(DiskMap, DiskMap, kurmadisk::tree::Metadata), ModuleError> {
        let missing = || super::super::error::SysrootError::Missing {
            path: shown(&join(&self.path, path.as_bytes())),
            sysroot: self.sysroot.name().to_owned(),
        };
        let found = self.sysroot.find(&join(&self.path, path.as_bytes()))?;
        let found = found.ok_or_else(missing)?;
        let stored = self.sysroot.content(&found)?;
        let content = decompressed(stored.clone(), &Scratch::Memory);
        let content = content.map_err(|source| ModuleError::Decompress {
            path: path.to_owned(),
            source,
        })?;
        Ok((stored, content, found.meta))
    }

    /// What a module says of itself.
    pub(super) fn info(&self, path: &str) -> Result<ModuleInfo, ModuleError> {
        let (_, content, _) = self.content(path)?;
        read(&content).map_err(|reason| ModuleError::Damaged {
            path: path.to_owned(),
            reason,
        })
    }
}

/// The name of the module in a file, if it is one's.
pub(super) fn name_of(path: &str) -> Option<String> {
    let file = String::from_utf8_lossy(split(path.as_bytes()).1).into_owned();
    let ending = ENDINGS
        .iter()
        .find_map(|ending| file.strip_suffix(ending))?;
    Some(folded(ending))
}

/// A module's path without the ending of its compression.
pub(in crate::initrd) fn uncompressed(path: &str) -> &str {
    let at = path.rfind(".ko").map_or(path.len(), |at| at + 3);
    &path[..at]
}
