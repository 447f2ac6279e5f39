//! Sizes as people write them, and disks that grow.

use super::Bench;
use crate::common::{gpt, json, judged, labelled};
use kurmadisk_fixtures::oracle;

#[test]
fn sizes_are_what_people_mean() {
    let bench = Bench::new();
    for (text, bytes) in [
        ("256 MiB", 256_u64 << 20),
        ("256M", 256 << 20),
        ("4G", 4 << 30),
        ("4 GiB", 4 << 30),
        ("1.5 GiB", 3 << 29),
        ("8388608s", 4 << 30),
        ("4gb", 4_000_000_000),
        ("268435456", 256 << 20),
    ] {
        let plan = ["plan", "--json", "--layout", "efi", "--size", text];
        let disk = json(&mut bench.run(plan))["size"].as_u64().unwrap();
        // A disk is a whole number of its alignment, 1 MiB here.
        assert_eq!(disk, bytes.next_multiple_of(1 << 20), "{text}");
        bench.write(
            "c.toml",
            &format!("layout = \"efi\"\n[[partition]]\nnumber = 2\nsize = \"{text}\"\n"),
        );
        let plan = json(&mut bench.run(["plan", "--json", "--config", "c.toml"]));
        let sectors = bytes.next_multiple_of(512);
        assert_eq!(plan["partitions"][1]["size"], sectors, "{text}");
    }
}

#[test]
fn a_larger_disk_makes_the_root_larger() {
    let bench = Bench::new();
    for (layout, disk_alignment) in [("kurmaos", 258_048), ("efi", 2048)] {
        let build = [
            "build", "--layout", layout, "--root", "tree", "--size", "4G",
        ];
        let output = ["--format", "raw", "-o", "large.raw"];
        bench
            .run(build.into_iter().chain(output))
            .assert()
            .success();
        let image = bench.join("large.raw");
        let disk = gpt(&image);
        assert_eq!(disk.sectors, 8_388_608_u64.next_multiple_of(disk_alignment));
        let root = labelled(&disk, "ROOT");
        assert!(root.last <= disk.last_usable && root.last > disk.last_usable - 4096);
        judged(oracle::e2fsck_clean(&image, root.offset()));
        let superblock = judged(oracle::dumpe2fs(&image, root.offset()));
        let blocks = format!("Block count:              {}\n", root.length() / 4096);
        assert!(
            superblock.contains(&blocks),
            "no {blocks:?} in {superblock}"
        );
    }
}

#[test]
fn a_disk_sized_for_its_content_has_the_free_share_it_says() {
    let bench = Bench::new();
    std::fs::write(bench.join("tree/large"), vec![0x5a; 64 << 20]).unwrap();
    for (free, least, most) in [("10%", 0.10, 0.14), ("50%", 0.50, 0.52), ("0%", 0.0, 0.04)] {
        let config = format!(
            "layout = \"efi\"\nroot = \"tree\"\n[[partition]]\nnumber = 2\nfilesystem.free = \"{free}\"\n"
        );
        let image = bench.builds(&config);
        let disk = gpt(&image);
        let offset = labelled(&disk, "ROOT").offset();
        judged(oracle::e2fsck_clean(&image, offset));
        let superblock = judged(oracle::dumpe2fs(&image, offset));
        let number = |field: &str| -> f64 {
            let line = superblock.lines().find_map(|line| line.strip_prefix(field));
            line.unwrap().trim().parse().unwrap()
        };
        let share = number("Free blocks:") / number("Block count:");
        assert!(share >= least && share < most, "{free}: {share}");
    }
}
