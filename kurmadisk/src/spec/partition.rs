//! Partitions and the filesystems in them.

use std::collections::BTreeMap;

use serde::Deserialize;
use uuid::Uuid;

use super::layer::{Layer, layered};
use super::located::Located;
use super::overrides::OverrideSpec;
use super::parse::Document;
use super::value::{
    AttributeNames, FeatureNames, FreeInodesSpec, FreeSpec, MountOptionNames, Number, PerMille,
    SizeSpec,
};
use super::verity::VeritySpec;
use crate::layout::{PartitionType, Size};
use crate::place::Place;

/// A partition that is wanted (`[[partition]]`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct PartitionSpec {
    /// Number in the table, from 1 on; without it, one more than that of the one before.
    pub number: Option<Located<u32>>,
    /// Name in the table; of the filesystem too, unless that has its own.
    pub label: Option<Located<String>>,
    /// Type, by name, GUID or MBR type byte (`type`).
    #[serde(rename = "type")]
    pub kind: Option<Located<PartitionType>>,
    /// The partition's own GUID; derived from the image's identity without it.
    pub guid: Option<Located<Uuid>>,
    /// Where it begins; without it, at the next aligned place.
    pub first: Option<Located<Size>>,
    /// Its size.
    pub size: Option<Located<SizeSpec>>,
    /// Attributes by name: `["priority=1", "successful"]`.
    pub attributes: Option<Located<AttributeNames>>,
    /// Whether an MBR, plain or hybrid, marks it active.
    pub active: Option<Located<bool>>,
    /// Type byte under which a hybrid MBR lists it too.
    pub hybrid: Option<Located<Number<u8>>>,
    /// Whether it takes what is left when the disk is given a size.
    pub grow: Option<Located<bool>>,
    /// What goes into it.
    pub content: Option<Located<Content>>,
    /// The directory of the root tree whose content goes into it instead, such as `/usr`.
    pub mount: Option<Located<String>>,
    /// Further directories of the root tree: what is in them goes into directories of this partition.
    pub binds: Option<Located<Binds>>,
    /// How its content is stored.
    pub filesystem: FilesystemSpec,
    /// The hash tree in it.
    pub verity: VeritySpec,
    /// Overrides for it (`[[partition.override]]`).
    #[serde(rename = "override")]
    pub overrides: Vec<OverrideSpec>,
}

layered!(
    PartitionSpec {
        number,
        label,
        kind,
        guid,
        first,
        size,
        attributes,
        active,
        hybrid,
        grow,
        content,
        mount,
        binds,
        filesystem,
        verity,
        overrides,
    },
    Self::overrule
);

impl PartitionSpec {
    /// `below` without what its filesystem has for another size than this layer sets.
    fn overrule(&self, mut below: Self) -> Self {
        if self
            .size
            .as_ref()
            .is_some_and(|size| size.value != SizeSpec::Auto)
        {
            below.filesystem.free = None;
            below.filesystem.size = None;
        }
        below
    }
}

/// What goes into a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// What makes the disk boot: the boot loader, kernel and initrd.
    Esp,
    /// The tree of `--root`.
    Root,
    /// The tree of `--oem`.
    Oem,
}

/// Directories of the root tree by those of a partition that their content goes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Binds(pub BTreeMap<String, String>);

/// The kind of a filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FilesystemKind {
    /// FAT12, FAT16 or FAT32.
    Fat,
    /// ext4.
    Ext4,
}

/// A filesystem (`[partition.filesystem]`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct FilesystemSpec {
    /// Which (`type`); without it the partition stays empty.
    #[serde(rename = "type")]
    pub kind: Option<Located<FilesystemKind>>,
    /// Its label; the partition's without it.
    pub label: Option<Located<String>>,
    /// Its size, where the partition's is larger.
    pub size: Option<Located<Size>>,
    /// Free space when the partition's size is `auto`.
    pub free: Option<Located<FreeSpec>>,
    /// ext4: its UUID.
    pub uuid: Option<Located<Uuid>>,
    /// ext4: bytes in a block.
    pub block_size: Option<Located<Size>>,
    /// ext4: bytes in an inode.
    pub inode_size: Option<Located<u16>>,
    /// ext4: number of inodes.
    pub inodes: Option<Located<u32>>,
    /// ext4: an inode for each so many bytes.
    pub bytes_per_inode: Option<Located<u32>>,
    /// ext4: inodes to be left free.
    pub free_inodes: Option<Located<FreeInodesSpec>>,
    /// ext4: the features it begins with.
    pub profile: Option<Located<ProfileSpec>>,
    /// ext4: features to add and to take away.
    pub features: Option<Located<FeatureNames>>,
    /// ext4: whether it is never written to.
    pub read_only: Option<Located<bool>>,
    /// ext4: seed of the hashes of names.
    pub hash_seed: Option<Located<Uuid>>,
    /// ext4: mount options by name that are in effect by default.
    pub default_mount_options: Option<Located<MountOptionNames>>,
    /// ext4: further mount options that are in effect.
    pub mount_options: Option<Located<String>>,
    /// ext4: share only root may fill.
    pub reserved: Option<Located<PerMille>>,
    /// ext4: size of the journal; `0` for none.
    pub journal: Option<Located<SizeSpec>>,
    /// ext4: what the kernel does on errors.
    pub errors: Option<Located<ErrorsSpec>>,
    /// ext4: whether there is a `/lost+found`.
    pub lost_found: Option<Located<bool>>,
    /// FAT: 12, 16 or 32.
    pub fat_bits: Option<Located<u8>>,
    /// FAT: bytes in a cluster.
    pub cluster_size: Option<Located<Size>>,
    /// FAT: what the first cluster is aligned to, from the filesystem's begin.
    pub data_alignment: Option<Located<Size>>,
    /// FAT: serial number.
    pub serial: Option<Located<Number<u32>>>,
}

layered!(
    FilesystemSpec {
        kind,
        label,
        size,
        free,
        uuid,
        block_size,
        inode_size,
        inodes,
        bytes_per_inode,
        free_inodes,
        profile,
        features,
        read_only,
        hash_seed,
        default_mount_options,
        mount_options,
        reserved,
        journal,
        errors,
        lost_found,
        fat_bits,
        cluster_size,
        data_alignment,
        serial,
    },
    Self::overrule
);

impl FilesystemSpec {
    /// `below` without what means nothing beside this layer's keys: those of another type of
    /// filesystem, and the other way to say how many inodes there are.
    fn overrule(&self, below: Self) -> Self {
        let kind = |spec: &Self| spec.kind.as_ref().map(|kind| kind.value);
        let mut below = match (kind(self), kind(&below)) {
            (Some(FilesystemKind::Fat), Some(FilesystemKind::Ext4)) => Self {
                label: below.label,
                size: below.size,
                free: below.free,
                ..Self::default()
            },
            (Some(FilesystemKind::Ext4), Some(FilesystemKind::Fat)) => Self {
                fat_bits: None,
                cluster_size: None,
                data_alignment: None,
                serial: None,
                ..below
            },
            _ => below,
        };
        if self.read_only.as_ref().is_some_and(|set| set.value) {
            below = below.without_room();
        }
        if self.inodes.is_some() {
            below.bytes_per_inode = None;
        }
        if self.bytes_per_inode.is_some() {
            below.inodes = None;
        }
        below
    }

    /// Without what only a filesystem that is written to has.
    fn without_room(self) -> Self {
        Self {
            size: None,
            free: None,
            inodes: None,
            bytes_per_inode: None,
            free_inodes: None,
            reserved: None,
            journal: None,
            lost_found: None,
            ..self
        }
    }

    /// What only a filesystem that is written to has: its name, and where it was written.
    pub(crate) fn room_keys(&self) -> impl Iterator<Item = (&'static str, Option<&Place>)> {
        let names = [
            "size",
            "free",
            "inodes",
            "bytes-per-inode",
            "free-inodes",
            "reserved",
            "journal",
            "lost-found",
        ];
        let keys = self
            .keys()
            .into_iter()
            .map(|(name, place, _)| (name, place));
        keys.filter(move |(name, _)| names.contains(name))
    }

    /// Every key but the type: its name, where it was written, and for which filesystem it is when
    /// it is for one only.
    pub(crate) fn keys(&self) -> [(&'static str, Option<&Place>, Option<FilesystemKind>); 23] {
        fn place<T>(key: Option<&Located<T>>) -> Option<&Place> {
            key.map(|key| &key.place)
        }
        let (ext4, fat) = (Some(FilesystemKind::Ext4), Some(FilesystemKind::Fat));
        [
            ("label", place(self.label.as_ref()), None),
            ("size", place(self.size.as_ref()), None),
            ("free", place(self.free.as_ref()), None),
            ("uuid", place(self.uuid.as_ref()), ext4),
            ("block-size", place(self.block_size.as_ref()), ext4),
            ("inode-size", place(self.inode_size.as_ref()), ext4),
            ("inodes", place(self.inodes.as_ref()), ext4),
            (
                "bytes-per-inode",
                place(self.bytes_per_inode.as_ref()),
                ext4,
            ),
            ("free-inodes", place(self.free_inodes.as_ref()), ext4),
            ("profile", place(self.profile.as_ref()), ext4),
            ("features", place(self.features.as_ref()), ext4),
            ("read-only", place(self.read_only.as_ref()), ext4),
            ("hash-seed", place(self.hash_seed.as_ref()), ext4),
            (
                "default-mount-options",
                place(self.default_mount_options.as_ref()),
                ext4,
            ),
            ("mount-options", place(self.mount_options.as_ref()), ext4),
            ("reserved", place(self.reserved.as_ref()), ext4),
            ("journal", place(self.journal.as_ref()), ext4),
            ("errors", place(self.errors.as_ref()), ext4),
            ("lost-found", place(self.lost_found.as_ref()), ext4),
            ("fat-bits", place(self.fat_bits.as_ref()), fat),
            ("cluster-size", place(self.cluster_size.as_ref()), fat),
            ("data-alignment", place(self.data_alignment.as_ref()), fat),
            ("serial", place(self.serial.as_ref()), fat),
        ]
    }
}

/// The names `mount` has for what the kernel does on errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorsSpec {
    /// Goes on.
    Continue,
    /// Goes on, read-only.
    RemountRo,
    /// Stops the machine.
    Panic,
}

/// What `mke2fs` would call the type of an ext4 filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProfileSpec {
    /// Everything usual.
    Ext4,
    /// Block lists instead of extents, no checksums; with a journal.
    Ext3,
    /// The same without a journal.
    Ext2,
}
