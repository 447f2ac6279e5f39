//! monolithicSparse files and descriptors that break rules.

use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::lint;

use super::surgery::{patched, put, replaced};
use super::{Case, Judge, broken, case, sample_image};
use crate::support::{SECTOR, number};

const DESCRIPTOR: &str = "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n\
    createType=\"monolithicFlat\"\n\nRW 2048 FLAT \"disk-flat.vmdk\" 0\n\nddb.adapterType = \"ide\"\n";

fn descriptor(old: &str, new: &str) -> Vec<u8> {
    assert!(DESCRIPTOR.contains(old));
    DESCRIPTOR.replace(old, new).into_bytes()
}

fn edited(old: &str, new: &str) -> Vec<u8> {
    replaced(sample_image(ImageFormat::Vmdk), old, new, ' ')
}

pub fn cases() -> Vec<Case> {
    let mut cases = headers();
    cases.extend(descriptors());
    cases
}

/// Headers and grain tables.
fn headers() -> Vec<Case> {
    let sparse = sample_image(ImageFormat::Vmdk);
    let (copy, directory) = (number::<8>(&sparse, 48), number::<8>(&sparse, 56));
    let second = directory * SECTOR + 4;
    let table = number::<4>(&sparse, directory * SECTOR) * SECTOR;
    let qemu = Judge::Qemu("vmdk");
    let patched = |patches: &[(u64, &[u8])]| patched(ImageFormat::Vmdk, patches);
    let copies = usize::try_from(copy * SECTOR).unwrap();
    let first_copy = sparse[copies..copies + 4].to_vec();
    vec![
        case("vmdk-version-2", "version 2", patched(&[(4, &[2])])),
        case("vmdk-capacity-zero", "is 0", patched(&[(12, &[0; 8])])).refused_by(qemu),
        case("vmdk-capacity", "143361", edited("RW 143362", "RW 143361")),
        case(
            "vmdk-too-large",
            "sectors",
            patched(&[(12, &[1, 0, 0, 0, 1])]),
        ),
        case("vmdk-unclean", "is 1", patched(&[(72, &[1])])),
        case("vmdk-gde-zero", "entry 1 at", patched(&[(second, &[0; 4])])),
        case(
            "vmdk-redundant-tables",
            "differ",
            patched(&[(table + 400, &[7])]),
        ),
        case(
            "vmdk-redundant-tables",
            "its copy at sector",
            patched(&[(directory * SECTOR, &first_copy)]),
        ),
        case("vmdk-not-for-esxi", "monolithicSparse", sparse.clone()),
        case("vmdk-not-stream", "monolithicSparse", sparse),
    ]
}

/// Descriptors, embedded and by themselves.
fn descriptors() -> Vec<Case> {
    let qemu = Judge::Qemu("vmdk");
    let patched = |patches: &[(u64, &[u8])]| patched(ImageFormat::Vmdk, patches);
    vec![
        case(
            "vmdk-subformat",
            "monolithicFlat",
            DESCRIPTOR.as_bytes().to_vec(),
        )
        .refused_by(Judge::OpenStack),
        case("vmdk-descriptor-place", "sector 2", moved_descriptor())
            .refused_by(Judge::OpenStack)
            .refused_by(qemu),
        case(
            "vmdk-descriptor-lines",
            "not ASCII",
            patched(&[(512 + 3, &[0xC4])]),
        )
        .refused_by(Judge::OpenStack),
        case(
            "vmdk-descriptor-lines",
            "no extent",
            edited("RW 143362 SPARSE \"disk.img\"", "#"),
        )
        .refused_by(Judge::OpenStack),
        case(
            "vmdk-descriptor-lines",
            "a/k.img",
            edited("disk.img", "a/k.img"),
        )
        .refused_by(Judge::OpenStack),
        case(
            "vmdk-descriptor-lines",
            "encoding of",
            descriptor("version=1", "encoding of text"),
        )
        .refused_by(Judge::OpenStack),
        case(
            "vmdk-descriptor-head",
            "# Disk Description",
            edited("# Disk DescriptorFile", "# Disk Description"),
        ),
        case(
            "vmdk-descriptor-order",
            "comes too late",
            descriptor("RW 2048", "ddb.x = \"1\"\nRW 2048"),
        ),
        case("vmdk-descriptor-room", "1024 bytes are used", {
            let mut bytes = patched(&[(36, &[2])]);
            let text = usize::try_from(SECTOR).unwrap();
            let end = bytes[text..].iter().position(|byte| *byte == 0).unwrap();
            bytes[text + end..text + 1024].fill(b'\n');
            bytes
        }),
        case(
            "vmdk-cid-order",
            "comes first",
            descriptor(
                "CID=12345678\nparentCID=ffffffff",
                "parentCID=ffffffff\nCID=12345678",
            ),
        ),
        case(
            "vmdk-parent",
            "1234567f",
            edited("parentCID=ffffffff", "parentCID=1234567f"),
        )
        .refused_by(Judge::SevenZip),
        case(
            "vmdk-adapter-type",
            "\"pvscsi\"",
            edited("\"lsilogic\"", "\"pvscsi\""),
        ),
    ]
}

/// The descriptor one sector further on, where there is room for it.
fn moved_descriptor() -> Vec<u8> {
    let mut bytes = sample_image(ImageFormat::Vmdk);
    let text = bytes[512..512 + 1024].to_vec();
    put(&mut bytes, 28, &[2]);
    put(&mut bytes, 36, &[19]);
    put(&mut bytes, 512, &[0; 512]);
    put(&mut bytes, 1024, &text);
    bytes
}

#[test]
fn the_files_of_a_descriptor_are_looked_for_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("disk.vmdk");
    let broken = |text: &str| {
        std::fs::write(&path, text).unwrap();
        broken(&lint::file(&path).unwrap()).contains("vmdk-extent-missing")
    };
    assert!(broken(DESCRIPTOR));
    std::fs::write(dir.path().join("disk-flat.vmdk"), vec![1; 2047 * 512]).unwrap();
    assert!(broken(DESCRIPTOR), "it is too short");
    std::fs::write(dir.path().join("disk-flat.vmdk"), vec![1; 2048 * 512]).unwrap();
    assert!(!broken(DESCRIPTOR));
    for outside in ["../disk-flat.vmdk", "/etc/passwd", "."] {
        assert!(broken(&DESCRIPTOR.replace("disk-flat.vmdk", outside)));
    }
}

#[test]
fn a_file_with_holes_is_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let map = super::sample();
    let path = crate::support::image_file(dir.path(), ImageFormat::VhdFixed, &map);
    assert!(broken(&lint::file(&path).unwrap()).contains("host-sparse"));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    assert!(!broken(&lint::file(&path).unwrap()).contains("host-sparse"));
}
