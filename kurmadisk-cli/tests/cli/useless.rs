//! Keys that could have no effect are refused, values that would be rounded too; what an upper layer
//! overrules is not.

use super::Bench;
use super::errors::{efi, refused};
use crate::common::json;

/// Partition 2 of the `efi` layout, with more keys; they begin in line 4.
fn root(more: &str) -> String {
    efi(&format!("[[partition]]\nnumber = 2\n{more}"))
}

/// The plan of this description.
fn planned(config: &str) -> serde_json::Value {
    let bench = Bench::new();
    bench.write("c.toml", config);
    json(&mut bench.run(["plan", "--json", "--config", "c.toml"]))
}

#[test]
fn a_disk_has_no_rest() {
    refused(&efi("size = \"rest\"\n"), &["c.toml:2:8: size", "\"auto\""]);
}

#[test]
fn keys_of_the_other_filesystem() {
    for (key, value) in [
        ("uuid", "\"12345678-9abc-4ef0-8234-56789abcdef0\""),
        ("block-size", "4096"),
        ("inodes", "100"),
        ("bytes-per-inode", "4096"),
        ("reserved", "\"1%\""),
        ("journal", "0"),
        ("errors", "\"panic\""),
        ("lost-found", "true"),
        ("inode-size", "128"),
        ("free-inodes", "100"),
        ("profile", "\"ext2\""),
        ("features", "[]"),
        ("read-only", "true"),
        ("hash-seed", "\"12345678-9abc-4ef0-8234-56789abcdef0\""),
        ("default-mount-options", "\"discard\""),
        ("mount-options", "\"commit=17\""),
    ] {
        refused(
            &efi(&format!(
                "[[partition]]\nnumber = 1\nfilesystem = {{ {key} = {value} }}\n"
            )),
            &["c.toml:4:", &format!(": {key}: "), "ext4", "is FAT"],
        );
    }
    for (key, value) in [
        ("fat-bits", "16"),
        ("cluster-size", "4096"),
        ("data-alignment", "4096"),
        ("serial", "1"),
    ] {
        refused(
            &root(&format!("filesystem = {{ {key} = {value} }}\n")),
            &["c.toml:4:", &format!(": {key}: "), "FAT", "is ext4"],
        );
    }
}

#[test]
fn keys_without_a_filesystem() {
    for key in [
        "label = \"X\"",
        "free = \"5%\"",
        "journal = 0",
        "serial = 3",
    ] {
        let name = key.split(' ').next().unwrap();
        refused(
            &efi(&format!(
                "[[partition]]\nnumber = 3\ntype = \"linux\"\nsize = \"1M\"\nfilesystem.{key}\n"
            )),
            &["c.toml:6:", &format!(": {name}: "), "filesystem type"],
        );
    }
}

#[test]
fn keys_that_another_one_makes_useless() {
    refused(
        &root("size = \"40M\"\nfilesystem.free = \"5%\"\n"),
        &["c.toml:5:19: free", "size = \"auto\""],
    );
    refused(
        "layout = \"kurmaos\"\n[[partition]]\nnumber = 6\nfilesystem.free = \"5%\"\n",
        &["c.toml:4:19: free", "size = \"auto\""],
    );
    refused(
        &root("filesystem = { inodes = 100, bytes-per-inode = 4096 }\n"),
        &["c.toml:4:48: bytes-per-inode", "inodes"],
    );
}

#[test]
fn room_in_a_filesystem_that_is_never_written_to() {
    for (key, value) in [
        ("free", "\"5%\""),
        ("inodes", "100"),
        ("bytes-per-inode", "4096"),
        ("free-inodes", "0"),
        ("reserved", "\"0%\""),
        ("journal", "0"),
        ("lost-found", "false"),
    ] {
        refused(
            &root(&format!(
                "size = \"auto\"\nfilesystem = {{ read-only = true, {key} = {value} }}\n"
            )),
            &["c.toml:5:", &format!(": {key}: "), "read-only"],
        );
    }
    for feature in ["has_journal", "resize_inode", "orphan_file"] {
        refused(
            &root(&format!(
                "filesystem = {{ read-only = true, features = [\"{feature}\"] }}\n"
            )),
            &["c.toml:4:45: features", feature],
        );
    }
    // What a layer below has of it is overruled.
    let below = "[[partition]]\nnumber = 1\ntype = \"linux\"\nsize = \"auto\"\n\
                 filesystem = { type = \"ext4\", journal = \"4 MiB\", free = \"64 MiB\" }\n";
    let bench = Bench::new();
    bench.write("below.toml", below);
    let upper = "layout = \"below.toml\"\n[[partition]]\nnumber = 1\nfilesystem.read-only = true\n";
    bench.write("c.toml", upper);
    let plan = json(&mut bench.run(["plan", "--json", "--config", "c.toml"]));
    let size = plan["partitions"][0]["filesystem"]["size"].as_u64();
    assert!(size.is_some_and(|size| size < 1 << 20), "{plan:#}");
}

#[test]
fn keys_of_the_other_table() {
    let guid = "\"12345678-9abc-4ef0-8234-56789abcdef0\"";
    refused(
        &efi("[disk]\nsignature = 7\n"),
        &["c.toml:3:13: signature", "MBR"],
    );
    refused(&root("active = true\n"), &["c.toml:4:10: active", "hybrid"]);
    for (config, field) in [
        (format!("[disk]\nguid = {guid}\n"), "guid"),
        ("[disk]\nentries = 128\n".to_owned(), "entries"),
        (
            format!("[[partition]]\nnumber = 1\nguid = {guid}\n"),
            "guid",
        ),
    ] {
        refused(
            &format!("layout = \"bios\"\n{config}"),
            &["c.toml:", &format!(": {field}: "), "GPT"],
        );
    }
}

#[test]
fn values_that_would_be_rounded() {
    for field in ["partition-alignment", "disk-alignment"] {
        refused(
            &efi(&format!("[disk]\n{field} = 1000\n")),
            &["c.toml:3:", &format!(": {field}: 1000 B"), "512 bytes"],
        );
    }
    refused(
        &efi("[[partition]]\nnumber = 1\nfilesystem.cluster-size = 1000\n"),
        &["c.toml:4:27: cluster-size: 1000 B", "512 bytes"],
    );
    refused(
        &root("filesystem.journal = \"4194305\"\n"),
        &["c.toml:4:22: journal: 4194305 B", "4096 bytes"],
    );
    refused(
        &efi("[disk]\nsector-size = 4096\n[[partition]]\nnumber = 1\nfirst = 1049088\n"),
        &["c.toml:6:9: first: ", "4096 bytes"],
    );
}

#[test]
fn a_place_in_bytes_is_the_same_with_larger_sectors() {
    for sector in [512_u64, 4096] {
        let plan = planned(&format!(
            "[disk]\nsector-size = {sector}\n[[partition]]\nnumber = 1\ntype = \"linux\"\nfirst = \"2 MiB\"\nsize = \"1M\"\n"
        ));
        assert_eq!(plan["partitions"][0]["first"], (2 << 20) / sector);
    }
}

#[test]
fn an_upper_layer_changes_the_filesystem_as_a_whole() {
    let plan =
        planned("layout = \"kurmaos\"\n[[partition]]\nnumber = 6\nfilesystem.type = \"fat\"\n");
    let root = &plan["partitions"][5];
    assert_eq!(
        (&root["number"], &root["filesystem"]["type"]),
        (&6.into(), &"FAT32".into())
    );
    let plan = planned("layout = \"efi\"\n[[partition]]\nnumber = 1\nfilesystem.type = \"ext4\"\n");
    assert_eq!(plan["partitions"][0]["filesystem"]["type"], "ext4");
}

#[test]
fn an_upper_layer_overrules_free_space_and_inodes() {
    // The layout's free space is for its "auto".
    let plan = planned(&root("size = \"40 MiB\"\n"));
    assert_eq!(plan["partitions"][1]["size"], 40_u64 << 20);
    // Its bytes per inode are another way to say how many there are.
    let inodes = |config: &str| {
        let plan = planned(config);
        plan["partitions"][5]["filesystem"]["inodes"]
            .as_u64()
            .unwrap()
    };
    let layout = "layout = \"kurmaos\"\n[[partition]]\nnumber = 6\n";
    assert_eq!(inodes(&format!("{layout}filesystem.inodes = 4096\n")), 4096);
    assert!(inodes(layout) > 100_000);
}
