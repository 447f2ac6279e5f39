//! FAT12, FAT16 and FAT32: what boot sector, `FSInfo` and the root directory's label say.

use std::io;

use kurmadisk_formats::read_at::ReadAt;
use zerocopy::FromBytes;

use super::report::{FatReport, FilesystemReport};
use crate::fs::fat::FatType;
use crate::fs::fat::read::boot::{
    BootSector, DELETED, END_OF_DIRECTORY, FAT32_FROM, Geometry, NoGeometry,
};
use crate::fs::fat::read::table;
use crate::fs::fat::spec::{
    ATTR_DIRECTORY, ATTR_LONG_NAME, ATTR_VOLUME_ID, BOOT_SECTOR_LEN, ENTRY_LEN, FIRST_CLUSTER,
    FsInfo, NO_LABEL, ShortEntry,
};

/// How much of the root directory is searched for the label, which is its first entry as a rule.
const ROOT_SEARCHED: u64 = 64 << 10;

/// What the volume, whose begin is `head`, says of itself, if it is a FAT volume.
pub(super) fn read(
    volume: &dyn ReadAt,
    head: &[u8],
    problems: &mut Vec<String>,
) -> Option<FilesystemReport> {
    let boot = BootSector::read(head)?;
    let geometry = match Geometry::of(&boot) {
        Ok(geometry) => geometry,
        Err(NoGeometry::NotFat) => return None,
        Err(NoGeometry::Impossible) => {
            problems.push("its boot sector has impossible sizes for a FAT volume".to_owned());
            return None;
        }
    };
    let identity = boot.identity();
    // A table that cannot be read is told of below, and with the volume's length.
    let clean = table::is_clean(volume, &boot, &geometry).unwrap_or_else(|_| boot.is_clean());
    judge(volume, &geometry, clean, problems);
    let free = free_clusters(&geometry, volume, &boot).unwrap_or_else(|error| {
        problems.push(format!("its table of clusters cannot be read: {error}"));
        None
    });
    let label = root_label(&geometry, volume, &boot).unwrap_or_else(|error| {
        problems.push(format!("its root directory cannot be read: {error}"));
        None
    });
    let own_label = identity.map(|identity| identity.label);
    let label = label.or(own_label.filter(|label| *label != NO_LABEL));
    let serial = identity.map_or(0, |identity| identity.serial.get());
    let cluster = geometry.cluster_size();
    Some(FilesystemReport {
        kind: match geometry.fat_type {
            FatType::Fat12 => "FAT12",
            FatType::Fat16 => "FAT16",
            FatType::Fat32 => "FAT32",
        },
        label: label.map_or_else(String::new, |label| {
            String::from_utf8_lossy(&label)
                .trim_end_matches([' ', '\0'])
                .to_owned()
        }),
        id: format!("{:04X}-{:04X}", serial >> 16, serial & 0xffff),
        size: geometry.total_sectors * geometry.sector_size,
        block_size: cluster,
        blocks: geometry.clusters,
        free: free.map(|clusters| clusters * cluster),
        inodes: None,
        inodes_used: None,
        clean,
        fat: Some(FatReport {
            sector_size: geometry.sector_size,
            reserved_sectors: geometry.reserved,
            tables: geometry.tables,
            table_sectors: geometry.table_sectors,
            root_entries: geometry.root_entries,
            hidden_sectors: boot.bpb.hidden_sectors.get().into(),
        }),
        ext: None,
    })
}

fn judge(volume: &dyn ReadAt, geometry: &Geometry, clean: bool, problems: &mut Vec<String>) {
    let mut problem = |text: &str| problems.push(text.to_owned());
    if geometry.total_sectors * geometry.sector_size > volume.len() {
        problem("the filesystem is larger than its place");
    }
    if geometry.fat_type == FatType::Fat32 && geometry.clusters < FAT32_FROM {
        problem("it has too few clusters for FAT32: UEFI firmware takes it for damaged");
    }
    if !clean {
        problem("the filesystem was not unmounted cleanly");
    }
}

/// Free clusters: counted on FAT12 and FAT16, whose tables have 128 KiB at most; FAT32 says it in
/// its `FSInfo`, if it knows.
fn free_clusters(
    geometry: &Geometry,
    volume: &dyn ReadAt,
    boot: &BootSector,
) -> io::Result<Option<u64>> {
    let fat_type = geometry.fat_type;
    if fat_type == FatType::Fat32 {
        return free_by_info(geometry, volume, boot);
    }
    let entries = geometry.clusters + u64::from(FIRST_CLUSTER);
    let bytes = (entries * u64::from(geometry.fat_type.bits())).div_ceil(8);
    let table = read_bytes(volume, geometry.reserved * geometry.sector_size, bytes)?;
    let first = usize::try_from(FIRST_CLUSTER).map_err(io::Error::other)?;
    let end = usize::try_from(entries).map_err(io::Error::other)?;
    let free = (first..end).filter(|entry| table::entry(fat_type, &table, *entry) == Some(0));
    Ok(Some(free.count() as u64))
}

fn free_by_info(
    geometry: &Geometry,
    volume: &dyn ReadAt,
    boot: &BootSector,
) -> io::Result<Option<u64>> {
    let sector = u64::from(boot.fat32.fat32.fsinfo_sector.get());
    if sector == 0 || sector >= geometry.reserved {
        return Ok(None);
    }
    let mut bytes = [0; BOOT_SECTOR_LEN];
    volume.read_exact_at(sector * geometry.sector_size, &mut bytes)?;
    let info = FsInfo::read_from_bytes(&bytes).map_err(|_| io::ErrorKind::InvalidData)?;
    let free = u64::from(info.free_clusters.get());
    let valid = info.lead_signature == *b"RRaA" && info.signature == *b"rrAa";
    Ok((valid && free <= geometry.clusters).then_some(free))
}

/// The label in the root directory, which counts more than the boot sector's: it is the one that
/// systems change.
fn root_label(
    geometry: &Geometry,
    volume: &dyn ReadAt,
    boot: &BootSector,
) -> io::Result<Option<[u8; 11]>> {
    let root_cluster = u64::from(boot.fat32.fat32.root_cluster.get());
    let (sector, len) = match geometry.fat_type {
        FatType::Fat12 | FatType::Fat16 => {
            let sector = geometry.reserved + geometry.tables * geometry.table_sectors;
            (sector, geometry.root_entries * u64::from(ENTRY_LEN))
        }
        FatType::Fat32 => {
            let number = root_cluster
                .checked_sub(FIRST_CLUSTER.into())
                .filter(|number| *number < geometry.clusters)
                .ok_or_else(|| io::Error::other("it has a cluster that does not exist"))?;
            let sector = geometry.data + number * geometry.sectors_per_cluster;
            (sector, geometry.cluster_size())
        }
    };
    let bytes = read_bytes(
        volume,
        sector * geometry.sector_size,
        len.min(ROOT_SEARCHED),
    )?;
    let entries = bytes
        .chunks_exact(size_of::<ShortEntry>())
        .filter_map(|entry| ShortEntry::read_from_bytes(entry).ok())
        .take_while(|entry| entry.name[0] != END_OF_DIRECTORY);
    Ok(entries.filter(is_label).map(|entry| entry.name).next())
}

fn is_label(entry: &ShortEntry) -> bool {
    entry.name[0] != DELETED
        && entry.attributes & ATTR_LONG_NAME != ATTR_LONG_NAME
        && entry.attributes & (ATTR_VOLUME_ID | ATTR_DIRECTORY) == ATTR_VOLUME_ID
}

/// `len` bytes, which are few, from `offset` on.
fn read_bytes(volume: &dyn ReadAt, offset: u64, len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    volume.read_exact_at(offset, &mut bytes)?;
    Ok(bytes)
}
