//! Images of ours: what is found is what was planned, whatever the container.

use std::ops::ControlFlow;

use ext4_view::Ext4;
use kurmadisk::fs::VolumeSize;
use kurmadisk::fs::fat::{FatOptions, FatPlan, FatType};
use kurmadisk::inspect::{self, ImageReport};
use kurmadisk::{Builder, ImageFormat, Plan};
use kurmadisk_formats::open::ImageStore;
use kurmadisk_formats::read_at::SeekReader;
use serde_json::{Value, json};

use super::support::{bytes, on, problems, small, tree, whole};

/// Everything the plan says, `inspect` says too, under the same names.
fn assert_as_planned(plan: &Plan, report: &ImageReport) {
    let planned = serde_json::to_value(plan.report(false)).unwrap();
    let found = serde_json::to_value(report).unwrap();
    assert_eq!(found["problems"], json!([]));
    assert_eq!(found["size"], planned["size"]);
    let table = &found["table"];
    assert_eq!(table["type"], planned["table"]);
    assert_eq!(table["id"], planned["disk-id"]);
    assert_eq!(table["sector-size"], planned["sector-size"]);
    assert_eq!(table["sectors"], planned["sectors"]);
    let mut partitions = planned["partitions"].as_array().unwrap().clone();
    partitions.sort_by_key(|partition| partition["number"].as_u64());
    let is_mbr = planned["table"] == "mbr";
    if is_mbr {
        for partition in &mut partitions {
            // An MBR has no names.
            partition["label"] = "".into();
        }
    }
    let found = found["partitions"].as_array().unwrap();
    assert_eq!(found.len(), partitions.len());
    for (found, planned) in found.iter().zip(&partitions) {
        assert_holds(found, planned);
    }
}

/// Whether `found` has every field of `planned`, and the same in it.
fn assert_holds(found: &Value, planned: &Value) {
    match planned {
        Value::Object(fields) => {
            for (name, planned) in fields {
                assert_holds(&found[name], planned);
            }
        }
        _ => assert_eq!(found, planned),
    }
}

fn in_every_format(plan: &Plan) -> Vec<ImageReport> {
    let folder = tempfile::tempdir().unwrap();
    let reports: Vec<_> = ImageFormat::ALL
        .iter()
        .map(|format| {
            let path = folder.path().join(format.name());
            plan.write(*format, &path, &mut |_| ControlFlow::Continue(()))
                .unwrap();
            let report = inspect::image(&path).unwrap();
            // Nothing tells that a raw image has no holes.
            let read_as = match format {
                ImageFormat::RawFixed => ImageFormat::Raw,
                other => *other,
            };
            assert_eq!(report.container.format, read_as.name());
            let len = ImageStore::open(&path).unwrap().files_len();
            assert_eq!(report.container.file_size, len);
            assert!(report.container.allocated > 0);
            assert!(report.container.allocated <= report.disk.size);
            report
        })
        .collect();
    let disks: Vec<_> = reports
        .iter()
        .map(|report| serde_json::to_value(&report.disk).unwrap())
        .collect();
    assert_eq!(disks.len(), ImageFormat::ALL.len());
    assert!(disks.iter().all(|disk| *disk == disks[0]));
    reports
}

#[test]
fn every_layout_is_found_as_planned_in_every_format() {
    for layout in ["efi", "bios", "kurmaos"] {
        let plan = Builder::new(format!("test-{layout}"))
            .layout(layout)
            .source_date_epoch(1_700_000_000)
            .root_tree(tree(&[("etc/os-release", b"ID=test\n")]))
            .plan()
            .unwrap();
        for report in in_every_format(&plan) {
            assert_as_planned(&plan, &report);
        }
    }
}

#[test]
fn the_smallest_disk_is_found_as_planned() {
    let plan = small();
    for report in in_every_format(&plan) {
        assert_as_planned(&plan, &report);
        let kinds = report.disk.partitions.iter().map(|p| p.content.kind);
        assert_eq!(kinds.collect::<Vec<_>>(), ["FAT12", "ext4", "empty"]);
    }
}

#[test]
fn kurmaos_shows_its_hybrid_entry_and_its_slots() {
    let plan = Builder::new("k").layout("kurmaos").plan().unwrap();
    let map = plan.disk_map().unwrap();
    let report = inspect::disk(&map.reader());
    let table = serde_json::to_value(&report.table).unwrap();
    let hybrid = json!([{ "number": 1, "type": "0x0c", "active": true }]);
    assert_eq!(table["hybrid"], hybrid);
    assert_eq!(table["entries"], 128);
    let attributes = |number: usize| report.partitions[number - 1].entry.attributes.join(" ");
    assert_eq!(attributes(1), "legacy-boot");
    assert_eq!(attributes(3), "priority=1 successful");
    assert_eq!(attributes(4), "");
    let kinds = report.partitions.iter().map(|p| p.content.kind);
    let expected = ["FAT32", "empty", "empty", "empty", "ext4", "ext4"];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
}

#[test]
fn containers_say_what_they_are() {
    let fact = |report: &ImageReport, name: &str| {
        let facts = serde_json::to_value(&report.container).unwrap();
        facts["facts"][name].as_str().unwrap_or("").to_owned()
    };
    let reports = in_every_format(&small());
    let of = |format: ImageFormat| {
        let at = ImageFormat::ALL.iter().position(|each| *each == format);
        &reports[at.unwrap()]
    };
    let [vdi, vmdk, stream] =
        [ImageFormat::Vdi, ImageFormat::Vmdk, ImageFormat::VmdkStream].map(of);
    assert_eq!(of(ImageFormat::Raw).container.facts, []);
    assert_eq!(fact(vdi, "type"), "dynamic");
    assert_eq!(fact(of(ImageFormat::VdiFixed), "type"), "fixed");
    assert_eq!(fact(vdi, "uuid").len(), 36);
    assert_eq!(fact(vmdk, "create-type"), "monolithicSparse");
    assert_eq!(fact(stream, "create-type"), "streamOptimized");
    assert_eq!(fact(stream, "grain-size"), "65536");
}

/// Free clusters by the `fatfs` crate, which counts them.
#[test]
fn free_clusters_are_what_fatfs_counts() {
    let content = tree(&[("a", &[1; 10_000]), ("dir/a long name.txt", &[2; 777])]);
    for (fat_type, size) in [
        (FatType::Fat12, 1 << 20),
        (FatType::Fat16, 16 << 20),
        (FatType::Fat32, 64 << 20),
    ] {
        let options = FatOptions {
            label: Some("A LABEL".to_owned()),
            serial: 0xcafe_0042,
            fat_type: Some(fat_type),
            ..FatOptions::default()
        };
        let plan = FatPlan::new(content.clone(), VolumeSize::Fixed(size), &options).unwrap();
        let map = plan.build().unwrap();
        let report = inspect::disk(&map.reader());
        let found = whole(&report);
        let device = SeekReader::new(map.reader());
        let volume = fatfs::FileSystem::new(device, fatfs::FsOptions::new()).unwrap();
        let stats = volume.stats().unwrap();
        assert_eq!(found.kind, fat_type.to_string());
        assert_eq!(found.blocks, u64::from(stats.total_clusters()));
        assert_eq!(found.block_size, u64::from(stats.cluster_size()));
        let free = u64::from(stats.free_clusters()) * found.block_size;
        assert_eq!(found.free, Some(free));
        assert_eq!(found.label, volume.volume_label());
        assert_eq!(found.id, "CAFE-0042");
    }
}

/// Label and UUID by the `ext4-view` crate.
#[test]
fn ext4_view_reads_the_same_identity() {
    let disk = bytes(&small().disk_map().unwrap());
    let report = on(&disk);
    assert_eq!(problems(&report), [""; 0]);
    let partition = &report.partitions[1];
    let found = partition.content.filesystem.as_ref().unwrap();
    let start = usize::try_from(partition.entry.start).unwrap();
    let len = usize::try_from(partition.entry.size).unwrap();
    let volume = Ext4::load(Box::new(disk[start..start + len].to_vec())).unwrap();
    assert_eq!(volume.label().to_str().unwrap(), found.label);
    assert_eq!(volume.uuid().to_string(), found.id);
    assert!(volume.exists("/etc/hostname").unwrap());
}
