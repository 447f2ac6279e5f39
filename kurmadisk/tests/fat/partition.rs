//! Volumes in the partitions of a disk.

use kurmadisk::Builder;
use kurmadisk::fs::Volume;
use kurmadisk::spec::ImageSpec;

use super::support::{MIB, bytes_at, u32_at};

#[test]
fn volumes_know_their_place_and_keep_their_size() {
    for sector in [512_u64, 4096] {
        let text = format!(
            "name = \"test\"
            disk.sector-size = {sector}
            [[partition]]
            number = 1
            type = \"linux\"
            size = \"3 MiB\"
            [[partition]]
            number = 2
            type = \"esp\"
            content = \"esp\"
            size = \"auto\"
            filesystem = {{ type = \"fat\", free = \"3 MiB\", data-alignment = \"1 MiB\" }}
            [[partition]]
            number = 3
            type = \"esp\"
            size = \"20 MiB\"
            filesystem = {{ type = \"fat\" }}\n"
        );
        let spec = ImageSpec::from_toml("here.toml", text).expect("a description");
        let plan = Builder::from_spec(spec).plan().expect("a disk");
        let disk = plan.disk_map().expect("a map");
        for (number, alignment) in [(2, MIB), (3, 4096)] {
            let planned = &plan.partitions()[number - 1];
            let range = plan.layout().byte_range(&planned.entry);
            let Some(Volume::Fat(fat)) = &planned.volume else {
                panic!("no FAT volume");
            };
            assert_eq!(&bytes_at::<2>(&disk, range.start), &[0xeb, 0x3c]);
            let hidden = u64::from(u32_at(&disk, range.start + 28));
            assert_eq!(hidden, range.start / sector);
            assert_eq!(fat.data_offset() % alignment, 0);
            if number == 2 {
                assert!(fat.free_bytes() >= 3 * MIB);
                assert!(range.end - range.start - fat.size() < MIB);
            } else {
                assert_eq!(fat.size(), 20 * MIB);
            }
        }
    }
}
