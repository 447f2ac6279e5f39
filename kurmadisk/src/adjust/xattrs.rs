//! Which extended attributes of a tree stay.

use super::glob::{self, PatternError};
use crate::tree::Tree;

/// Takes the extended attributes away whose full names a pattern matches, such as `security.selinux` or `user.*`,
/// where `*` stands for anything.
pub fn exclude_xattrs<S: AsRef<str>>(tree: &mut Tree, patterns: &[S]) -> Result<(), PatternError> {
    let globs: Result<Vec<_>, _> = patterns
        .iter()
        .map(|pattern| glob::compile(pattern.as_ref()))
        .collect();
    let set = glob::set(&globs?)?;
    let mut found = Vec::new();
    for id in super::all_nodes(tree) {
        let names = tree.node(id).meta.xattrs.iter().map(|(name, _)| name);
        let excluded: Vec<Vec<u8>> = names
            .filter(|name| {
                glob::matches(&set, name, &mut found);
                !found.is_empty()
            })
            .map(<[u8]>::to_vec)
            .collect();
        for name in excluded {
            tree.metadata_mut(id).xattrs.remove(&name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Metadata;

    #[test]
    fn what_a_pattern_matches_goes() {
        let names = [
            "security.capability",
            "security.selinux",
            "trusted.a",
            "user.a.b",
            "user.c",
        ];
        let left = |patterns: &[&str]| {
            let xattrs = names.iter().map(|name| (name, "value")).collect();
            let mut tree = Tree::new(Metadata {
                xattrs,
                ..Metadata::default()
            });
            exclude_xattrs(&mut tree, patterns).unwrap();
            let meta = &tree.node(Tree::ROOT).meta;
            let names = meta.xattrs.iter().map(|(name, _)| name.to_vec());
            names.collect::<Vec<_>>()
        };
        let all = names.map(|name| name.as_bytes().to_vec());
        assert_eq!(left(&[]), all);
        assert_eq!(
            left(&["security.selinux", "user.*"]),
            [&all[0][..], &all[2]]
        );
        assert!(left(&["*"]).is_empty());
        assert!(exclude_xattrs(&mut Tree::new(Metadata::default()), &["a["]).is_err());
    }
}
