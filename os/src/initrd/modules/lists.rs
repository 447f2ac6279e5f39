//! The lists by which modules are found (`modules.dep(5)`, `depmod(8)`), as texts for busybox and as indices for kmod.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::error::ModuleError;
use super::folder::{ModuleFolder, name_of, uncompressed};
use super::index::{Index, normalized};
use super::select::Selection;

/// The lists of the modules that are taken along, by their files' names. `keep` says whether their files stay
/// compressed.
pub(in crate::initrd) fn lists(
    folder: &ModuleFolder<'_>,
    selection: &Selection,
    keep: bool,
) -> Result<BTreeMap<&'static str, Vec<u8>>, ModuleError> {
    let order = Ordered::new(folder, selection)?;
    let mut lists = BTreeMap::new();
    order.dep(selection, keep, &mut lists)?;
    order.alias(&mut lists);
    order.symbols(&mut lists);
    order.rest(&mut lists);
    built_in(folder, &mut lists)?;
    Ok(lists)
}

/// The modules in the order of the kernel's own list, which decides between two that are for the same.
struct Ordered<'s> {
    modules: Vec<(&'s str, &'s str, &'s super::info::ModuleInfo)>,
    /// The kernel's own list, as far as its modules are here.
    order: String,
}

impl<'s> Ordered<'s> {
    fn new(folder: &ModuleFolder<'_>, selection: &'s Selection) -> Result<Self, ModuleError> {
        let list = folder.list("modules.order")?.unwrap_or_default();
        let places: BTreeMap<String, usize> = list
            .lines()
            .enumerate()
            .filter_map(|(place, path)| Some((name_of(path)?, place)))
            .collect();
        let modules = selection.modules.iter();
        let mut modules: Vec<_> = modules
            .map(|(name, (path, info))| (name.as_str(), path.as_str(), info))
            .collect();
        modules.sort_by_key(|(name, path, _)| {
            (places.get(*name).copied().unwrap_or(usize::MAX), *path)
        });
        let is_here = |path: &&str| {
            let name = name_of(path);
            name.is_some_and(|name| selection.modules.contains_key(&name))
        };
        let order = list.lines().filter(is_here);
        let order = order.flat_map(|path| [path, "\n"]).collect();
        Ok(Self { modules, order })
    }

    fn dep(
        &self,
        selection: &Selection,
        keep: bool,
        lists: &mut BTreeMap<&'static str, Vec<u8>>,
    ) -> Result<(), ModuleError> {
        let mut text = String::new();
        let mut index = Index::default();
        let file = |path: &'s str| if keep { path } else { uncompressed(path) };
        for (priority, (name, path, _)) in self.modules.iter().enumerate() {
            let mut line = format!("{}:", file(path));
            for needs in selection.needs(name)? {
                if let Some((path, _)) = selection.modules.get(needs) {
                    line += " ";
                    line += if keep { path } else { uncompressed(path) };
                }
            }
            index.add(name, priority, &line);
            text += &line;
            text += "\n";
        }
        lists.insert("modules.dep", text.into_bytes());
        lists.insert("modules.dep.bin", index.bytes());
        lists.insert("modules.order", self.order.clone().into_bytes());
        Ok(())
    }

    fn alias(&self, lists: &mut BTreeMap<&'static str, Vec<u8>>) {
        let mut text = "# Aliases extracted from modules themselves.\n".to_owned();
        let mut index = Index::default();
        for (priority, (name, _, info)) in self.modules.iter().enumerate() {
            for alias in &info.aliases {
                // A text takes everything.
                let _ = writeln!(text, "alias {alias} {name}");
                index.add(&normalized(alias), priority, name);
            }
        }
        lists.insert("modules.alias", text.into_bytes());
        lists.insert("modules.alias.bin", index.bytes());
    }

    fn symbols(&self, lists: &mut BTreeMap<&'static str, Vec<u8>>) {
        let mut text = "# Aliases for symbols, used by symbol_request().\n".to_owned();
        let mut index = Index::default();
        for (priority, (name, _, info)) in self.modules.iter().enumerate() {
            for symbol in &info.symbols {
                let _ = writeln!(text, "alias symbol:{symbol} {name}");
                index.add(&format!("symbol:{symbol}"), priority, name);
            }
        }
        lists.insert("modules.symbols", text.into_bytes());
        lists.insert("modules.symbols.bin", index.bytes());
    }

    /// What there is as a text alone.
    fn rest(&self, lists: &mut BTreeMap<&'static str, Vec<u8>>) {
        let mut soft = "# Soft dependencies extracted from modules themselves.\n".to_owned();
        let mut devices = "# Device nodes to trigger on-demand module loading.\n".to_owned();
        for (name, _, info) in &self.modules {
            for text in &info.soft_depends {
                let _ = writeln!(soft, "softdep {name} {text}");
            }
            let device = info
                .aliases
                .iter()
                .find_map(|alias| alias.strip_prefix("devname:"));
            let numbers = info.aliases.iter().find_map(|alias| device_numbers(alias));
            if let (Some(device), Some((kind, major, minor))) = (device, numbers) {
                let _ = writeln!(devices, "{name} {device} {kind}{major}:{minor}");
            }
        }
        lists.insert("modules.softdep", soft.into_bytes());
        lists.insert("modules.devname", devices.into_bytes());
    }
}

/// `char-major-10-200` as `c`, 10 and 200.
fn device_numbers(alias: &str) -> Option<(char, u32, u32)> {
    let (kind, numbers) = match alias.strip_prefix("char-major-") {
        Some(numbers) => ('c', numbers),
        None => ('b', alias.strip_prefix("block-major-")?),
    };
    let (major, minor) = numbers.split_once('-')?;
    Some((kind, major.parse().ok()?, minor.parse().ok()?))
}

/// What is built into the kernel, so that nobody looks for it elsewhere.
fn built_in(
    folder: &ModuleFolder<'_>,
    lists: &mut BTreeMap<&'static str, Vec<u8>>,
) -> Result<(), ModuleError> {
    let mut names = Index::default();
    for name in &folder.built_in {
        names.add(name, 0, "");
    }
    let mut aliases = Index::default();
    for (name, alias) in folder.built_in_aliases()? {
        aliases.add(&normalized(&alias), 0, &name);
    }
    lists.insert("modules.builtin.bin", names.bytes());
    lists.insert("modules.builtin.alias.bin", aliases.bytes());
    for list in ["modules.builtin", "modules.builtin.modinfo"] {
        if let Some(text) = folder.list(list)? {
            lists.insert(list, text.into_bytes());
        }
    }
    Ok(())
}
