//! VHD and VHDX files that break rules.

use kurmadisk_fixtures::oracle;
use kurmadisk_formats::image::ImageFormat;

use super::surgery::{patched, put};
use super::{Case, Judge, case, sample, sample_image};
use crate::support::{KIB, MIB, crc32c, disk, image, number, options};

/// The VHD with these bytes in its footer, and in the footer's copy when there is one; its checksums right.
fn footer(format: ImageFormat, patches: &[(u64, &[u8])]) -> Vec<u8> {
    let mut bytes = sample_image(format);
    let mut places = vec![bytes.len() as u64 - 512];
    places.extend((format == ImageFormat::Vhd).then_some(0));
    for place in places {
        for (at, with) in patches {
            put(&mut bytes, place + at, with);
        }
        seal(&mut bytes, place, 512, 64);
    }
    bytes
}

/// Gives the structure at `at` the sum that the VHD specification defines.
fn seal(bytes: &mut [u8], at: u64, len: u64, field: u64) {
    put(bytes, at + field, &[0; 4]);
    let start = usize::try_from(at).unwrap();
    let structure = &bytes[start..start + usize::try_from(len).unwrap()];
    let sum: u32 = structure.iter().copied().map(u32::from).sum();
    put(bytes, at + field, &(!sum).to_be_bytes());
}

/// Gives the structure of a VHDX at `at` its CRC.
fn seal_crc(bytes: &mut [u8], at: u64, len: u64) {
    put(bytes, at + 4, &[0; 4]);
    let start = usize::try_from(at).unwrap();
    let crc = crc32c(&bytes[start..start + usize::try_from(len).unwrap()]);
    put(bytes, at + 4, &crc.to_le_bytes());
}

pub fn cases() -> Vec<Case> {
    let mut cases = vhd();
    cases.extend(vhdx());
    cases
}

fn vhd() -> Vec<Case> {
    let fixed = |patches: &[(u64, &[u8])]| footer(ImageFormat::VhdFixed, patches);
    let dynamic = |patches: &[(u64, &[u8])]| footer(ImageFormat::Vhd, patches);
    let whole = sample_image(ImageFormat::Vhd);
    let mut unsealed = whole.clone();
    let last = whole.len() as u64 - 512;
    put(&mut unsealed, last + 64, &[0; 4]);
    let without_footer = whole[..whole.len() - 512].to_vec();
    let mut long = sample_image(ImageFormat::VhdFixed);
    let end = long.len() - 512;
    long.splice(end..end, [0; 512]);
    let header_offset = {
        let mut bytes = whole.clone();
        put(&mut bytes, 512 + 8, &[0; 4]);
        seal(&mut bytes, 512, 1024, 36);
        bytes
    };
    let header_sum = patched(ImageFormat::Vhd, &[(512 + 36, &[0; 4])]);
    let small = disk(19 * MIB, &[(0, vec![1])]);
    vec![
        case("vhd-checksum", "checksum of the footer", unsealed).refused_by(Judge::SevenZip),
        case("vhd-checksum", "checksum of the dynamic header", header_sum)
            .refused_by(Judge::SevenZip),
        case("vhd-footer", "last sector", without_footer).refused_by(Judge::SevenZip),
        case(
            "vhd-footer-copy",
            "differs",
            patched(ImageFormat::Vhd, &[(24, &[9; 4])]),
        ),
        case("vhd-parent", "differencing", fixed(&[(60, &[0, 0, 0, 4])]))
            .refused_by(Judge::Qemu("vpc")),
        case("vhd-not-fixed", "dynamic", whole),
        case("vhd-taken-for-raw", "fixed", fixed(&[])),
        case(
            "vhd-size-not-mib",
            "1024 more than",
            sample_image(ImageFormat::VhdFixed),
        ),
        case(
            "vhd-size-range",
            "19922944",
            image(ImageFormat::VhdFixed, &small, &options(1)),
        ),
        case("vhd-file-size", "in a file of 73402368", long),
        case(
            "vhd-too-large",
            "bytes",
            dynamic(&[(48, &(2041_u64 << 30).to_be_bytes())]),
        ),
        case("vhd-chs-size", "\"qemu\"", dynamic(&[(28, b"qemu")])).refused_by(Judge::Qemu("vpc")),
        case("vhd-chs-rounded", "3 heads and 9 sectors", {
            // 1,000 cylinders of 3 heads and 9 sectors: 27,000 sectors.
            let size = 27_000_u64 * 512;
            dynamic(&[(48, &size.to_be_bytes()), (56, &[3, 0xE8, 3, 9])])
        }),
        case("vhd-null-uuid", "null", fixed(&[(68, &[0; 16])])),
        case("vhd-creator-os", "Mac ", fixed(&[(36, b"Mac ")])),
        case("vhd-saved-state", "is 1", fixed(&[(84, &[1])])),
        case("vhd-header-offset", "ffffffff", header_offset),
    ]
}

fn vhdx() -> Vec<Case> {
    let whole = sample_image(ImageFormat::Vhdx);
    let (first, second) = (64 * KIB, 128 * KIB);
    let sequence = {
        let mut bytes = whole.clone();
        let of_first = number::<8>(&bytes, first + 8).to_le_bytes();
        put(&mut bytes, second + 8, &of_first);
        // Two different headers.
        put(&mut bytes, second + 16, &[1; 16]);
        seal_crc(&mut bytes, second, 4 * KIB);
        bytes
    };
    let required = {
        let mut bytes = whole.clone();
        for table in [192 * KIB, 256 * KIB] {
            put(&mut bytes, table + 16 + 28, &[0; 4]);
            seal_crc(&mut bytes, table, 64 * KIB);
        }
        bytes
    };
    let log = {
        let mut bytes = whole.clone();
        for header in [first, second] {
            put(&mut bytes, header + 48, &[7; 16]);
            seal_crc(&mut bytes, header, 4 * KIB);
        }
        put(&mut bytes, MIB, b"loge");
        put(&mut bytes, MIB + 32, &[7; 16]);
        bytes
    };
    // The metadata's items are in the order of the specification, 64 KiB behind its table.
    let items = 2 * MIB + 64 * KIB;
    let cut = whole[..whole.len() - 512].to_vec();
    vec![
        case("vhdx-checksum", "first region table", {
            patched(ImageFormat::Vhdx, &[(192 * KIB + 4, &[0; 4])])
        })
        .refused_by(Judge::Qemu("vhdx")),
        case("vhdx-checksum", "second header", {
            patched(ImageFormat::Vhdx, &[(second + 4, &[0; 4])])
        })
        .refused_by(Judge::SevenZip),
        case("vhdx-sequence", "both headers", sequence).refused_by(Judge::Qemu("vhdx")),
        case("vhdx-required", "not required", required),
        case("vhdx-log", "waits", log).refused_by(Judge::SevenZip),
        case(
            "vhdx-parent",
            "parent",
            patched(ImageFormat::Vhdx, &[(items + 4, &[2])]),
        )
        .refused_by(Judge::Qemu("vhdx")),
        case("vhdx-sector-size", "4096", large_sectors()),
        case("vhdx-last-block", "reach past", cut).refused_by(Judge::SevenZip),
        case(
            "vhdx-null-uuid",
            "null",
            patched(ImageFormat::Vhdx, &[(items + 16, &[0; 16])]),
        ),
    ]
}

/// The disk with sectors of 4096 bytes.
fn large_sectors() -> Vec<u8> {
    let mut options = options(1);
    options.sector_size = 4096;
    image(ImageFormat::Vhdx, &sample(), &options)
}

#[test]
fn qemu_opens_no_disk_with_large_sectors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("disk.vhdx");
    std::fs::write(&path, sample_image(ImageFormat::Vhdx)).unwrap();
    oracle::qemu_img_info_json(&path, "vhdx").unwrap();
    std::fs::write(&path, large_sectors()).unwrap();
    assert!(oracle::qemu_img_info_json(&path, "vhdx").is_err());
}
