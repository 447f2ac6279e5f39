//! VDI and qcow2 files that break rules, and what is of no format.

use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::lint::{self, Platform};

use super::surgery::patched;
use super::{Case, Judge, case, look, refused, sample_image};

pub fn cases() -> Vec<Case> {
    let vdi = |patches: &[(u64, &[u8])]| patched(ImageFormat::Vdi, patches);
    let qcow2 = |patches: &[(u64, &[u8])]| patched(ImageFormat::Qcow2, patches);
    let (of_vdi, of_qcow2) = (Judge::Qemu("vdi"), Judge::Qemu("qcow2"));
    vec![
        case("vdi-null-uuid", "null", vdi(&[(0x198, &[0; 16])])),
        case("vdi-parent", "01010101-", vdi(&[(0x1A8, &[1; 16])])).refused_by(of_vdi),
        case("vdi-block-size", "524288", vdi(&[(0x178, &[0, 0, 8, 0])])).refused_by(of_vdi),
        case("vdi-sector-size", "1024", vdi(&[(0x168, &[0, 4])])).refused_by(of_vdi),
        case("vdi-sector-size", "logical", vdi(&[(0x1D4, &[0, 4])])),
        case("vdi-allocated-count", "says 77", vdi(&[(0x184, &[77])])).refused_by(Judge::SevenZip),
        case("qcow2-version", "version 1", qcow2(&[(7, &[1])]))
            .refused_by(Judge::OpenStack)
            .refused_by(of_qcow2),
        case("qcow2-backing-file", "byte 512", qcow2(&[(14, &[2])]))
            .refused_by(Judge::OpenStack)
            .refused_by(Judge::SevenZip),
        case("qcow2-data-file", "external", qcow2(&[(79, &[4])]))
            .refused_by(Judge::OpenStack)
            .refused_by(of_qcow2),
        case("qcow2-encrypted", "method 2", qcow2(&[(35, &[2])])).refused_by(of_qcow2),
        case("qcow2-extended-l2", "subclusters", qcow2(&[(79, &[16])]))
            .refused_by(Judge::OpenStack),
        case("qcow2-zstd", "zstd", qcow2(&[(79, &[8]), (103, &[112, 1])]))
            .refused_by(Judge::SevenZip),
        case("qcow2-dirty", "dirty", qcow2(&[(79, &[1])])),
        case("qcow2-corrupt", "corrupt", qcow2(&[(79, &[2])])),
        case("qcow2-unknown-feature", "bit 7", qcow2(&[(79, &[128])]))
            .refused_by(Judge::OpenStack)
            .refused_by(of_qcow2),
        case("qcow2-snapshots", "are 1", qcow2(&[(63, &[1])])),
        case("damaged", "block map", vdi(&[(0x154, &[0xFF; 4])])),
        case("unread", "version 2.0", vdi(&[(0x44, &[0, 0, 2, 0])])),
        case("format", "qcow2", sample_image(ImageFormat::Qcow2)),
        case("format-detour", "qm disk import", {
            sample_image(ImageFormat::Vhdx)
        }),
    ]
}

#[test]
fn each_platform_takes_its_formats() {
    use ImageFormat::{Qcow2, Raw, Vdi, VhdFixed, Vhdx, Vmdk};
    for (platform, taken) in [
        (Platform::Vmware, &[Vmdk][..]),
        (Platform::VirtualBox, &[Vdi, Vmdk, VhdFixed, Vhdx, Qcow2]),
        (Platform::Azure, &[VhdFixed]),
        (Platform::Gce, &[Vdi, Vmdk, VhdFixed, Vhdx, Qcow2]),
        (Platform::Aws, &[Raw, Vmdk, VhdFixed, Vhdx]),
        (Platform::HyperV, &[VhdFixed, Vhdx]),
        (
            Platform::OpenStack,
            &[Raw, Vdi, Vmdk, VhdFixed, Vhdx, Qcow2],
        ),
        (Platform::Proxmox, &[Raw, Vdi, Vmdk, VhdFixed, Vhdx, Qcow2]),
    ] {
        for format in [Raw, Vdi, Vmdk, VhdFixed, Vhdx, Qcow2] {
            let refused = refused(&look(&sample_image(format)), platform);
            let by_format = refused.iter().any(|name| name.starts_with("format "));
            assert_eq!(by_format, !taken.contains(&format), "{platform} {format}");
        }
    }
}

#[test]
fn what_is_no_image_is_a_raw_one() {
    for bytes in [&b""[..], b"short", &[1; 1000]] {
        let linted = look(bytes);
        assert_eq!(linted.format, "raw");
        assert_eq!(linted.size, Some(bytes.len() as u64));
        assert!(refused(&linted, Platform::Proxmox).is_empty());
    }
    let absent = lint::file(std::path::Path::new("/nonexistent/image")).unwrap_err();
    assert!(absent.to_string().contains("/nonexistent/image"));
}
