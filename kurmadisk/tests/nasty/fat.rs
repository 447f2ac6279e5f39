//! The names on FAT: which it can have, which short names they get, and what is said of the others.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;

use kurmadisk::formats::error::chain;
use kurmadisk::formats::map::DiskMap;
use kurmadisk::fs::VolumeSize;
use kurmadisk::fs::fat::{FatOptions, FatPlan};
use kurmadisk::tree::{Metadata, Tree};
use kurmadisk_fixtures::nasty::{Case, cases};
use kurmadisk_fixtures::oracle;

use super::support::{TIME, write};

fn tree(paths: &[&[u8]]) -> Tree {
    let meta = Metadata {
        mode: 0o644,
        mtime: TIME,
        ..Metadata::default()
    };
    let mut tree = Tree::new(meta.clone());
    for path in paths {
        let mut content = DiskMap::new(path.len() as u64);
        content
            .insert_bytes(0, path.to_vec())
            .expect("within its length");
        tree.place_file(path, meta.clone(), content)
            .expect("paths differ");
    }
    tree
}

fn plan(paths: &[&[u8]]) -> Result<(Tree, FatPlan), String> {
    let tree = tree(paths);
    let options = FatOptions {
        label: Some("NASTY".to_owned()),
        label_time: TIME,
        serial: 0x1234_5678,
        ..FatOptions::default()
    };
    let plan = FatPlan::new(tree.clone(), VolumeSize::Fixed(16 << 20), &options);
    plan.map(|plan| (tree, plan)).map_err(|error| chain(&error))
}

/// Those of `names` that FAT can have beside those before them, and why not the others.
fn sorted<'c>(names: &[&'c [u8]]) -> (Vec<&'c [u8]>, Vec<String>) {
    let (mut kept, mut refused) = (Vec::new(), Vec::new());
    for name in names {
        kept.push(*name);
        if let Err(error) = plan(&kept) {
            kept.pop();
            refused.push(error);
        }
    }
    (kept, refused)
}

#[test]
fn names_are_kept_or_refused_by_name() {
    let cases = cases();
    let names = cases
        .iter()
        .filter(|case| case.counted && case.theme() == "names");
    let mut groups: BTreeMap<&[u8], Vec<&[u8]>> = BTreeMap::new();
    for case in names {
        groups.entry(case.group()).or_default().push(&case.path);
    }
    let (mut all, mut text) = (Vec::new(), String::new());
    for names in groups.values() {
        let (kept, refused) = sorted(names);
        all.extend(kept);
        for error in refused {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{}", error.as_bytes().escape_ascii());
        }
    }
    assert!(
        all.len() > 250,
        "{} of {}",
        all.len(),
        cases.iter().filter(|case| is_name(case)).count()
    );

    let (_, plan) = plan(&all).expect("together too");
    let work = tempfile::tempdir().expect("a temporary folder");
    let image = work.path().join("volume");
    write(&plan.build().expect("the tree is the planned one"), &image);
    oracle::fsck_fat_clean(&image, 0).unwrap_or_else(|error| panic!("{error}"));
    let found = read_back(&image);
    let expected: BTreeMap<_, _> = all
        .iter()
        .map(|path| (path.to_vec(), path.to_vec()))
        .collect();
    let read = found
        .iter()
        .map(|(path, (_, content))| (path.clone(), content.clone()));
    assert_eq!(read.collect::<BTreeMap<_, _>>(), expected);

    // mtools' list has characters that it does not know as others, so that it counts here.
    let listed = oracle::mdir_paths(&image, 0).expect("mtools reads it");
    let files = listed.iter().filter(|path| !path.ends_with('/'));
    assert_eq!(files.count(), all.len());

    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::assert_snapshot!("fat-refused", text);
        let lines = found
            .iter()
            .map(|(path, (short, _))| format!("{}: {short}\n", path.escape_ascii()));
        insta::assert_snapshot!("fat-short-names", lines.collect::<String>());
    });
}

fn is_name(case: &Case) -> bool {
    case.counted && case.theme() == "names"
}

/// Every file that the `fatfs` crate finds: its short name and its content.
fn read_back(image: &std::path::Path) -> BTreeMap<Vec<u8>, (String, Vec<u8>)> {
    let file = File::options()
        .read(true)
        .write(true)
        .open(image)
        .expect("there");
    let volume = fatfs::FileSystem::new(file, fatfs::FsOptions::new()).expect("a FAT volume");
    let mut found = BTreeMap::new();
    let mut pending = vec![(String::new(), volume.root_dir())];
    while let Some((prefix, dir)) = pending.pop() {
        for entry in dir.iter() {
            let entry = entry.expect("a readable entry");
            let name = entry.file_name();
            if name == "." || name == ".." {
                continue;
            }
            let path = format!("{prefix}{name}");
            if entry.is_dir() {
                pending.push((format!("{path}/"), entry.to_dir()));
                continue;
            }
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut entry.to_file(), &mut content).expect("readable");
            let short = entry.short_file_name_as_bytes().escape_ascii().to_string();
            found.insert(path.into_bytes(), (short, content));
        }
    }
    found
}
