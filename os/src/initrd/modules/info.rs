//! What a module says of itself: section `.modinfo`, texts `KEY=VALUE` with a NUL behind each, and the symbols it exports.

use kurmadisk::formats::map::DiskMap;
use object::{Object, ObjectSection};

use super::super::stage::read_all;

/// The most bytes of a module, uncompressed.
const MOST: u64 = 1 << 30;

/// A module's account of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::initrd) struct ModuleInfo {
    /// Modules without which it can't be loaded (`depends`).
    pub(in crate::initrd) depends: Vec<String>,
    /// Patterns of what it is for (`alias`).
    pub(in crate::initrd) aliases: Vec<String>,
    /// Modules to be loaded before it and behind it, as it is written (`softdep`).
    pub(in crate::initrd) soft_depends: Vec<String>,
    /// Files of firmware that it may ask for (`firmware`).
    pub(in crate::initrd) firmware: Vec<String>,
    /// The symbols that it exports.
    pub(in crate::initrd) symbols: Vec<String>,
}

/// Reads the module in `content`, which is not compressed.
pub(super) fn read(content: &DiskMap) -> Result<ModuleInfo, String> {
    if content.len() > MOST {
        return Err(format!("it has more than {} MiB", MOST >> 20));
    }
    let bytes = read_all(content).map_err(|error| kurmadisk::formats::error::chain(&error))?;
    let file = object::File::parse(bytes.as_slice()).map_err(|error| error.to_string())?;
    let section = |name: &str| match file.section_by_name(name) {
        Some(section) => section.data().map_err(|error| error.to_string()),
        None => Ok(&[][..]),
    };
    let modinfo = section(".modinfo")?;
    if modinfo.is_empty() {
        return Err("it has no section .modinfo".to_owned());
    }
    let mut info = ModuleInfo::default();
    for text in texts(modinfo) {
        let Some((key, value)) = text.split_once('=') else {
            continue;
        };
        match key {
            "depends" => {
                let names = value.split(',').filter(|name| !name.is_empty());
                info.depends.extend(names.map(folded));
            }
            "alias" => info.aliases.push(value.to_owned()),
            "softdep" => info.soft_depends.push(value.to_owned()),
            "firmware" => info.firmware.push(value.to_owned()),
            _ => {}
        }
    }
    info.symbols = texts(section("__ksymtab_strings")?).collect();
    info.symbols.sort_unstable();
    info.symbols.dedup();
    Ok(info)
}

impl ModuleInfo {
    /// The modules that `softdep` names, before and behind alike.
    pub(super) fn soft_names(&self) -> impl Iterator<Item = String> {
        let words = self
            .soft_depends
            .iter()
            .flat_map(|text| text.split_whitespace());
        words.filter(|word| !word.ends_with(':')).map(folded)
    }
}

/// The texts of a section, which have NULs between them.
pub(super) fn texts(bytes: &[u8]) -> impl Iterator<Item = String> {
    let texts = bytes
        .split(|byte| *byte == 0)
        .filter(|text| !text.is_empty());
    texts.map(|text| String::from_utf8_lossy(text).into_owned())
}

/// A module's name as the kernel has it: `-` and `_` are the same in it.
pub(in crate::initrd) fn folded(name: &str) -> String {
    name.replace('-', "_")
}
