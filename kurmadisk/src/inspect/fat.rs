//! FAT12, FAT16 and FAT32: what boot sector, `FSInfo` and the root directory's label say.

use std::io;

use kurmadisk_formats::read_at::ReadAt;
use zerocopy::FromBytes;

use super::report::{FatReport, FilesystemReport};
use crate::fs::fat::FatType;
use crate::fs::fat::spec::{
    ATTR_DIRECTORY, ATTR_LONG_NAME, ATTR_VOLUME_ID, BOOT_SECTOR_LEN, BOOT_SIGNATURE, BootSector16,
    BootSector32, Bpb, ENTRY_LEN, EXTENDED_SIGNATURE, FIRST_CLUSTER, FsInfo, Identity, NO_LABEL,
    ShortEntry,
};

/// [`Identity::reserved`]: not unmounted cleanly.
const DIRTY: u8 = 1;
/// First byte of a directory entry: this and all behind it are free.
const END_OF_DIRECTORY: u8 = 0;
/// First byte of a deleted directory entry.
const DELETED: u8 = 0xe5;
/// How much of the root directory is searched for the label, which is its first entry as a rule.
const ROOT_SEARCHED: u64 = 64 << 10;
/// Clusters from which on a volume is not FAT12, and not FAT16 (fatgen103, "FAT Type
/// Determination").
const FAT16_FROM: u64 = 4_085;
const FAT32_FROM: u64 = 65_525;

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
    let clean = identity.is_none_or(|identity| identity.reserved & DIRTY == 0);
    judge(volume, &geometry, clean, problems);
    let free = geometry
        .free_clusters(volume, &boot)
        .unwrap_or_else(|error| {
            problems.push(format!("its table of clusters cannot be read: {error}"));
            None
        });
    let label = geometry.root_label(volume, &boot).unwrap_or_else(|error| {
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

/// A boot sector; which of its two forms counts, the type decides.
struct BootSector {
    bpb: Bpb,
    old: BootSector16,
    fat32: BootSector32,
}

impl BootSector {
    fn read(head: &[u8]) -> Option<Self> {
        let bytes = head.get(..BOOT_SECTOR_LEN)?;
        let old = BootSector16::read_from_bytes(bytes).ok()?;
        let fat32 = BootSector32::read_from_bytes(bytes).ok()?;
        let jumps = matches!(old.bpb.jump[0], 0xeb | 0xe9);
        (old.signature == BOOT_SIGNATURE && jumps).then_some(Self {
            bpb: old.bpb,
            old,
            fat32,
        })
    }

    /// A FAT32 volume says the length of its table elsewhere.
    fn is_fat32(&self) -> bool {
        self.bpb.fat_sectors_16.get() == 0
    }

    /// Serial and label, if there are any.
    fn identity(&self) -> Option<Identity> {
        let identity = if self.is_fat32() {
            self.fat32.identity
        } else {
            self.old.identity
        };
        (identity.signature == EXTENDED_SIGNATURE).then_some(identity)
    }
}

/// Where a volume's parts lie. Fields of 32 bits at most are added and multiplied here, so no sector's
/// number reaches 2^42, and no offset overflows.
struct Geometry {
    fat_type: FatType,
    sector_size: u64,
    sectors_per_cluster: u64,
    reserved: u64,
    tables: u64,
    table_sectors: u64,
    root_entries: u64,
    /// The sector of the first cluster.
    data: u64,
    total_sectors: u64,
    clusters: u64,
}

enum NoGeometry {
    /// Some other boot sector.
    NotFat,
    /// The boot sector of a FAT volume, with parts larger than the whole.
    Impossible,
}

impl Geometry {
    fn of(boot: &BootSector) -> Result<Self, NoGeometry> {
        let bpb = &boot.bpb;
        let sector_size: u64 = bpb.bytes_per_sector.get().into();
        let sectors_per_cluster: u64 = bpb.sectors_per_cluster.into();
        let reserved: u64 = bpb.reserved_sectors.get().into();
        let tables: u64 = bpb.fat_copies.into();
        let is_fat = matches!(sector_size, 512 | 1024 | 2048 | 4096)
            && sectors_per_cluster.is_power_of_two()
            && bpb.media >= 0xf0
            && reserved > 0
            && tables > 0;
        if !is_fat {
            return Err(NoGeometry::NotFat);
        }
        let either = |short: u16, long: u32| match short {
            0 => u64::from(long),
            short => u64::from(short),
        };
        let table_sectors = either(bpb.fat_sectors_16.get(), boot.fat32.fat32.fat_sectors.get());
        let total_sectors = either(bpb.total_sectors_16.get(), bpb.total_sectors_32.get());
        let root_entries: u64 = bpb.root_entries.get().into();
        let root_sectors = (root_entries * u64::from(ENTRY_LEN)).div_ceil(sector_size);
        let data = reserved + tables * table_sectors + root_sectors;
        let clusters = total_sectors.saturating_sub(data) / sectors_per_cluster;
        let fat_type = if boot.is_fat32() {
            FatType::Fat32
        } else if clusters < FAT16_FROM {
            FatType::Fat12
        } else {
            FatType::Fat16
        };
        let table_bits = table_sectors * sector_size * 8;
        let needed_bits = (clusters + u64::from(FIRST_CLUSTER)) * u64::from(fat_type.bits());
        let too_many = fat_type == FatType::Fat16 && clusters >= FAT32_FROM;
        if clusters == 0 || too_many || needed_bits > table_bits {
            return Err(NoGeometry::Impossible);
        }
        Ok(Self {
            fat_type,
            sector_size,
            sectors_per_cluster,
            reserved,
            tables,
            table_sectors,
            root_entries,
            data,
            total_sectors,
            clusters,
        })
    }

    fn cluster_size(&self) -> u64 {
        self.sectors_per_cluster * self.sector_size
    }

    /// Free clusters: counted on FAT12 and FAT16, whose tables have 128 KiB at most; FAT32 says it in
    /// its `FSInfo`, if it knows.
    fn free_clusters(&self, volume: &dyn ReadAt, boot: &BootSector) -> io::Result<Option<u64>> {
        let is_free = match self.fat_type {
            FatType::Fat12 => is_free_12,
            FatType::Fat16 => is_free_16,
            FatType::Fat32 => return self.free_by_info(volume, boot),
        };
        let entries = self.clusters + u64::from(FIRST_CLUSTER);
        let bytes = (entries * u64::from(self.fat_type.bits())).div_ceil(8);
        let table = read_bytes(volume, self.reserved * self.sector_size, bytes)?;
        let first = usize::try_from(FIRST_CLUSTER).map_err(io::Error::other)?;
        let end = usize::try_from(entries).map_err(io::Error::other)?;
        let free = (first..end).filter(|entry| is_free(&table, *entry));
        Ok(Some(free.count() as u64))
    }

    fn free_by_info(&self, volume: &dyn ReadAt, boot: &BootSector) -> io::Result<Option<u64>> {
        let sector = u64::from(boot.fat32.fat32.fsinfo_sector.get());
        if sector == 0 || sector >= self.reserved {
            return Ok(None);
        }
        let mut bytes = [0; BOOT_SECTOR_LEN];
        volume.read_exact_at(sector * self.sector_size, &mut bytes)?;
        let info = FsInfo::read_from_bytes(&bytes).map_err(|_| io::ErrorKind::InvalidData)?;
        let free = u64::from(info.free_clusters.get());
        let valid = info.lead_signature == *b"RRaA" && info.signature == *b"rrAa";
        Ok((valid && free <= self.clusters).then_some(free))
    }

    /// The label in the root directory, which counts more than the boot sector's: it is the one that
    /// systems change.
    fn root_label(&self, volume: &dyn ReadAt, boot: &BootSector) -> io::Result<Option<[u8; 11]>> {
        let root_cluster = u64::from(boot.fat32.fat32.root_cluster.get());
        let (sector, len) = match self.fat_type {
            FatType::Fat12 | FatType::Fat16 => {
                let sector = self.reserved + self.tables * self.table_sectors;
                (sector, self.root_entries * u64::from(ENTRY_LEN))
            }
            FatType::Fat32 => {
                let number = root_cluster
                    .checked_sub(FIRST_CLUSTER.into())
                    .filter(|number| *number < self.clusters)
                    .ok_or_else(|| io::Error::other("it has a cluster that does not exist"))?;
                let sector = self.data + number * self.sectors_per_cluster;
                (sector, self.cluster_size())
            }
        };
        let bytes = read_bytes(volume, sector * self.sector_size, len.min(ROOT_SEARCHED))?;
        let entries = bytes
            .chunks_exact(size_of::<ShortEntry>())
            .filter_map(|entry| ShortEntry::read_from_bytes(entry).ok())
            .take_while(|entry| entry.name[0] != END_OF_DIRECTORY);
        Ok(entries.filter(is_label).map(|entry| entry.name).next())
    }
}

fn is_label(entry: &ShortEntry) -> bool {
    entry.name[0] != DELETED
        && entry.attributes & ATTR_LONG_NAME != ATTR_LONG_NAME
        && entry.attributes & (ATTR_VOLUME_ID | ATTR_DIRECTORY) == ATTR_VOLUME_ID
}

/// Whether an entry of 12 bits is zero. Two of them share three bytes, and the second begins in the
/// middle of the second byte.
fn is_free_12(table: &[u8], entry: usize) -> bool {
    let at = entry / 2 * 3 + entry % 2;
    let bits = u16::from_le_bytes([table[at], table[at + 1]]);
    let value = if entry.is_multiple_of(2) {
        bits & 0xfff
    } else {
        bits >> 4
    };
    value == 0
}

fn is_free_16(table: &[u8], entry: usize) -> bool {
    table[2 * entry..2 * entry + 2] == [0; 2]
}

/// `len` bytes, which are few, from `offset` on.
fn read_bytes(volume: &dyn ReadAt, offset: u64, len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    volume.read_exact_at(offset, &mut bytes)?;
    Ok(bytes)
}
