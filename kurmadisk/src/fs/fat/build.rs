//! The volume's extent map.

use bytes::Bytes;
use kurmadisk_formats::map::{DiskMap, Extent, MapBuilder};
use zerocopy::IntoBytes;

use super::contents::ROOT;
use super::plan::{FatPlan, Run};
use super::spec::{
    BACKUP_BOOT_SECTOR, BOOT_SIGNATURE, BootSector16, BootSector32, Bpb, EXTENDED_SIGNATURE,
    FAT_COPIES, FIRST_CLUSTER, FIRST_HARD_DISK, FSINFO_SECTOR, Fat32Bpb, FsInfo, HEADS, Identity,
    JUMP_16, JUMP_32, MEDIA_FIXED, NEXT_FREE_UNKNOWN, OEM_NAME, SECTORS_PER_TRACK, boot_code,
};
use super::{FatError, FatType};
use crate::tree::NodeKind;

impl FatPlan {
    /// The extent map of the planned volume: metadata in memory, and the files' content where it
    /// is.
    pub fn build(&self) -> Result<DiskMap, FatError> {
        let mut map = MapBuilder::new(self.size);
        self.push_boot_sectors(&mut map);
        self.push_fats(&mut map);
        for dir in 0..self.contents.dirs.len() {
            let start = if dir == ROOT && self.has_fixed_root() {
                self.geometry.root_offset()
            } else {
                self.geometry.cluster_offset(self.dir_run(dir).first)
            };
            map.push_bytes(start, self.directory_bytes(dir));
        }
        for file in 0..self.contents.files.len() {
            self.push_file(file, &mut map);
        }
        Ok(map.finish()?)
    }

    fn push_file(&self, index: usize, map: &mut MapBuilder) {
        let NodeKind::File(content) = &self.tree.node(self.contents.files[index].node).kind else {
            return;
        };
        let start = self.file_range(index).start;
        for extent in content.extents() {
            map.push(Extent {
                start: start + extent.start,
                ..extent.clone()
            });
        }
    }

    fn push_boot_sectors(&self, map: &mut MapBuilder) {
        if self.fat_type() != FatType::Fat32 {
            map.push_bytes(0, Bytes::copy_from_slice(self.boot_sector_16().as_bytes()));
            return;
        }
        let free = self.free_clusters();
        let next = if free == 0 {
            NEXT_FREE_UNKNOWN
        } else {
            FIRST_CLUSTER + self.used_clusters
        };
        let boot = Bytes::copy_from_slice(self.boot_sector_32().as_bytes());
        let info = Bytes::copy_from_slice(FsInfo::new(free, next).as_bytes());
        for copy in [0, u32::from(BACKUP_BOOT_SECTOR)] {
            map.push_bytes(self.geometry.sector_offset(copy), boot.clone());
            let sector = copy + u32::from(FSINFO_SECTOR);
            map.push_bytes(self.geometry.sector_offset(sector), info.clone());
        }
    }

    fn boot_sector_16(&self) -> BootSector16 {
        let fat_sectors = u16::try_from(self.geometry.fat_sectors);
        BootSector16 {
            bpb: Bpb {
                jump: JUMP_16,
                fat_sectors_16: fat_sectors
                    .expect("65,508 clusters need 256 sectors")
                    .into(),
                ..self.bpb()
            },
            identity: self.identity(),
            code: boot_code(),
            signature: BOOT_SIGNATURE,
        }
    }

    fn boot_sector_32(&self) -> BootSector32 {
        BootSector32 {
            bpb: Bpb {
                total_sectors_16: 0.into(),
                total_sectors_32: self.geometry.total_sectors.into(),
                ..self.bpb()
            },
            fat32: Fat32Bpb {
                fat_sectors: self.geometry.fat_sectors.into(),
                flags: 0.into(),
                version: 0.into(),
                root_cluster: self.dir_run(ROOT).first.into(),
                fsinfo_sector: FSINFO_SECTOR.into(),
                backup_boot_sector: BACKUP_BOOT_SECTOR.into(),
                reserved: [0; 12],
            },
            identity: self.identity(),
            code: boot_code(),
            signature: BOOT_SIGNATURE,
        }
    }

    /// The shared parameters, as FAT32 has them where the types differ in more than a number.
    fn bpb(&self) -> Bpb {
        let geometry = &self.geometry;
        let format = &geometry.format;
        let narrow = |value: u32| u16::try_from(value).expect("bounded by the format");
        let (total_16, total_32) = match u16::try_from(geometry.total_sectors) {
            Ok(sectors) => (sectors, 0),
            Err(_) => (0, geometry.total_sectors),
        };
        Bpb {
            jump: JUMP_32,
            oem_name: OEM_NAME,
            bytes_per_sector: narrow(format.sector_size).into(),
            sectors_per_cluster: u8::try_from(format.sectors_per_cluster).expect("at most 128"),
            reserved_sectors: narrow(geometry.reserved_sectors).into(),
            fat_copies: u8::try_from(FAT_COPIES).expect("two"),
            root_entries: narrow(format.root_entries).into(),
            total_sectors_16: total_16.into(),
            media: MEDIA_FIXED,
            fat_sectors_16: 0.into(),
            sectors_per_track: SECTORS_PER_TRACK.into(),
            heads: HEADS.into(),
            hidden_sectors: self.hidden_sectors.into(),
            total_sectors_32: total_32.into(),
        }
    }

    fn identity(&self) -> Identity {
        let type_name = match self.fat_type() {
            FatType::Fat12 => b"FAT12   ",
            FatType::Fat16 => b"FAT16   ",
            FatType::Fat32 => b"FAT32   ",
        };
        Identity {
            drive: FIRST_HARD_DISK,
            reserved: 0,
            signature: EXTENDED_SIGNATURE,
            serial: self.serial.into(),
            label: self.label_bytes(),
            type_name: *type_name,
        }
    }

    /// The used part of the table, twice; what follows is free, which is zero.
    fn push_fats(&self, map: &mut MapBuilder) {
        let table = Bytes::from(table(self.fat_type(), &self.runs, self.used_clusters));
        for copy in 0..FAT_COPIES {
            map.push_bytes(self.geometry.fat_offset(copy), table.clone());
        }
    }
}

/// The file allocation table of chains that follow each other ("FAT Data Structure").
fn table(fat_type: FatType, runs: &[Run], used: u32) -> Vec<u8> {
    let end = fat_type.end_of_chain();
    let mut entries = Vec::with_capacity(FIRST_CLUSTER as usize + used as usize);
    // The medium, then an end mark whose highest bits say "unmounted cleanly, no read error".
    entries.extend([end & !0xff | u32::from(MEDIA_FIXED), end]);
    for run in runs.iter().filter(|run| run.count > 0) {
        entries.extend(run.first + 1..run.first + run.count);
        entries.push(end);
    }
    match fat_type {
        FatType::Fat12 => entries.chunks(2).flat_map(packed).collect(),
        FatType::Fat16 => {
            let low = |entry: &u32| u16::try_from(*entry).expect("65,508 clusters at most");
            let bytes = entries.iter().map(|entry| low(entry).to_le_bytes());
            bytes.flatten().collect()
        }
        FatType::Fat32 => entries
            .iter()
            .flat_map(|entry| entry.to_le_bytes())
            .collect(),
    }
}

/// One or two entries of 12 bits, as two or three bytes.
fn packed(pair: &[u32]) -> impl Iterator<Item = u8> + use<> {
    let both = pair[0] | pair.get(1).map_or(0, |second| second << 12);
    let len = if pair.len() == 2 { 3 } else { 2 };
    both.to_le_bytes().into_iter().take(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs() -> Vec<Run> {
        [(2, 1), (0, 0), (3, 3), (6, 1)]
            .map(|(first, count)| Run { first, count })
            .to_vec()
    }

    #[test]
    fn tables_chain_the_runs() {
        let table_16 = table(FatType::Fat16, &runs(), 5);
        let expected = [0xfff8_u16, 0xffff, 0xffff, 4, 5, 0xffff, 0xffff];
        let expected: Vec<u8> = expected
            .iter()
            .flat_map(|entry| entry.to_le_bytes())
            .collect();
        assert_eq!(table_16, expected);

        let table_32 = table(FatType::Fat32, &runs(), 5);
        assert_eq!(
            table_32[..8],
            [0xf8, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0x0f]
        );
        assert_eq!(table_32[12..16], [4, 0, 0, 0]);
        assert_eq!(table_32.len(), 28);
    }

    #[test]
    fn twelve_bits_are_packed_in_pairs() {
        let table = table(FatType::Fat12, &runs(), 5);
        // FF8 FFF | FFF 004 | 005 FFF | FFF
        let expected = [0xf8, 0xff, 0xff, 0xff, 0x4f, 0, 5, 0xf0, 0xff, 0xff, 0x0f];
        assert_eq!(table, expected);
    }
}
