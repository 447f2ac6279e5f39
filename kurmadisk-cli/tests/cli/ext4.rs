//! What a description says of ext4 is what dumpe2fs finds on the disk.

use kurmadisk_fixtures::oracle;
use serde_json::Value;

use super::Bench;
use crate::common::{json, judged};

/// One partition with these keys, for the tree `tree`.
fn disk(keys: &str) -> String {
    format!(
        "root = \"tree\"\n[[partition]]\nnumber = 1\ntype = \"linux\"\nfirst = \"1 MiB\"\ncontent = \"root\"\n\
         {keys}filesystem.type = \"ext4\"\n"
    )
}

/// The plan of the only filesystem.
fn planned(bench: &Bench, config: &str) -> Value {
    bench.write("c.toml", config);
    let plan = json(&mut bench.run(["plan", "--json", "--config", "c.toml"]));
    plan["partitions"][0]["filesystem"].clone()
}

/// The superblock of the only filesystem, built and approved by e2fsck.
fn superblock(bench: &Bench, config: &str) -> String {
    let image = bench.builds(config);
    judged(oracle::e2fsck_clean(&image, 1 << 20));
    judged(oracle::dumpe2fs(&image, 1 << 20))
}

#[test]
fn keys_reach_the_superblock() {
    let config = disk(
        "size = \"auto\"\nfilesystem.features = [\"resize_inode\", \"^64bit\"]\n\
         filesystem.hash-seed = \"12345678-9abc-4ef0-8234-56789abcdef0\"\n\
         filesystem.default-mount-options = \"^acl,discard\"\n\
         filesystem.mount-options = \"commit=17\"\nfilesystem.inode-size = 256\n",
    );
    let found = superblock(&Bench::new(), &config);
    for line in [
        "resize_inode dir_index filetype extent flex_bg",
        "Directory Hash Seed:      12345678-9abc-4ef0-8234-56789abcdef0",
        "Default mount options:    user_xattr discard",
        "Mount options:            commit=17",
        "Inode size:\t          256",
    ] {
        assert!(found.contains(line), "no {line:?} in {found}");
    }
    let config =
        disk("size = \"32 MiB\"\nfilesystem.profile = \"ext3\"\nfilesystem.inode-size = 128\n");
    let found = superblock(&Bench::new(), &config);
    assert!(found.contains("Inode size:\t          128\n"), "{found}");
    let features = "has_journal ext_attr dir_index filetype sparse_super large_file\n";
    assert!(found.contains(features), "{found}");
}

#[test]
fn a_read_only_filesystem_is_as_large_as_its_content() {
    let bench = Bench::new();
    let key = "filesystem.read-only = true\n";
    let auto = planned(&bench, &disk(&format!("size = \"auto\"\n{key}")));
    let fixed = planned(&bench, &disk(&format!("size = \"40 MiB\"\n{key}")));
    assert_eq!(auto["size"], fixed["size"]);
    assert_eq!(auto["size"].as_u64().unwrap() % 4096, 0);
    assert!(auto["size"].as_u64().unwrap() < 1 << 20, "{auto:#}");
    let found = superblock(&bench, &disk(&format!("size = \"40 MiB\"\n{key}")));
    assert!(found.contains(" read-only"), "{found}");
    assert!(!found.contains("has_journal"), "{found}");
}

#[test]
fn inodes_are_left_free() {
    let bench = Bench::new();
    for number in 0..2000 {
        bench.write(&format!("tree/many/{number}"), "");
    }
    let free = |config: &str| {
        let filesystem = planned(&bench, &disk(config));
        let inodes = |field: &str| filesystem[field].as_u64().unwrap();
        (inodes("inodes") - inodes("inodes-used"), inodes("inodes"))
    };
    // An inode for each 16 KiB would be less than what the tree has.
    let (spare, all) = free("size = \"auto\"\n");
    assert!(spare >= 16 && spare * 10 >= all, "{spare} of {all}");
    let (spare, _) = free("size = \"auto\"\nfilesystem.free-inodes = 1000\n");
    assert!((1000..1020).contains(&spare), "{spare}");
    let (spare, all) = free("size = \"auto\"\nfilesystem.free-inodes = \"60%\"\n");
    assert!(spare * 10 >= all * 6, "{spare} of {all}");
    let (spare, _) = free("size = \"auto\"\nfilesystem.inodes = 2050\n");
    assert!(spare < 70, "{spare}");
    // What is usual is no reason to refuse a size; what was asked for is.
    let least = "size = \"auto\"\nfilesystem.free = \"0%\"\nfilesystem.free-inodes = 0\n";
    let least = planned(&bench, &disk(least))["size"].as_u64().unwrap();
    let (spare, _) = free(&format!("size = \"{least}\"\n"));
    assert!(spare < 16, "{spare}");
    let asked = format!("size = \"{least}\"\nfilesystem.free-inodes = 100\n");
    bench.write("c.toml", &disk(&asked));
    let parts = ["c.toml:7:8: size", "blocks of 4096 bytes", "more"];
    bench.refuses(["--config", "c.toml", "--format", "raw"], &parts);
}
