//! The shape of volumes beside what `mkfs.fat` makes of the same size and options.

use kurmadisk::fs::fat::{FatError, FatOptions, FatPlan, FatType};
use kurmadisk::tree::Tree;
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::read_at::ReadAt;
use tempfile::NamedTempFile;

use super::support::{MIB, TIME, meta, plan_of};

const KIB: u64 = 1 << 10;
const GIB: u64 = 1 << 30;

/// What a boot sector says.
#[derive(Debug)]
struct Boot {
    bytes: [u8; 512],
}

impl Boot {
    fn u8(&self, at: usize) -> u32 {
        self.bytes[at].into()
    }

    fn u16(&self, at: usize) -> u32 {
        self.u8(at) | self.u8(at + 1) << 8
    }

    fn u32(&self, at: usize) -> u32 {
        self.u16(at) | self.u16(at + 2) << 16
    }

    fn sector_size(&self) -> u32 {
        self.u16(11)
    }

    fn sectors_per_cluster(&self) -> u32 {
        self.u8(13)
    }

    fn is_fat32(&self) -> bool {
        self.u16(22) == 0
    }

    fn fat_sectors(&self) -> u32 {
        if self.is_fat32() {
            self.u32(36)
        } else {
            self.u16(22)
        }
    }

    fn total_sectors(&self) -> u32 {
        self.u16(19).max(self.u32(32))
    }

    /// The sector of the first cluster.
    fn data_start(&self) -> u32 {
        let root = (self.u16(17) * 32).div_ceil(self.sector_size());
        self.u16(14) + self.u8(16) * self.fat_sectors() + root
    }

    fn clusters(&self) -> u32 {
        (self.total_sectors() - self.data_start()) / self.sectors_per_cluster()
    }

    fn fat_type(&self) -> FatType {
        match self.clusters() {
            _ if self.is_fat32() => FatType::Fat32,
            ..4085 => FatType::Fat12,
            _ => FatType::Fat16,
        }
    }

    /// Whether the number of clusters is one that drivers may count wrongly, or that makes another type of it.
    fn is_doubtful(&self) -> bool {
        let clusters = self.clusters();
        clusters.abs_diff(4085) <= 16
            || clusters.abs_diff(65_525) <= 16
            || (self.is_fat32() && clusters < 65_525)
    }

    /// Entries of the root directory that is no chain; mkfs.fat fills the last of its clusters.
    fn root_entries(&self) -> u32 {
        let cluster = self.sectors_per_cluster() * self.sector_size();
        if self.u16(17) * 32 == cluster.max(512 * 32) {
            512
        } else {
            self.u16(17)
        }
    }

    /// Everything that two volumes of one type and cluster size have in common.
    fn common(&self) -> Vec<u32> {
        let shared = [
            self.sector_size(),
            self.sectors_per_cluster(),
            self.u8(16),
            self.root_entries(),
            self.u8(21),
            self.u32(28),
            self.u16(510),
        ];
        let (own, identity) = if self.is_fat32() {
            let fields = [40, 42, 44, 46, 48, 50].map(|at| self.u16(at));
            (fields.to_vec(), 64)
        } else {
            (Vec::new(), 36)
        };
        let identity = self.bytes[identity..identity + 26].iter();
        let identity = identity.map(|byte| u32::from(*byte));
        shared.into_iter().chain(own).chain(identity).collect()
    }
}

fn boot_of(image: &impl ReadAt) -> Boot {
    let mut bytes = [0; 512];
    image.read_exact_at(0, &mut bytes).expect("readable");
    Boot { bytes }
}

/// The volume that mkfs.fat makes of these options, if it makes one.
fn by_mkfs(size: u64, options: &FatOptions) -> Option<Boot> {
    let image = NamedTempFile::new().expect("a temporary file");
    image.as_file().set_len(size).expect("sparse");
    let sector_size = options.sector_size.to_string();
    let serial = format!("{:08x}", options.serial);
    let hidden = options.hidden_sectors.to_string();
    let label = options.label.as_deref().expect("given");
    let mut arguments = vec![
        "-S",
        &sector_size,
        "-i",
        &serial,
        "-n",
        label,
        "-h",
        &hidden,
    ];
    let bits = options.fat_type.map(|fat_type| fat_type.bits().to_string());
    if let Some(bits) = &bits {
        arguments.extend(["-F", bits]);
    }
    let sectors = options
        .sectors_per_cluster
        .map(|sectors| sectors.to_string());
    if let Some(sectors) = &sectors {
        arguments.extend(["-s", sectors]);
    }
    oracle::mkfs_fat(image.path(), &arguments).ok()?;
    let mut bytes = [0; 512];
    std::os::unix::fs::FileExt::read_exact_at(image.as_file(), &mut bytes, 0).expect("readable");
    Some(Boot { bytes })
}

fn planned(size: u64, options: &FatOptions) -> Result<(FatPlan, Boot), FatError> {
    let tree = Tree::new(meta());
    let plan = plan_of(&tree, size, options)?;
    let map = plan.build().expect("builds");
    let boot = boot_of(&map.reader());
    Ok((plan, boot))
}

/// Sizes around those where mkfs.fat's tables change, and odd ones.
const SIZES: [u64; 16] = [
    512 * KIB,
    3 * MIB,
    8 * MIB,
    17 * MIB + 7 * 512,
    34 * MIB,
    100 * MIB,
    127 * MIB,
    260 * MIB,
    261 * MIB,
    511 * MIB,
    512 * MIB,
    8 * GIB,
    8 * GIB + MIB,
    16 * GIB + MIB,
    32 * GIB,
    32 * GIB + MIB,
];

#[test]
fn volumes_are_those_of_mkfs() {
    let types = [None].into_iter().chain(FatType::ALL.map(Some));
    let types: Vec<_> = types.collect();
    let mut compared = 0;
    for (sector_size, clusters) in [
        (512, [None, Some(1), Some(8)]),
        (4096, [None, Some(1), Some(4)]),
    ] {
        for size in SIZES {
            for fat_type in &types {
                for sectors_per_cluster in clusters {
                    // Small clusters of a large volume take tables of many MiB.
                    if size > GIB && sectors_per_cluster.is_some() {
                        continue;
                    }
                    let options = FatOptions {
                        label: Some("A LABEL".to_owned()),
                        label_time: TIME,
                        serial: 0xfedc_ba98,
                        fat_type: *fat_type,
                        sector_size,
                        sectors_per_cluster,
                        data_alignment: None,
                        hidden_sectors: 2048,
                    };
                    compared += u32::from(compare(size, &options));
                }
            }
        }
    }
    assert!(compared > 120, "{compared}");
}

/// Whether mkfs.fat makes a volume that is good for a comparison. Then there is one here too, and it has the
/// same fields.
fn compare(size: u64, options: &FatOptions) -> bool {
    let Some(theirs) = by_mkfs(size, options) else {
        return false;
    };
    let asked = options.sectors_per_cluster.is_some();
    let cluster = theirs.sectors_per_cluster() * theirs.sector_size();
    // It chooses clusters of more than 32 KiB, and has FAT32's table in sectors of 512 bytes whatever they are.
    let other_cluster = !asked
        && (cluster > 32 << 10
            || (theirs.is_fat32() && theirs.sector_size() > 512 && size > 512 * MIB));
    if theirs.is_doubtful() || other_cluster {
        return false;
    }
    let what = format!("{size} bytes, {options:?}");
    let (plan, ours) = planned(size, options).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(ours.common(), theirs.common(), "{what}");
    assert_eq!(ours.fat_type(), theirs.fat_type(), "{what}");
    assert_eq!(ours.fat_type(), plan.fat_type(), "{what}");
    assert_eq!(ours.clusters(), plan.cluster_count(), "{what}");
    // It leaves out what does not fill a track, and begins each FAT and the first cluster of all but small
    // volumes at a multiple of a cluster; here the first cluster begins at one of 4096 bytes too.
    let tracks = 63 / theirs.sectors_per_cluster() + 1;
    let aligned = 4096 / cluster + 3;
    let range = theirs.clusters().saturating_sub(aligned)..=theirs.clusters() + tracks + aligned;
    assert!(
        range.contains(&ours.clusters()),
        "{what}: {range:?} {ours:?}"
    );
    let sector = u64::from(ours.sector_size());
    assert_eq!(u64::from(ours.total_sectors()), size / sector, "{what}");
    assert_eq!(u64::from(ours.data_start()) * sector, plan.data_offset());
    assert_eq!(
        plan.data_offset() % u64::from(cluster.max(4096)),
        0,
        "{what}"
    );
    true
}
