//! Excludes and includes.

use std::collections::BTreeSet;

use kurmadisk::adjust::Filter;
use kurmadisk::tree::{Metadata, Tree};
use proptest::prelude::*;

use super::support::{directory, file, names, tree};

fn filtered(paths: &[&str], excludes: &[&str], includes: &[&str]) -> Vec<String> {
    let mut tree = tree(paths);
    let filter = Filter::new(excludes, includes).expect("patterns");
    filter.apply(&mut tree);
    names(&tree)
}

const PATHS: &[&str] = &[
    "a.pyc",
    "usr/lib/a.pyc",
    "usr/lib/cache",
    "usr/share/doc/a/copyright",
    "usr/share/doc/a/readme",
    "usr/share/doc/b/examples/copyright",
    "usr/share/man/x",
    "var/cache/a",
    "var/cache/deep/b",
    "\u{fc}",
];

#[test]
fn patterns_with_a_slash_are_paths_and_others_names() {
    let all = names(&tree(PATHS));
    let without = |gone: &[&str]| -> Vec<String> {
        let stays = |path: &&String| !gone.contains(&path.as_str());
        all.iter().filter(stays).cloned().collect()
    };
    let cases: [(&str, &[&str]); 13] = [
        ("*.pyc", &["a.pyc", "usr/lib/a.pyc"]),
        ("/*.pyc", &["a.pyc"]),
        ("usr/*.pyc", &[]),
        ("/usr/**/*.pyc", &["usr/lib/a.pyc"]),
        (
            "cache",
            &[
                "usr/lib/cache",
                "var/cache/",
                "var/cache/a",
                "var/cache/deep/",
                "var/cache/deep/b",
            ],
        ),
        (
            "cache/",
            &[
                "var/cache/",
                "var/cache/a",
                "var/cache/deep/",
                "var/cache/deep/b",
            ],
        ),
        (
            "/var/cache/*",
            &["var/cache/a", "var/cache/deep/", "var/cache/deep/b"],
        ),
        ("var/cache/*/", &["var/cache/deep/", "var/cache/deep/b"]),
        ("/cache", &[]),
        ("lib/cache", &[]),
        (
            "usr/share/{man,info}",
            &["usr/share/man/", "usr/share/man/x"],
        ),
        ("??", &["\u{fc}"]),
        ("[!a-v]", &["usr/share/man/x"]),
    ];
    for (pattern, gone) in cases {
        assert_eq!(filtered(PATHS, &[pattern], &[]), without(gone), "{pattern}");
    }
}

#[test]
fn includes_keep_what_excludes_would_drop() {
    let stays = [
        "usr/",
        "usr/share/",
        "usr/share/doc/",
        "usr/share/doc/a/",
        "usr/share/doc/a/copyright",
    ];
    let found = filtered(PATHS, &["/*"], &["/usr/share/doc/*/copyright"]);
    assert_eq!(found, stays);
    let found = filtered(PATHS, &["usr", "var", "b", "*.pyc"], &["/usr/share/doc/b"]);
    let stays = [
        "usr/",
        "usr/share/",
        "usr/share/doc/",
        "usr/share/doc/b/",
        "usr/share/doc/b/examples/",
        "usr/share/doc/b/examples/copyright",
        "\u{fc}",
    ];
    assert_eq!(found, stays);
    assert_eq!(filtered(PATHS, &[], &["nothing"]), names(&tree(PATHS)));
}

#[test]
fn names_of_any_bytes_are_compared() {
    let mut tree = Tree::new(Metadata::default());
    for name in [&b"a\xff"[..], b"b\xff", b"a\n"] {
        tree.add(Tree::ROOT, name, Metadata::default(), file(1))
            .expect("new");
    }
    Filter::new(&["a*"], &[])
        .expect("a pattern")
        .apply(&mut tree);
    assert_eq!(tree.paths().len(), 1);
    assert!(tree.lookup(b"b\xff").is_some());
}

#[test]
fn what_is_no_pattern_is_refused() {
    for (pattern, reason) in [
        ("", "it names nothing but the root"),
        ("/", "it names nothing but the root"),
        ("//", "it names nothing but the root"),
        ("a[b", "unclosed character class"),
        ("/{a", "unclosed alternate group"),
        ("a\\", "dangling '\\'"),
    ] {
        let error = Filter::new(&[pattern], &[]).expect_err(pattern).to_string();
        assert!(
            error.starts_with(&format!("{pattern:?} is no pattern of paths: ")),
            "{error}"
        );
        assert!(error.contains(reason), "{error}");
        assert!(Filter::new(&[], &[pattern]).is_err());
    }
}

/// What stays, told path by path from the rules as they are documented.
fn expected(paths: &BTreeSet<String>, excludes: &[String], includes: &[String]) -> Vec<String> {
    let matched = |patterns: &[String], path: &str| {
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        above.chain([path]).any(|path| {
            let name = path.rsplit('/').next().expect("a name");
            patterns
                .iter()
                .any(|pattern| match pattern.strip_prefix('/') {
                    Some(whole) => whole == path,
                    None => pattern == name,
                })
        })
    };
    let stays = |path: &String| !matched(excludes, path) || matched(includes, path);
    let below = |path: &str| {
        let folder = format!("{path}/");
        paths
            .iter()
            .any(|other| other.starts_with(&folder) && matched(includes, other))
    };
    let kept = paths.iter().filter(|path| stays(path) || below(path));
    kept.cloned().collect()
}

fn pattern() -> impl Strategy<Value = String> {
    let names = prop::collection::vec("[ab]", 1..4);
    prop_oneof![
        "[ab]",
        names.prop_map(|names| format!("/{}", names.join("/")))
    ]
}

proptest! {
    #[test]
    fn filters_do_what_is_documented(
        paths in prop::collection::vec(prop::collection::vec("[ab]", 1..5), 1..20),
        excludes in prop::collection::vec(pattern(), 0..4),
        includes in prop::collection::vec(pattern(), 0..3),
    ) {
        let mut tree = Tree::new(Metadata::default());
        for path in paths {
            let mut dir = Tree::ROOT;
            for name in path {
                let name = name.as_bytes();
                dir = match tree.child(dir, name) {
                    Some(child) => child,
                    None => tree.add(dir, name, Metadata::default(), directory()).expect("new"),
                };
            }
        }
        let list = |tree: &Tree| tree.paths().into_iter()
            .map(|(path, _)| String::from_utf8(path).expect("text"));
        let expected = expected(&list(&tree).collect(), &excludes, &includes);
        Filter::new(&excludes, &includes).expect("patterns").apply(&mut tree);
        let mut found: Vec<_> = list(&tree).collect();
        found.sort();
        prop_assert_eq!(found, expected);
    }
}
