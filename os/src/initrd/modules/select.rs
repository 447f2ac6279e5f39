//! Which modules are taken along: those that are named, and what they need.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::ModuleError;
use super::folder::ModuleFolder;
use super::info::{ModuleInfo, folded};

/// The longest chain of modules of which each needs the next one; those of real kernels have some ten.
const DEEPEST: usize = 500;

/// The modules to be taken along.
#[derive(Clone, Debug, Default)]
pub(in crate::initrd) struct Selection {
    /// By name: the path in the kernel's folder, and what the module says of itself.
    pub(in crate::initrd) modules: BTreeMap<String, (String, ModuleInfo)>,
    /// What was named and is built into the kernel.
    pub(in crate::initrd) built_in: Vec<String>,
}

/// Finds the modules that `wanted` names, and what they need.
///
/// Each is a module's name (`-` and `_` are the same), a pattern of names with `*` and `?`, or a folder with a slash behind
/// it, such as `kernel/drivers/virtio/`.
pub(in crate::initrd) fn select<'w>(
    folder: &ModuleFolder<'_>,
    wanted: impl Iterator<Item = &'w str>,
) -> Result<Selection, ModuleError> {
    let mut selection = Selection::default();
    let mut waiting = Vec::new();
    for name in wanted {
        let found = named(folder, name);
        let built_in = folder.built_in.iter();
        let built_in: Vec<_> = built_in
            .filter(|known| matches(&folded(name), known))
            .collect();
        if found.is_empty() && built_in.is_empty() {
            return Err(ModuleError::Unknown {
                name: name.to_owned(),
                release: folder.release.clone(),
            });
        }
        selection.built_in.extend(built_in.into_iter().cloned());
        waiting.extend(found);
    }
    let is_built_in: BTreeSet<&String> = folder.built_in.iter().collect();
    while let Some(name) = waiting.pop() {
        if selection.modules.contains_key(&name) {
            continue;
        }
        let Some(path) = folder.files.get(&name) else {
            continue;
        };
        let info = folder.info(path)?;
        for needs in &info.depends {
            if folder.files.contains_key(needs) {
                waiting.push(needs.clone());
            } else if !is_built_in.contains(needs) {
                return Err(ModuleError::Needs {
                    module: name,
                    needs: needs.clone(),
                    release: folder.release.clone(),
                });
            }
        }
        // Those are tried only: what is not there is passed over.
        waiting.extend(
            info.soft_names()
                .filter(|name| folder.files.contains_key(name)),
        );
        selection.modules.insert(name, (path.clone(), info));
    }
    Ok(selection)
}

/// The modules that a name, a pattern or a folder stands for.
fn named(folder: &ModuleFolder<'_>, wanted: &str) -> Vec<String> {
    let files = folder.files.iter();
    if wanted.ends_with('/') {
        let below = files.filter(|(_, path)| path.starts_with(wanted));
        return below.map(|(name, _)| name.clone()).collect();
    }
    let pattern = folded(wanted);
    let found = files.filter(|(name, _)| matches(&pattern, name));
    found.map(|(name, _)| name.clone()).collect()
}

/// Whether a name is one of the pattern's: `*` stands for any letters, `?` for one.
pub(in crate::initrd) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut read) = (0, 0);
    // Where the last star is, and how much of the name it stands for so far.
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(letter) if *letter == b'?' || *letter == name[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else {
                    return false;
                };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                read = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

impl Selection {
    /// The names of all modules that `name` needs, in an order in which the last can be loaded first.
    pub(super) fn needs(&self, name: &str) -> Result<Vec<&str>, ModuleError> {
        let mut order = Vec::new();
        self.visit(name, &mut Vec::new(), &mut order)?;
        // The module itself is behind all that it needs.
        order.pop();
        order.reverse();
        Ok(order)
    }

    fn visit<'s>(
        &'s self,
        name: &str,
        above: &mut Vec<String>,
        order: &mut Vec<&'s str>,
    ) -> Result<(), ModuleError> {
        let Some((name, (_, info))) = self.modules.get_key_value(name) else {
            return Ok(());
        };
        if order.contains(&name.as_str()) {
            return Ok(());
        }
        if above.contains(name) || above.len() == DEEPEST {
            return Err(ModuleError::Circle {
                module: name.clone(),
            });
        }
        above.push(name.clone());
        for needs in &info.depends {
            self.visit(needs, above, order)?;
        }
        above.pop();
        order.push(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_names() {
        for (pattern, name, expected) in [
            ("virtio_*", "virtio_blk", true),
            ("virtio_*", "virtio", false),
            ("*", "anything", true),
            ("*_blk", "virtio_blk", true),
            ("v*o_*k", "virtio_blk", true),
            ("ext?", "ext4", true),
            ("ext?", "ext", false),
            ("ext4", "ext4", true),
            ("ext4", "ext44", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
