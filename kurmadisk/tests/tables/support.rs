//! What the tests of this folder share: layouts, sparse images, and the judges' questions.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::Path;

use kurmadisk::layout::{
    AttributeFlag, Attributes, DiskLayout, GptScheme, HybridEntry, LayoutRequest, Lba,
    PartitionRequest, PartitionSize, PartitionType, Scheme, SchemeRequest, SectorSize,
};
use kurmadisk::table;
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::map::{DiskMap, Source};
use kurmadisk_formats::read_at::{ReadAt, SeekReader};
use tempfile::NamedTempFile;
use uuid::{Uuid, uuid};

/// A sparse file with what `map` says.
pub fn write(map: &DiskMap) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    file.as_file().set_len(map.len()).unwrap();
    for extent in map.extents() {
        let Source::Bytes(bytes) = &extent.source else {
            panic!("a table is bytes in memory")
        };
        file.as_file().write_all_at(bytes, extent.start).unwrap();
    }
    file
}

pub fn bytes(map: &DiskMap) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(map.len()).unwrap()];
    map.reader().read_exact_at(0, &mut bytes).unwrap();
    bytes
}

pub fn built(layout: &DiskLayout) -> DiskMap {
    table::build(layout, None).unwrap()
}

/// What our reader finds, which must be the layout and nothing wrong.
pub fn assert_reads_back(map: &DiskMap, layout: &DiskLayout) {
    let expected = stored(layout);
    let mut found = table::read_with_sector_size(&map.reader(), layout.sector_size).unwrap();
    assert_eq!(found.problems, []);
    found.layout.partitions.sort_by_key(|p| p.number);
    assert_eq!(found.layout, expected);
}

/// The layout as its table can store it: by number, and without what an MBR has no place for.
pub fn stored(layout: &DiskLayout) -> DiskLayout {
    let mut layout = layout.clone();
    layout.partitions.sort_by_key(|p| p.number);
    if matches!(layout.scheme, Scheme::Mbr(_)) {
        for partition in &mut layout.partitions {
            partition.label.clear();
            partition.guid = Uuid::nil();
            partition.kind = PartitionType::from_mbr(partition.kind.mbr().unwrap());
        }
    }
    layout
}

pub fn request(number: u32, sectors: u64, kind: PartitionType) -> PartitionRequest {
    PartitionRequest {
        number,
        label: format!("part {number}"),
        kind,
        guid: Uuid::from_u128(0xa000 + u128::from(number)),
        first: None,
        size: PartitionSize::Sectors(sectors),
        attributes: Attributes::NONE,
        active: false,
    }
}

pub fn gpt(partitions: Vec<PartitionRequest>) -> LayoutRequest {
    LayoutRequest {
        sector_size: SectorSize::B512,
        scheme: SchemeRequest::Gpt(GptScheme::new(uuid!(
            "01234567-89ab-cdef-0123-456789abcdef"
        ))),
        partition_alignment: 2048,
        disk_alignment: 2048,
        disk_sectors: None,
        partitions,
    }
}

/// The disk of `kurmaos`: numbers, places, GUIDs, attributes, hybrid MBR.
pub fn kurmaos() -> DiskLayout {
    let parts = [
        ("EFI-SYSTEM", 524_288, PartitionType::ESP),
        ("BIOS-BOOT", 4096, PartitionType::BIOS_BOOT),
        ("KURMA-A", 4096, PartitionType::KURMAOS_SLOT),
        ("KURMA-B", 4096, PartitionType::KURMAOS_SLOT),
        ("OEM", 262_144, PartitionType::LINUX),
        ("ROOT", 2_097_152, PartitionType::KURMAOS_ROOT),
    ];
    let mut partitions: Vec<_> = (1..)
        .zip(parts)
        .map(|(number, (label, sectors, kind))| PartitionRequest {
            label: label.into(),
            ..request(number, sectors, kind)
        })
        .collect();
    partitions[0].attributes = Attributes::NONE.with(AttributeFlag::LegacyBoot);
    partitions[2].attributes = "priority=1,successful".parse().unwrap();
    partitions[2].guid = uuid!("aa608ef3-dc7d-4bdd-b2b2-b87b3832f47f");
    partitions[3].guid = uuid!("16294bcb-da53-458d-bc1c-7dbf84893896");
    let esp = HybridEntry {
        number: 1,
        mbr_type: 0x0c,
        active: true,
    };
    LayoutRequest {
        partition_alignment: 4096,
        disk_alignment: 258_048,
        scheme: SchemeRequest::Gpt(GptScheme {
            hybrid: vec![esp],
            ..GptScheme::new(Uuid::from_u128(42))
        }),
        ..gpt(partitions)
    }
    .arrange()
    .unwrap()
}

/// Every field of every partition as `sgdisk` prints it.
pub fn assert_sgdisk_agrees(image: &Path, layout: &DiskLayout) {
    oracle::sgdisk_verify(image).unwrap();
    let Scheme::Gpt(scheme) = &layout.scheme else {
        panic!("no GPT")
    };
    let disk = oracle::sgdisk_print(image).unwrap();
    assert_eq!(disk.guid, scheme.disk_guid.to_string());
    assert_eq!(
        (disk.sectors, disk.entries),
        (layout.sectors, scheme.entries)
    );
    assert_eq!(Lba(disk.first_usable), layout.first_usable());
    assert_eq!(Lba(disk.last_usable + 1), layout.usable_end());
    assert_eq!(disk.partitions.len(), layout.partitions.len());
    for found in &disk.partitions {
        let planned = layout.partition(found.number).unwrap();
        assert_eq!(found.type_guid, planned.kind.guid().unwrap().to_string());
        assert_eq!(found.guid, planned.guid.to_string());
        assert_eq!(
            (Lba(found.first), Lba(found.last)),
            (planned.first, planned.last())
        );
        assert_eq!(found.attributes, planned.attributes.0);
        assert_eq!(found.name, planned.label);
    }
}

/// Number, first sector, sectors and type of every partition as `sfdisk` prints them.
pub fn assert_sfdisk_agrees(image: &Path, layout: &DiskLayout) {
    oracle::sfdisk_verify(image).unwrap();
    let json = oracle::sfdisk_json(image).unwrap();
    let found: BTreeMap<u32, (u64, u64, String, bool)> = json["partitions"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .map(|part| {
            let node = part["node"].as_str().unwrap();
            let tail = node.strip_prefix(image.to_str().unwrap()).unwrap();
            let number = tail.trim_start_matches('p').parse().unwrap();
            let kind = part["type"].as_str().unwrap().to_lowercase();
            let active = part["bootable"].as_bool().unwrap_or(false);
            (
                number,
                (
                    part["start"].as_u64().unwrap(),
                    part["size"].as_u64().unwrap(),
                    kind,
                    active,
                ),
            )
        })
        .collect();
    let mut planned: BTreeMap<_, _> = layout
        .partitions
        .iter()
        .map(|p| {
            let kind = match &layout.scheme {
                Scheme::Gpt(_) => p.kind.guid().unwrap().to_string(),
                Scheme::Mbr(_) => format!("{:x}", p.kind.mbr().unwrap()),
            };
            (p.number, (p.first.0, p.sectors, kind, p.active))
        })
        .collect();
    if let Scheme::Mbr(scheme) = &layout.scheme {
        assert_eq!(json["id"], format!("{:#010x}", scheme.signature));
        if let Some(extended) = &scheme.extended {
            let place = (extended.first.0, extended.sectors, "f".into(), false);
            planned.insert(extended.number, place);
        }
    }
    assert_eq!(found, planned);
}

/// The `gpt` crate with its own reading of a whole disk, both copies.
pub fn assert_gpt_crate_agrees(map: &DiskMap, layout: &DiskLayout) {
    let size = match layout.sector_size {
        SectorSize::B512 => ::gpt::disk::LogicalBlockSize::Lb512,
        SectorSize::B4096 => ::gpt::disk::LogicalBlockSize::Lb4096,
    };
    let device = Debuggable(SeekReader::new(map.reader()));
    let disk = ::gpt::GptConfig::new()
        .logical_block_size(size)
        .only_valid_headers(true)
        .open_from_device(device)
        .unwrap();
    assert_eq!(disk.partitions().len(), layout.partitions.len());
    for (number, found) in disk.partitions() {
        let planned = layout.partition(*number).unwrap();
        assert_eq!(found.name, planned.label);
        assert_eq!(
            (found.first_lba, found.last_lba),
            (planned.first.0, planned.last().0)
        );
    }
    let header = disk.primary_header().unwrap();
    let backup = disk.backup_header().unwrap();
    assert_eq!(
        (header.backup_lba, backup.current_lba),
        (layout.sectors - 1, layout.sectors - 1)
    );
    assert_eq!(Lba(backup.part_start), layout.usable_end());
}

/// What the `gpt` crate wants of a device beside reading.
struct Debuggable<R>(SeekReader<R>);

impl<R> std::fmt::Debug for Debuggable<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("disk")
    }
}

impl<R: ReadAt> std::io::Read for Debuggable<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buf)
    }
}

impl<R: ReadAt> std::io::Seek for Debuggable<R> {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

impl<R> std::io::Write for Debuggable<R> {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}
