//! Where everything lies, and what the fields say.

use kurmadisk::fs::fat::{FatOptions, FatType};
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::read_at::ReadAt;

use super::support::{
    ESP_FILES, MIB, SERIAL, bytes_at, forced, judged, listing, options, plan_of, tree_of, u16_at,
    u32_at, write,
};

#[test]
fn the_system_partition_of_kurmaos() {
    let tree = tree_of(&ESP_FILES);
    let plan = plan_of(&tree, 256 * MIB, &options()).expect("fits");
    assert_eq!(
        (plan.fat_type(), plan.cluster_size()),
        (FatType::Fat16, 4096)
    );
    assert_eq!((plan.file_count(), plan.directory_count()), (6, 6));
    // vmlinuz-a takes 18 clusters; four other files and five directories take one each.
    assert_eq!(plan.used_clusters(), 18 + 4 + 5);
    assert_eq!(
        plan.used_clusters() + plan.free_clusters(),
        plan.cluster_count()
    );
    let map = judged(&tree, &plan);

    let files = listing(&tree);
    for (path, ranges) in plan.files() {
        let expected = files[&path[1..]].as_ref().expect("a file");
        assert_eq!(ranges.len(), usize::from(!expected.is_empty()), "{path}");
        for range in ranges {
            let mut bytes = vec![0; usize::try_from(range.end - range.start).expect("small")];
            map.reader()
                .read_exact_at(range.start, &mut bytes)
                .expect("readable");
            assert!(bytes == *expected, "{path}");
        }
    }
    // Content is 74 KB and metadata a few: the rest of 256 MiB is absent.
    assert!(map.data_len() < 80_000, "{}", map.data_len());
}

#[test]
fn mtools_read_the_volume() {
    let tree = tree_of(&ESP_FILES);
    for size in [MIB, 256 * MIB, 600 * MIB] {
        let plan = plan_of(&tree, size, &options()).expect("fits");
        let image = write(&plan.build().expect("builds"));
        let mut expected: Vec<String> = listing(&tree)
            .into_iter()
            .map(|(path, file)| format!("::/{path}{}", if file.is_some() { "" } else { "/" }))
            .collect();
        expected.sort();
        let found = oracle::mdir_paths(image.path(), 0).expect("mdir reads it");
        assert_eq!(found, expected);
        for (path, bytes) in ESP_FILES {
            let path = format!("::/{path}");
            let found = oracle::mcopy_read(image.path(), 0, &path).expect("mcopy reads it");
            assert!(found == bytes, "{path}");
        }
        let root = oracle::mdir(image.path(), 0, "::").expect("mdir reads it");
        assert!(root.contains("Volume in drive : is EFI-SYSTEM"), "{root}");
        assert!(root.contains("1234-5678"), "{root}");
        assert!(root.contains("2001-09-09   1:46"), "{root}");
    }
}

#[test]
fn boot_sectors_hold_the_fields_of_their_type() {
    let tree = tree_of(&[("A", b"a")]);
    let small = plan_of(&tree, MIB, &options()).expect("fits");
    let map = judged(&tree, &small);
    assert_eq!(bytes_at(&map, 0), [0xeb, 0x3c, 0x90]);
    assert_eq!((u16_at(&map, 11), bytes_at(&map, 13)), (512, [4]));
    assert_eq!((bytes_at(&map, 16), u16_at(&map, 17)), ([2], 512));
    assert_eq!((u16_at(&map, 19), u32_at(&map, 32)), (2048, 0));
    assert_eq!((bytes_at(&map, 21), u32_at(&map, 28)), ([0xf8], 4096));
    assert_eq!(
        (bytes_at(&map, 36), u32_at(&map, 39)),
        ([0x80, 0, 0x29], SERIAL)
    );
    assert_eq!(&bytes_at::<19>(&map, 43), b"EFI-SYSTEM FAT12   ");
    assert_eq!(bytes_at(&map, 510), [0x55, 0xaa]);
    let fat = u64::from(u16_at(&map, 14)) * 512;
    assert_eq!(bytes_at(&map, fat), [0xf8, 0xff, 0xff, 0xff, 0x0f]);

    let large = plan_of(&tree, 64 * MIB, &forced(FatType::Fat32, None)).expect("fits");
    let map = judged(&tree, &large);
    assert_eq!(bytes_at(&map, 0), [0xeb, 0x58, 0x90]);
    assert_eq!((u16_at(&map, 17), u16_at(&map, 22)), (0, 0));
    assert_eq!((u16_at(&map, 19), u32_at(&map, 32)), (0, 131_072));
    assert_eq!((u32_at(&map, 28), u32_at(&map, 44)), (4096, 2));
    assert_eq!((u16_at(&map, 48), u16_at(&map, 50)), (1, 6));
    assert_eq!(
        (bytes_at(&map, 64), u32_at(&map, 67)),
        ([0x80, 0, 0x29], SERIAL)
    );
    assert_eq!(&bytes_at::<19>(&map, 71), b"EFI-SYSTEM FAT32   ");
    assert_eq!(bytes_at::<1024>(&map, 0), bytes_at::<1024>(&map, 6 * 512));
    assert_eq!(bytes_at(&map, 512), *b"RRaA");
    assert_eq!(u32_at(&map, 512 + 488), large.free_clusters());
    assert_eq!(u32_at(&map, 512 + 492), 2 + large.used_clusters());
    let fat = u64::from(u16_at(&map, 14)) * 512;
    let expected = [0x0fff_fff8, 0x0fff_ffff, 0x0fff_ffff];
    let found = [0, 4, 8].map(|at| u32_at(&map, fat + at));
    assert_eq!(found, expected);
    assert_eq!(
        &bytes_at::<12>(&map, large.data_offset()),
        b"EFI-SYSTEM \x08"
    );
    assert_eq!(large.data_offset() % 4096, 0);
}

#[test]
fn entries_for_directories_point_up() {
    let tree = tree_of(&[("one/two/file", b"x")]);
    for (fat_type, size) in [(FatType::Fat16, 16 * MIB), (FatType::Fat32, 40 * MIB)] {
        let plan = plan_of(&tree, size, &forced(fat_type, Some(1))).expect("fits");
        let map = judged(&tree, &plan);
        let root_clusters = u64::from(fat_type == FatType::Fat32);
        let one = plan.data_offset() + root_clusters * 512;
        let two = one + 512;
        for (dir, parent) in [
            (one, 0),
            (two, 2 + u16::try_from(root_clusters).expect("0 or 1")),
        ] {
            assert_eq!(&bytes_at::<12>(&map, dir), b".          \x10");
            assert_eq!(&bytes_at::<12>(&map, dir + 32), b"..         \x10");
            assert_eq!(u16_at(&map, dir + 32 + 26), parent);
        }
        assert_eq!(&bytes_at::<13>(&map, one + 64), b"TWO        \x10\x08");
        assert_eq!(&bytes_at::<13>(&map, two + 64), b"FILE       \x20\x08");
    }
}

#[test]
fn type_and_cluster_size_follow_the_tables() {
    // What mkfs.fat 4.2 chooses; at the limits between the types it goes nearer to them.
    let chosen = [
        (MIB, FatType::Fat12, 2048),
        (4 * MIB, FatType::Fat12, 2048),
        (16 * MIB, FatType::Fat16, 2048),
        (100 * MIB, FatType::Fat16, 2048),
        (256 * MIB, FatType::Fat16, 4096),
        (511 * MIB, FatType::Fat16, 8192),
        (512 * MIB, FatType::Fat32, 4096),
        (9 << 30, FatType::Fat32, 8192),
        (17 << 30, FatType::Fat32, 16_384),
        (33 << 30, FatType::Fat32, 32_768),
    ];
    let tree = tree_of(&[]);
    for (size, fat_type, cluster) in chosen {
        let plan = plan_of(&tree, size, &options()).expect("fits");
        assert_eq!(
            (plan.fat_type(), plan.cluster_size()),
            (fat_type, cluster),
            "{size}"
        );
    }
    for (size, cluster) in [(34, 512), (260, 512), (261, 4096), (1024, 4096)] {
        let plan = plan_of(&tree, size * MIB, &forced(FatType::Fat32, None)).expect("fits");
        assert_eq!(plan.cluster_size(), cluster, "{size} MiB");
    }
}

#[test]
fn every_type_and_sector_size_is_clean() {
    let tree = tree_of(&ESP_FILES);
    let volumes = [
        (FatType::Fat12, 512, MIB),
        (FatType::Fat12, 4096, 8 * MIB),
        (FatType::Fat16, 512, 3 * MIB),
        (FatType::Fat16, 4096, 40 * MIB),
        (FatType::Fat32, 512, 33 * MIB),
        (FatType::Fat32, 4096, 264 * MIB),
    ];
    for (fat_type, sector_size, size) in volumes {
        let options = FatOptions {
            sector_size,
            ..forced(fat_type, None)
        };
        let plan = plan_of(&tree, size, &options).expect("fits");
        assert_eq!(
            (plan.fat_type(), plan.sector_size()),
            (fat_type, sector_size)
        );
        judged(&tree, &plan);
    }
}

#[test]
fn the_data_area_is_aligned_as_asked() {
    let tree = tree_of(&ESP_FILES);
    for (fat_type, sector_size, size) in [
        (FatType::Fat12, 512, 20 * MIB),
        (FatType::Fat12, 4096, 32 * MIB),
        (FatType::Fat16, 512, 40 * MIB),
        (FatType::Fat16, 4096, 64 * MIB),
        (FatType::Fat32, 512, 64 * MIB),
        (FatType::Fat32, 4096, 300 * MIB),
    ] {
        for alignment in [sector_size, 65_536, 1 << 20, 4 << 20, 16 << 20] {
            let options = FatOptions {
                sector_size,
                data_alignment: Some(alignment),
                ..forced(fat_type, None)
            };
            let plan = plan_of(&tree, size, &options).expect("fits");
            assert_eq!(plan.data_offset() % u64::from(alignment), 0);
            judged(&tree, &plan);
            // The data area begins no later than it must.
            let closest = FatOptions {
                data_alignment: Some(sector_size),
                ..options
            };
            let closest = plan_of(&tree, size, &closest).expect("fits");
            assert!(plan.data_offset() < closest.data_offset() + u64::from(alignment));
        }
    }
}
