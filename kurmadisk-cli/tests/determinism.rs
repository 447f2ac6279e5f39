//! The same inputs give the same bytes; other inputs give other identifiers.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{
    FORMATS, demo_initrd, demo_kernel, efi_stub, gpt, json, judged, kurmadisk, labelled, names,
};
use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::treegen::{
    TreeSpec, copy_in_other_order, first_other_order, make_tree, unordered_scratch,
};
use kurmadisk_fixtures::{oracle, treegen};
use serde_json::Value;

/// Large enough for many pieces to be compressed at the same time, in both directions of a race.
fn bulk() -> TreeSpec {
    TreeSpec {
        folders: 60,
        files: 600,
        longest: 256 << 10,
        crowd: 400,
        ..TreeSpec::default()
    }
}

/// Builds the tree `tree` of `folder`, from there, and gives the SHA-256 of the image's files, by name.
fn digests(folder: &Path, tree: &Path, format: &str, threads: &str) -> Vec<(String, String)> {
    let out = folder.join("out");
    fs::create_dir_all(&out).unwrap();
    // The image's own name is part of what a VMDK says of itself, its folder is not.
    let image = out.join("same-name.image");
    kurmadisk(folder)
        .args([
            "build", "--layout", "efi", "--name", "same", "--format", format,
        ])
        .args(["--threads", threads, "--quiet", "--root"])
        .arg(tree)
        .arg("--kernel")
        .arg(demo_kernel())
        .arg("--initrd")
        .arg(demo_initrd())
        .args(["--cmdline", "quiet", "--efi-stub"])
        .arg(efi_stub())
        .arg("-o")
        .arg(&image)
        .assert()
        .success();
    let files = names(&out).into_iter();
    let digests = files.map(|name| {
        let digest = judged(oracle::sha256(&out.join(&name)));
        (name, digest)
    });
    let digests = digests.collect();
    fs::remove_dir_all(out).unwrap();
    digests
}

/// Every format of `tree` has the same bytes from a copy whose folders list their names in another
/// order, with one thread and with two, from another place.
fn a_copy_gives_the_same(tree: &Path) {
    let (first, second) = (unordered_scratch().unwrap(), unordered_scratch().unwrap());
    let copy = second.path().join("elsewhere/the copy");
    fs::create_dir(copy.parent().unwrap()).unwrap();
    copy_in_other_order(tree, &copy).unwrap();
    assert!(
        first_other_order(tree, &copy).unwrap().is_some(),
        "both copies list their folders in the same order: nothing would be tested"
    );
    for (format, _) in FORMATS {
        let one = digests(first.path(), tree, format, "1");
        let two = digests(second.path(), &copy, format, "2");
        assert_eq!(one, two, "{format}");
    }
}

#[test]
fn the_order_of_folders_the_threads_and_the_place_do_not_matter() {
    let scratch = unordered_scratch().unwrap();
    let tree = scratch.path().join("tree");
    fs::create_dir(&tree).unwrap();
    make_tree(&tree, 5, &bulk()).unwrap();
    a_copy_gives_the_same(&tree);
}

#[test]
fn nor_do_they_for_a_debian_system() {
    a_copy_gives_the_same(&debian_root().tree);
}

/// Everything by which a disk is told from others: identity, disk GUID, partition GUIDs, UUIDs.
fn identifiers(plan: &Value) -> Vec<String> {
    let partitions = plan["partitions"].as_array().unwrap();
    let of_partitions = partitions.iter().flat_map(|partition| {
        let filesystem = partition.get("filesystem").map(|fs| fs["id"].clone());
        [Some(partition["guid"].clone()), filesystem]
    });
    let of_disk = [&plan["identity"], &plan["disk-id"]].map(|id| Some(id.clone()));
    let all = of_disk.into_iter().chain(of_partitions).flatten();
    let all: Vec<_> = all
        .filter_map(|id| id.as_str().map(str::to_owned))
        .collect();
    assert_eq!(all.len(), 6, "{all:?}");
    all
}

/// The UUIDs that a VDI names itself by (`formats`: image and modification, at 0x188 and 0x198).
fn vdi_uuids(image: &Path) -> [Vec<u8>; 2] {
    let bytes = fs::read(image).unwrap();
    [bytes[0x188..0x198].to_vec(), bytes[0x198..0x1a8].to_vec()]
}

#[test]
fn another_seed_name_or_mode_gives_other_identifiers_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    make_tree(&tree, 1, &TreeSpec::default()).unwrap();
    let made = |more: &[&str]| {
        let build = [
            "build", "--json", "--layout", "efi", "--root", "tree", "--format", "vdi", "-o",
            "x.vdi",
        ];
        let json = json(kurmadisk(folder.path()).args(build).args(more));
        (
            identifiers(&json["plan"]),
            vdi_uuids(&folder.path().join("x.vdi")),
        )
    };
    let mut seen = vec![made(&[])];
    assert_eq!(made(&[]), seen[0]);
    seen.push(made(&["--seed", "another"]));
    seen.push(made(&["--name", "another"]));
    seen.push(made(&["--size", "300M"]));
    let file = tree
        .join("modes")
        .read_dir()
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode ^ 0o010)).unwrap();
    seen.push(made(&[]));
    treegen::set_mtime(&file, 1_234_567_890, 1).unwrap();
    seen.push(made(&[]));
    for (index, (identifiers, uuids)) in seen.iter().enumerate() {
        assert_ne!(uuids[0], uuids[1]);
        for (others, other_uuids) in &seen[..index] {
            let pairs = identifiers.iter().zip(others);
            assert!(
                pairs.clone().all(|(id, other)| id != other),
                "{index}: {identifiers:?} {others:?}"
            );
            assert!(
                uuids
                    .iter()
                    .zip(other_uuids)
                    .all(|(uuid, other)| uuid != other),
                "{index}"
            );
        }
    }
}

#[test]
fn source_date_epoch_is_the_time_of_what_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let built = |time: Option<&str>, config: &str| {
        fs::write(folder.path().join("c.toml"), config).unwrap();
        let mut build = kurmadisk(folder.path());
        build.args([
            "build", "--config", "c.toml", "--format", "raw", "-o", "x.raw",
        ]);
        if let Some(time) = time {
            build.env("SOURCE_DATE_EPOCH", time);
        }
        build.assert().success();
        let image = folder.path().join("x.raw");
        let disk = gpt(&image);
        let offset = labelled(&disk, "ROOT").offset();
        judged(oracle::e2fsck_clean(&image, offset));
        let listing = judged(oracle::mdir(
            &image,
            labelled(&disk, "EFI-SYSTEM").offset(),
            "::",
        ));
        (
            judged(oracle::debugfs(&image, offset, "stat /note")),
            listing,
            disk.guid,
        )
    };
    let files = |partition| {
        format!("[[files]]\npartition = \"{partition}\"\npath = \"/note\"\ntext = \"x\"\n")
    };
    let config = format!("layout = \"efi\"\n{}{}", files("ROOT"), files("EFI-SYSTEM"));
    // 2001-09-09 01:46:40 UTC.
    let (stat, listing, guid) = built(Some("1000000000"), &config);
    assert!(stat.contains("mtime: 0x3b9aca00:00000000"), "{stat}");
    assert!(listing.contains("2001-09-09"), "{listing}");
    let (stat, _, unset) = built(None, &config);
    assert!(stat.contains("mtime: 0x00000000:00000000"), "{stat}");
    assert_ne!(guid, unset);
    // The file's own field says the same; the environment counts more.
    let field = format!("source-date-epoch = 1000000000\n{config}");
    assert_eq!(built(None, &field).2, guid);
    let (stat, _, _) = built(Some("1500000000"), &field);
    assert!(stat.contains("mtime: 0x59682f00:00000000"), "{stat}");
}
