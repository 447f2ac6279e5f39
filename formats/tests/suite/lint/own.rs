//! What this library writes breaks no rule of the platforms that take it.

use kurmadisk_fixtures::oracle;
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::lint::{self, Linted, Platform, Severity, judge};
use kurmadisk_formats::map::DiskMap;

use super::{broken, refused};
use crate::support::{GIB, MIB, SECTOR, disk, image_file, noise, prose, qemu_name};

/// Drawbacks of a format, or of a file with holes, that no image of it can be without.
const OF_THE_FORMAT: [&str; 5] = [
    "qcow2-zstd",
    "vmdk-not-for-esxi",
    "vhd-taken-for-raw",
    "format-detour",
    "host-sparse",
];

fn look(format: ImageFormat, map: &DiskMap) -> Linted {
    let dir = tempfile::tempdir().unwrap();
    lint::file(&image_file(dir.path(), format, map)).unwrap()
}

/// Who takes what; Azure, GCE and Hyper-V have demands on sizes and files besides.
fn takers(format: ImageFormat) -> &'static [Platform] {
    use Platform::{Aws, Azure, HyperV, OpenStack, Proxmox, VirtualBox, Vmware};
    match format {
        ImageFormat::Raw | ImageFormat::RawFixed => &[Aws, OpenStack, Proxmox],
        ImageFormat::Vmdk => &[Vmware, VirtualBox, OpenStack, Proxmox],
        ImageFormat::VmdkFlat | ImageFormat::VmdkSplit => &[Vmware, VirtualBox, Proxmox],
        ImageFormat::VmdkStream => &[Vmware, VirtualBox, Aws, OpenStack, Proxmox],
        ImageFormat::VhdFixed => &[Azure, HyperV, VirtualBox, Aws, OpenStack, Proxmox],
        ImageFormat::Vhd | ImageFormat::Vhdx | ImageFormat::VhdxFixed => {
            &[HyperV, VirtualBox, Aws, OpenStack, Proxmox]
        }
        ImageFormat::Qcow2Zstd => &[OpenStack, Proxmox],
        _ => &[VirtualBox, OpenStack, Proxmox],
    }
}

#[test]
fn images_of_whole_mib_are_taken() {
    let maps = [
        DiskMap::new(20 * MIB),
        disk(
            70 * MIB,
            &[
                (0, prose(1, 3 * MIB)),
                (32 * MIB - 5000, noise(2, 10_000)),
                (70 * MIB - 512, noise(3, 512)),
            ],
        ),
        disk(5 * GIB, &[(4 * GIB + MIB, noise(4, 200_000))]),
    ];
    for map in &maps {
        for &format in ImageFormat::ALL {
            if map.len() > GIB && format.name().ends_with("fixed") {
                continue;
            }
            if map.len() > GIB && format == ImageFormat::Raw {
                continue;
            }
            let linted = look(format, map);
            assert_eq!(linted.size, Some(map.len()));
            for &platform in takers(format) {
                let refused = refused(&linted, platform);
                assert!(refused.is_empty(), "{format} for {platform}: {refused:?}");
            }
            let warned = judge(&linted.observations, takers(format));
            let warned: Vec<_> = warned
                .iter()
                .filter(|finding| finding.severity == Severity::Warning)
                .map(|finding| finding.rule.name)
                .filter(|name| !OF_THE_FORMAT.contains(name))
                .collect();
            assert!(warned.is_empty(), "{format}: {warned:?}");
        }
    }
}

#[test]
fn only_azure_minds_an_odd_number_of_sectors() {
    let map = disk(33 * MIB + SECTOR, &[(33 * MIB, noise(1, 512))]);
    for &format in ImageFormat::ALL {
        let linted = look(format, &map);
        for &platform in takers(format).iter().filter(|t| **t != Platform::Azure) {
            let refused = refused(&linted, platform);
            assert!(refused.is_empty(), "{format} for {platform}: {refused:?}");
        }
    }
    let fixed = look(ImageFormat::VhdFixed, &map);
    assert!(broken(&fixed).contains("vhd-size-not-mib"));
}

#[test]
fn openstack_s_own_checks_find_nothing() {
    let map = disk(20 * MIB, &[(MIB, noise(1, 100_000))]);
    let dir = tempfile::tempdir().unwrap();
    for &format in ImageFormat::ALL.iter().filter(|format| !format.has_parts()) {
        let path = image_file(dir.path(), format, &map);
        let taken_for = oracle::openstack_checks(&path).unwrap();
        let expected = match format {
            // There is no footer at its begin.
            ImageFormat::VhdFixed => "raw",
            ImageFormat::Vhd => "vhd",
            format => qemu_name(format),
        };
        assert_eq!(taken_for, expected, "{format}");
    }
}
