//! Volumes in the hands of UEFI firmware: OVMF's driver, which wants the exact numbers of the specification.

use std::time::Duration;

use kurmadisk::fs::fat::{FatOptions, FatPlan, FatType};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::Tree;
use kurmadisk_fixtures::oracle;
use kurmadisk_fixtures::qemu::{Drive, Firmware, Interface, Machine};
use tempfile::NamedTempFile;

use super::support::{Listing, content, forced, in_folder, listing, meta, write};

/// What the firmware's shell does on its own.
const SCRIPT: &str = "@echo -off\r
for %n in 0 1 2 3 4 5 6 7\r
  vol fs%n:\r
  ls fs%n:\\ -r\r
  comp fs0:\\data\\large fs%n:\\DATA\\LARGE\r
  cp fs0:\\data\\large \"fs%n:\\data\\a copy that the firmware made\"\r
  rm fs%n:\\data\\removed\r
endfor\r
echo \"all is done\"\r
reset -s\r
";

fn tree() -> Tree {
    let large: Vec<u8> = (0..300_000_u32)
        .flat_map(u32::to_le_bytes)
        .take(300_000)
        .collect();
    let mut tree = Tree::new(meta());
    for (path, bytes) in [
        ("startup.nsh", SCRIPT.as_bytes()),
        ("data/large", &large),
        ("data/removed", &large[..70_000]),
        ("data/A name that is long.txt", b"content"),
        ("data/Größe", b""),
    ] {
        tree.place_file(path.as_bytes(), meta(), content(bytes))
            .expect("new");
    }
    tree
}

/// A disk of sectors of 4096 bytes.
fn large_sectors(number: usize, image: &NamedTempFile) -> [String; 4] {
    let file = image.path().display();
    [
        "-drive".to_owned(),
        format!("if=none,id=large{number},format=raw,file={file}"),
        "-device".to_owned(),
        format!(
            "virtio-blk-pci,drive=large{number},logical_block_size=4096,physical_block_size=4096,bootindex={number}"
        ),
    ]
}

#[test]
fn firmware_reads_and_writes_every_type() {
    let tree = tree();
    let free = VolumeSize::Auto(FreeSpace::Bytes(1 << 20));
    // The smallest of FAT16 and FAT32 have as few clusters as can be.
    let volumes = [
        (512, FatType::Fat12, None),
        (512, FatType::Fat12, Some(128)),
        (512, FatType::Fat16, Some(1)),
        (512, FatType::Fat16, Some(64)),
        (512, FatType::Fat32, Some(1)),
        (512, FatType::Fat32, Some(8)),
        (4096, FatType::Fat16, None),
        (4096, FatType::Fat32, None),
    ];
    let volumes = volumes.map(|(sector_size, fat_type, sectors)| {
        let options = FatOptions {
            sector_size,
            ..forced(fat_type, sectors)
        };
        let plan = FatPlan::new(tree.clone(), free, &options).expect("some size fits");
        (sector_size, write(&plan.build().expect("builds")))
    });
    let mut machine = Machine::new(Firmware::Uefi).deadline(Duration::from_mins(2));
    for (number, (sector_size, volume)) in volumes.iter().enumerate() {
        if *sector_size == 512 {
            let drive = Drive::new(volume.path(), "raw", Interface::Virtio);
            machine = machine.drive(drive.keep_writes());
        } else {
            machine = machine.arguments(large_sectors(number, volume));
        }
    }
    let said = machine.run_to_end().expect("it turns itself off");
    for sentence in [
        "[no differences encountered]",
        "- [ok]",
        "Delete successful.",
        " large\r\n",
    ] {
        assert_eq!(
            said.matches(sentence).count(),
            volumes.len(),
            "{sentence}: {said}"
        );
    }

    let mut expected = listing(&tree);
    expected.remove("data/removed");
    let copy = expected["data/large"].clone();
    expected.insert("data/a copy that the firmware made".to_owned(), copy);
    for (_, volume) in &volumes {
        oracle::fsck_fat_clean(volume.path(), 0).expect("the firmware leaves it clean");
        let folder = tempfile::tempdir().expect("a temporary folder");
        oracle::sevenzip_extract_fat(volume.path(), folder.path()).expect("7-Zip reads it");
        let found = in_folder(folder.path());
        let found: Listing = found
            .into_iter()
            .map(|(path, kept)| (path, kept.bytes))
            .collect();
        assert!(found == expected, "{:?}", found.keys());
    }
}
