//! Random layouts: clean by every judge, and the same when read back.

use kurmadisk::layout::{
    Attributes, DiskLayout, GptScheme, HybridEntry, LayoutRequest, Lba, PartitionRequest,
    PartitionSize, PartitionType, SchemeRequest, SectorSize,
};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use uuid::Uuid;

use crate::support::{
    assert_gpt_crate_agrees, assert_reads_back, assert_sfdisk_agrees, assert_sgdisk_agrees, built,
    gpt, request, write,
};

/// What a partition is made of beside its number: size, label, attributes, gap before it, GUIDs.
type Parts = (u64, String, u64, u64, u128);

fn partition() -> impl Strategy<Value = Parts> {
    // sgdisk prints names in its own locale: only what every one prints is compared through it.
    let label = "[ -&(-~]{0,34}[!-&(-~]|";
    (1_u64..200_000, label, any::<u64>(), 0_u64..5000, 1_u128..)
}

/// GPT disks with any numbers, gaps, explicit places, sizes, types, attributes, labels.
pub fn gpt_layout() -> impl Strategy<Value = DiskLayout> {
    let entries = 128_u32..700;
    let numbered = entries.prop_flat_map(|entries| {
        (
            Just(entries),
            btree_set(1..=entries, 0..9),
            vec(partition(), 9),
        )
    });
    let alignment = select(vec![1_u64, 8, 63, 2048, 4096]);
    (numbered, alignment, 1_u64..10_000, any::<[bool; 3]>()).prop_map(
        |((entries, numbers, parts), alignment, disk_alignment, [rest, hybrid, active])| {
            let mut partitions: Vec<_> = numbers
                .iter()
                .zip(&parts)
                .map(|(number, parts)| gpt_request(*number, parts))
                .collect();
            if rest && let Some(last) = partitions.last_mut() {
                last.size = PartitionSize::Rest;
            }
            let hybrid = partitions.iter().take(3 * usize::from(hybrid));
            let hybrid = hybrid.map(|partition| HybridEntry {
                number: partition.number,
                mbr_type: 0x0c,
                active,
            });
            LayoutRequest {
                partition_alignment: alignment,
                disk_alignment,
                disk_sectors: rest.then_some(4_000_000),
                scheme: SchemeRequest::Gpt(GptScheme {
                    entries,
                    hybrid: hybrid.collect(),
                    ..GptScheme::new(Uuid::from_u128(5))
                }),
                ..gpt(partitions)
            }
            .arrange()
            .unwrap()
        },
    )
}

fn gpt_request(number: u32, (sectors, label, bits, _, guid): &Parts) -> PartitionRequest {
    let kind = if bits % 2 == 0 {
        PartitionType::from_guid(Uuid::from_u128(guid / 2 + 1))
    } else {
        PartitionType::LINUX
    };
    PartitionRequest {
        label: label.clone(),
        attributes: Attributes(*bits),
        // Different for different numbers whatever the draw.
        guid: Uuid::from_u128((guid << 32) | u128::from(number)),
        ..request(number, *sectors, kind)
    }
}

/// MBR disks with any choice of primary and logical partitions, and gaps between them.
pub fn mbr_layout() -> impl Strategy<Value = DiskLayout> {
    let primary = subsequence(vec![1_u32, 2, 3, 4], 0..=3);
    let alignment = select(vec![1_u64, 63, 2048]);
    (
        primary,
        0_u32..6,
        vec(partition(), 9),
        alignment,
        any::<u32>(),
    )
        .prop_map(
            |(primary, logical, parts, partition_alignment, signature)| {
                let numbers = primary.into_iter().chain(5..5 + logical);
                let mut free_from = 1;
                let mut partitions = Vec::new();
                for (number, (sectors, _, bits, gap, _)) in numbers.zip(parts) {
                    let types = [
                        PartitionType::LINUX,
                        PartitionType::SWAP,
                        PartitionType::FAT16,
                    ];
                    let kind = types[usize::try_from(bits % 3).unwrap()];
                    let first = free_from + gap + 1;
                    free_from = first + sectors;
                    partitions.push(PartitionRequest {
                        first: Some(Lba(first)),
                        active: bits % 5 == 0,
                        ..request(number, sectors, kind)
                    });
                }
                LayoutRequest {
                    partition_alignment,
                    scheme: SchemeRequest::Mbr { signature },
                    ..gpt(partitions)
                }
                .arrange()
                .unwrap()
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn gpt_disks_are_clean_and_read_back(layout in gpt_layout()) {
        let map = built(&layout);
        assert_reads_back(&map, &layout);
        assert_gpt_crate_agrees(&map, &layout);
        let image = write(&map);
        assert_sgdisk_agrees(image.path(), &layout);
    }

    #[test]
    fn mbr_disks_are_clean_and_read_back(layout in mbr_layout()) {
        let map = built(&layout);
        assert_reads_back(&map, &layout);
        let image = write(&map);
        assert_sfdisk_agrees(image.path(), &layout);
    }

    #[test]
    fn labels_of_any_characters_read_back(label in "\\PC{0,36}", size in select(SectorSize::ALL.to_vec())) {
        prop_assume!(label.encode_utf16().count() <= 36);
        let mut wanted = gpt(vec![request(1, 8, PartitionType::LINUX)]);
        wanted.partitions[0].label = label;
        wanted.sector_size = size;
        let layout = wanted.arrange().unwrap();
        assert_reads_back(&built(&layout), &layout);
    }
}
