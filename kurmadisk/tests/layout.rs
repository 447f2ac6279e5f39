//! Sizes, types, attributes, and partitions being placed.

use kurmadisk::layout::{
    AttributeFlag, Attributes, ByteSize, DiskFault, DiskLayout, GptScheme, LayoutError,
    LayoutRequest, Lba, PartitionFault, PartitionRequest, PartitionSize, PartitionType, Scheme,
    SchemeRequest, SectorSize, Size, SizeError,
};
use proptest::prelude::*;
use uuid::Uuid;

#[test]
fn sizes_are_read_as_people_write_them() {
    let table = [
        ("256 MiB", 256 << 20),
        ("256M", 256 << 20),
        ("256 mi", 256 << 20),
        ("4G", 4 << 30),
        ("4 GiB", 4 << 30),
        ("4GB", 4_000_000_000),
        ("4 gb", 4_000_000_000),
        ("1.5 GiB", 3 << 29),
        ("1.50G", 3 << 29),
        ("0.5K", 512),
        ("1048576", 1 << 20),
        (" 7 B ", 7),
        ("2T", 2 << 40),
        ("2TB", 2_000_000_000_000),
        ("18446744073709551615", u64::MAX),
    ];
    for (text, bytes) in table {
        assert_eq!(text.parse(), Ok(Size::Bytes(bytes)), "{text}");
        assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
    }
    assert_eq!("8388608s".parse(), Ok(Size::Sectors(8_388_608)));
    assert_eq!(Size::Sectors(8).bytes(SectorSize::B4096), Some(32_768));
    assert_eq!(Size::Sectors(u64::MAX).bytes(SectorSize::B512), None);
    assert_eq!(Size::Bytes(513).sectors(SectorSize::B512), 2);
}

#[test]
fn what_is_no_size_says_why() {
    let error = |text: &str| text.parse::<Size>().unwrap_err();
    for text in ["", "MiB", "-1", "1.", ".5G", "1.2.3 G", "auto"] {
        assert!(
            matches!(error(text), SizeError::NotANumber(_)),
            "{text}: {:?}",
            error(text)
        );
    }
    assert!(matches!(error("5 parsecs"), SizeError::UnknownUnit { .. }));
    assert!(matches!(error("1.1 K"), SizeError::NotWhole(_)));
    assert!(matches!(error("0.5s"), SizeError::NotWhole(_)));
    assert!(matches!(error("16777216T"), SizeError::TooLarge(_)));
    assert!(matches!(error(&"9".repeat(60)), SizeError::TooLarge(_)));
    assert!(matches!(
        error(&format!("0.{}1G", "0".repeat(60))),
        SizeError::TooLarge(_)
    ));
    assert!(matches!(
        "9s".parse::<ByteSize>(),
        Err(SizeError::InSectors(_))
    ));
}

#[derive(Debug, PartialEq, serde::Deserialize, serde::Serialize)]
struct Sizes {
    size: Size,
    block: ByteSize,
    kind: PartitionType,
    sector: SectorSize,
}

#[test]
fn configuration_files_hold_sizes_and_types() {
    let read: Sizes =
        toml::from_str("size = '8s'\nblock = 4096\nkind = 'esp'\nsector = 4096").unwrap();
    let meant = Sizes {
        size: Size::Sectors(8),
        block: ByteSize(4096),
        kind: PartitionType::ESP,
        sector: SectorSize::B4096,
    };
    assert_eq!(read, meant);
    let written = toml::to_string(&meant).unwrap();
    assert_eq!(toml::from_str::<Sizes>(&written).unwrap(), meant);
    assert!(written.contains("block = \"4 KiB\""), "{written}");
    for bad in ["size = -1", "size = 1.5", "size = 'x'", "size = true"] {
        assert!(toml::from_str::<Sizes>(bad).is_err(), "{bad}");
    }
    assert!(toml::from_str::<Sizes>("size = 1\nblock = '4s'\nkind = 'esp'\nsector = 512").is_err());
    assert!(toml::from_str::<Sizes>("size = 1\nblock = 1\nkind = 'esp'\nsector = 520").is_err());
}

#[test]
fn types_have_names_guids_and_bytes() {
    for name in PartitionType::names() {
        let kind: PartitionType = name.parse().unwrap();
        assert_eq!(kind.to_string().parse(), Ok(kind), "{name}");
        assert!(kind.guid().is_some(), "{name}");
    }
    let table = [
        ("esp", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", Some(0xef)),
        ("linux", "0fc63daf-8483-4772-8e79-3d69d8477de4", Some(0x83)),
        ("Root", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709", Some(0x83)),
        ("swap", "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", Some(0x82)),
        ("kurmaos-slot", "5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6", None),
        (
            "kurmaos-root",
            "3884dd41-8582-4404-b9a8-e9b84f2df50e",
            Some(0x83),
        ),
        ("fat32", "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", Some(0x0c)),
    ];
    for (name, guid, mbr) in table {
        let kind: PartitionType = name.parse().unwrap();
        assert_eq!(kind.guid().unwrap().to_string(), guid, "{name}");
        assert_eq!(kind.mbr(), mbr, "{name}");
    }
    assert_eq!("0x83".parse(), Ok(PartitionType::LINUX));
    assert_eq!(
        "0FC63DAF-8483-4772-8E79-3D69D8477DE4".parse(),
        Ok(PartitionType::LINUX)
    );
    let unnamed: PartitionType = "0xa5".parse().unwrap();
    assert_eq!(
        (unnamed.guid(), unnamed.to_string().as_str()),
        (None, "0xa5")
    );
    let guid = Uuid::from_u128(7);
    assert_eq!(guid.to_string().parse(), Ok(PartitionType::from_guid(guid)));
}

#[test]
fn a_misspelt_type_names_near_ones() {
    let error = |text: &str| text.parse::<PartitionType>().unwrap_err().to_string();
    assert!(
        error("lunix").contains("did you mean linux"),
        "{}",
        error("lunix")
    );
    assert!(
        error("verity").contains("root-verity"),
        "{}",
        error("verity")
    );
    assert!(
        !error("zzzzzzzz").contains("did you mean"),
        "{}",
        error("zzzzzzzz")
    );
    assert!(error("0x123").contains("unknown"));
}

#[test]
fn attributes_are_bits_with_names() {
    let slot: Attributes = "priority=1, successful".parse().unwrap();
    assert_eq!(slot, Attributes(0x0101_0000_0000_0000));
    assert_eq!(slot.to_string(), "priority=1,successful");
    let all = Attributes::NONE
        .with(AttributeFlag::Required)
        .with(AttributeFlag::NoBlockIo)
        .with(AttributeFlag::LegacyBoot)
        .with(AttributeFlag::GrowFs)
        .with(AttributeFlag::ReadOnly)
        .with(AttributeFlag::NoAuto);
    assert_eq!(all.0, 0b111 | 1 << 59 | 1 << 60 | 1 << 63);
    let tries = slot.with_tries(15).unwrap();
    assert_eq!((tries.priority(), tries.tries()), (1, 15));
    assert_eq!(tries.with_tries(0), Ok(slot));
    assert!(slot.with_priority(16).is_err());
    let wrong = "leagcy-boot".parse::<Attributes>().unwrap_err().to_string();
    assert!(wrong.contains("did you mean legacy-boot"), "{wrong}");
    assert!("tries=16".parse::<Attributes>().is_err());
    assert!("tries=x".parse::<Attributes>().is_err());
}

/// A partition request with nothing but number and size; the GUID is made of the number.
fn wanted(number: u32, size: PartitionSize) -> PartitionRequest {
    PartitionRequest {
        number,
        label: format!("P{number}"),
        kind: PartitionType::LINUX,
        guid: Uuid::from_u128(0x1000 + u128::from(number)),
        first: None,
        size,
        attributes: Attributes::NONE,
        active: false,
    }
}

fn sectors(number: u32, sectors: u64) -> PartitionRequest {
    wanted(number, PartitionSize::Sectors(sectors))
}

fn gpt(partitions: Vec<PartitionRequest>) -> LayoutRequest {
    LayoutRequest {
        sector_size: SectorSize::B512,
        scheme: SchemeRequest::Gpt(GptScheme::new(Uuid::from_u128(1))),
        partition_alignment: 2048,
        disk_alignment: 2048,
        disk_sectors: None,
        partitions,
    }
}

fn mbr(partitions: Vec<PartitionRequest>) -> LayoutRequest {
    LayoutRequest {
        scheme: SchemeRequest::Mbr { signature: 7 },
        ..gpt(partitions)
    }
}

fn firsts(layout: &DiskLayout) -> Vec<u64> {
    layout.partitions.iter().map(|p| p.first.0).collect()
}

#[test]
fn the_kurmaos_disk_comes_out_as_its_scripts_made_it() {
    let request = |root| LayoutRequest {
        partition_alignment: 4096,
        disk_alignment: 258_048,
        ..gpt(vec![
            sectors(1, 524_288),
            sectors(2, 4096),
            sectors(3, 4096),
            sectors(4, 4096),
            sectors(5, 262_144),
            sectors(6, root),
        ])
    };
    let base = request(2_097_152).arrange().unwrap();
    assert_eq!(
        firsts(&base),
        [4096, 528_384, 532_480, 536_576, 540_672, 802_816]
    );
    assert_eq!(base.sectors, 3_096_576);
    let vm = request(12_943_360).arrange().unwrap();
    assert_eq!(firsts(&vm), firsts(&base));
    assert_eq!(vm.sectors, 54 * 258_048);
    assert_eq!(
        (base.first_usable(), base.usable_end()),
        (Lba(34), Lba(3_096_576 - 33))
    );
}

#[test]
fn one_partition_takes_the_rest() {
    let rest = |number| wanted(number, PartitionSize::Rest);
    let mut request = gpt(vec![
        sectors(1, 100),
        rest(2),
        sectors(3, 5000),
        sectors(9, 2048),
    ]);
    request.disk_sectors = Some(1 << 20);
    let layout = request.arrange().unwrap();
    // Packed against the backup table: 9 takes a unit, 3 takes three, 2 what is left.
    let last = (1 << 20) - 2 * 2048;
    assert_eq!(firsts(&layout), [2048, 4096, last - 3 * 2048, last]);
    assert_eq!(layout.partition(2).unwrap().end(), Lba(last - 3 * 2048));
    assert_eq!(layout.sectors, 1 << 20);

    let fault = |request: &LayoutRequest| match request.arrange().unwrap_err() {
        LayoutError::Partition { partition, fault } => (partition.number, fault),
        other => panic!("{other}"),
    };
    request.partitions[2].size = PartitionSize::Rest;
    assert!(matches!(
        fault(&request),
        (3, PartitionFault::SecondRest { .. })
    ));
    let mut nothing = gpt(vec![sectors(1, 100_000), rest(2)]);
    assert_eq!(fault(&nothing), (2, PartitionFault::RestWithoutDisk));
    nothing.disk_sectors = Some(102_400);
    assert_eq!(fault(&nothing), (2, PartitionFault::RestEmpty));
}

#[test]
fn explicit_places_are_kept() {
    let mut request = gpt(vec![sectors(1, 10), sectors(2, 10), sectors(3, 10)]);
    request.partitions[1].first = Some(Lba(9001));
    assert_eq!(firsts(&request.arrange().unwrap()), [2048, 9001, 10_240]);
    request.partitions[1].first = Some(Lba(2049));
    let error = request.arrange().unwrap_err().to_string();
    assert_eq!(
        error,
        "partition 2 (P2): first: LBA 2049: overlaps partition 1 (P1), which ends before LBA 2058"
    );
    request.partitions[1].first = Some(Lba(33));
    let error = request.arrange().unwrap_err();
    assert_eq!(error.field(), "first");
}

#[test]
fn logical_partitions_get_a_container() {
    let mut parts: Vec<_> = [1, 2, 5, 6, 7].map(|number| sectors(number, 4096)).into();
    let layout = mbr(parts.clone()).arrange().unwrap();
    assert_eq!(firsts(&layout), [2048, 6144, 12_288, 18_432, 24_576]);
    let Scheme::Mbr(scheme) = &layout.scheme else {
        panic!("{:?}", layout.scheme)
    };
    let extended = scheme.extended.unwrap();
    assert_eq!(
        (extended.number, extended.first, extended.sectors),
        (3, Lba(10_240), 18_432)
    );

    parts[1].number = 3;
    parts.insert(2, sectors(2, 10));
    parts.insert(3, sectors(4, 10));
    let error = mbr(parts).arrange().unwrap_err();
    assert_eq!(
        (error.field(), error.to_string().contains("free primary")),
        ("number", true)
    );
    let gap = mbr(vec![sectors(5, 1), sectors(7, 1)])
        .arrange()
        .unwrap_err();
    assert!(gap.to_string().contains("here 6"), "{gap}");
}

/// What each bad request is told: the start of the message, after the partition's name.
#[test]
fn bad_requests_name_partition_and_field() {
    let gpt_with = |change: fn(&mut PartitionRequest)| {
        let mut request = gpt(vec![sectors(1, 8), sectors(2, 8)]);
        change(&mut request.partitions[1]);
        request
    };
    let mbr_with = |change: fn(&mut PartitionRequest)| LayoutRequest {
        scheme: SchemeRequest::Mbr { signature: 0 },
        ..gpt_with(change)
    };
    let table = [
        (
            gpt_with(|p| p.number = 0),
            "0 (P2): number: partitions are numbered from 1",
        ),
        (
            gpt_with(|p| p.number = 1),
            "1 (P2): number: the number is taken",
        ),
        (
            gpt_with(|p| p.number = 129),
            "129 (P2): number: the table has no entry above 128",
        ),
        (gpt_with(|p| p.label = "ü".repeat(37)), "2 (üüü"),
        (
            gpt_with(|p| p.label = "a\0b".into()),
            "2 (a\\0b): label: a label can't contain",
        ),
        (
            gpt_with(|p| p.kind = PartitionType::from_mbr(0xa5)),
            "2 (P2): type: the type has no",
        ),
        (
            gpt_with(|p| p.kind = PartitionType::from_guid(Uuid::nil())),
            "2 (P2): type: the table",
        ),
        (
            gpt_with(|p| p.guid = Uuid::nil()),
            "2 (P2): guid: the partition's GUID is all zeros",
        ),
        (
            gpt_with(|p| p.guid = Uuid::from_u128(0x1001)),
            "2 (P2): guid: partition 1 (P1) has",
        ),
        (
            gpt_with(|p| p.size = PartitionSize::Sectors(0)),
            "2 (P2): size: a partition needs",
        ),
        (
            gpt_with(|p| p.active = true),
            "2 (P2): active: a GPT has no active flag",
        ),
        (
            mbr_with(|p| p.attributes = Attributes(4)),
            "2 (P2): attributes: an MBR stores no",
        ),
        (
            mbr_with(|p| p.kind = PartitionType::BIOS_BOOT),
            "2 (P2): type: the type has no code",
        ),
        (
            mbr_with(|p| p.kind = PartitionType::from_mbr(0xee)),
            "2 (P2): type: the table itself",
        ),
        (
            mbr_with(|p| p.size = PartitionSize::Sectors(1 << 32)),
            "2 (P2): size: an MBR holds",
        ),
        (
            mbr_with(|p| p.first = Some(Lba(1 << 32))),
            "2 (P2): size: an MBR holds",
        ),
        (
            mbr_with(|p| p.number = 61),
            "61 (P2): number: the table has no entry above 60",
        ),
    ];
    for (request, expected) in table {
        let error = request.arrange().unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("partition {expected}")), "{text}");
        assert!(text.contains(&format!(": {}: ", error.field())), "{text}");
    }
    let long = gpt_with(|p| p.label = "𝄞".repeat(19))
        .arrange()
        .unwrap_err();
    assert!(long.to_string().contains("38 UTF-16 units"), "{long}");
    assert!(gpt_with(|p| p.label = "𝄞".repeat(18)).arrange().is_ok());
}

#[test]
fn bad_disks_name_the_field() {
    let disk = |change: fn(&mut LayoutRequest)| {
        let mut request = gpt(vec![sectors(1, 8)]);
        change(&mut request);
        match request.arrange().unwrap_err() {
            LayoutError::Disk(fault) => fault,
            other => panic!("{other}"),
        }
    };
    assert_eq!(
        disk(|r| r.partition_alignment = 0).field(),
        "partition-alignment"
    );
    assert_eq!(disk(|r| r.disk_alignment = 0).field(), "disk-alignment");
    let small = disk(|r| r.disk_sectors = Some(2048));
    assert_eq!(
        small,
        DiskFault::TooSmall {
            sectors: 2048,
            needed: 2048 + 8 + 33
        }
    );
    let huge = disk(|r| r.partitions[0].size = PartitionSize::Sectors(u64::MAX - 2048));
    assert_eq!(huge, DiskFault::TooLarge);
    let beyond_bytes = disk(|r| r.partitions[0].size = PartitionSize::Sectors(1 << 60));
    assert_eq!(beyond_bytes, DiskFault::TooLarge);
    for entries in [0, 127, 16_385, u32::MAX] {
        let mut request = gpt(vec![]);
        request.scheme = SchemeRequest::Gpt(GptScheme {
            entries,
            ..GptScheme::new(Uuid::from_u128(1))
        });
        assert_eq!(
            request.arrange().unwrap_err().field(),
            "entries",
            "{entries}"
        );
    }
    let nil = disk(|r| r.scheme = SchemeRequest::Gpt(GptScheme::new(Uuid::nil())));
    assert_eq!(nil, DiskFault::GuidNil);
}

proptest! {
    #[test]
    fn printed_sizes_read_back(bytes in any::<u64>(), shift in 0_u32..50) {
        let bytes = bytes >> shift << (shift / 2);
        prop_assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
        prop_assert_eq!(Size::Sectors(bytes).to_string().parse(), Ok(Size::Sectors(bytes)));
    }

    #[test]
    fn any_text_is_a_size_or_an_error(text in "[0-9.]{0,30}[ a-zA-Z]{0,4}|.{0,12}") {
        if let Ok(size) = text.parse::<Size>() {
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }
        let _ = text.parse::<PartitionType>();
        let _ = text.parse::<Attributes>();
    }

    #[test]
    fn printed_attributes_and_types_read_back(bits in any::<u64>(), byte in any::<u8>()) {
        prop_assert_eq!(Attributes(bits).to_string().parse(), Ok(Attributes(bits)));
        let kind = PartitionType::from_mbr(byte);
        prop_assert_eq!(kind.mbr(), Some(byte));
        prop_assert_eq!(kind.to_string().parse(), Ok(kind));
    }

    /// Whatever is asked: an error, or aligned partitions in order with nothing between them that
    /// alignment doesn't explain.
    #[test]
    fn partitions_are_aligned_and_packed(
        sizes in prop::collection::vec(1_u64..100_000, 0..12),
        alignment in 1_u64..5000,
        disk_alignment in 1_u64..300_000,
    ) {
        let mut request = gpt((1..).zip(&sizes).map(|(n, s)| sectors(n, *s)).collect());
        request.partition_alignment = alignment;
        request.disk_alignment = disk_alignment;
        let layout = request.arrange().unwrap();
        let mut free_from = 34;
        for (partition, size) in layout.partitions.iter().zip(&sizes) {
            prop_assert_eq!(partition.first.0, u64::next_multiple_of(free_from, alignment));
            prop_assert_eq!(partition.sectors, *size);
            free_from = partition.end().0;
        }
        // One usable sector is the least a GPT has.
        let used = free_from.max(35);
        prop_assert_eq!(layout.sectors, (used + 33).next_multiple_of(disk_alignment));
    }

    #[test]
    fn no_request_panics(
        parts in prop::collection::vec(
            (any::<u8>(), prop::option::of(any::<u64>()), prop::option::of(any::<u64>()), 0_u32..64),
            0..6,
        ),
        alignment in any::<u64>(),
        disk in prop::option::of(any::<u64>()),
        plain in any::<bool>(),
    ) {
        let parts = parts.into_iter().map(|(number, first, size, shift)| {
            let size = size.map_or(PartitionSize::Rest, |s| PartitionSize::Sectors(s >> shift));
            PartitionRequest {
                first: first.map(|first| Lba(first >> shift)),
                ..wanted(number.into(), size)
            }
        });
        let request = if plain { mbr(parts.collect()) } else { gpt(parts.collect()) };
        let request = LayoutRequest {
            partition_alignment: alignment >> 50,
            disk_sectors: disk,
            ..request
        };
        if let Ok(layout) = request.arrange() {
            prop_assert_eq!(layout.faults(), vec![]);
        }
    }
}
