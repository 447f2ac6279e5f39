//! Identifiers: the same for the same plan, others for another one.

use std::fmt::Write;

use sha2::{Digest, Sha256};
use uuid::{Uuid, uuid};

use super::contents::PartitionTrees;
use super::resolve::Disk;
use crate::spec::{ImageSpec, VeritySpec};
use crate::tree;

/// The namespace (RFC 9562, section 5.5) of all identifiers made here.
const NAMESPACE: Uuid = uuid!("b6a0f3b0-6d1f-5c57-9a52-3c0ad7d5b3f1");

/// What identifiers are derived from: UUIDs of version 5 over the image's name, its seed, and a
/// digest of the plan, which is the description and every entry's name, type, size, holes, mode, owner,
/// time, flags and extended attributes. Content does not count; who wants it to gives its digest as the seed.
#[derive(Debug)]
pub(super) struct Identity {
    image: Uuid,
}

/// The same without the trees: what a change of a file should not change.
#[derive(Debug)]
pub(super) struct Steady {
    description: Sha256,
    image: Uuid,
}

impl Steady {
    pub fn new(spec: &ImageSpec, disk: &Disk) -> Self {
        let description = Sha256::new_with_prefix(describe(spec, disk));
        let image = over(disk, &description.clone().finalize());
        Self { description, image }
    }

    /// What is no identifier, but is derived too; the same whatever the trees hold, so that an image of changed
    /// trees is laid out alike.
    pub fn derive(&self, what: &str) -> Uuid {
        Uuid::new_v5(&self.image, what.as_bytes())
    }
}

impl Identity {
    pub fn new(steady: &Steady, disk: &Disk, trees: &PartitionTrees) -> Self {
        let mut hash = steady.description.clone();
        for tree in trees.iter().flatten() {
            hash.update(tree::digest(tree));
        }
        let image = over(disk, &hash.finalize());
        Self { image }
    }

    /// The image's own.
    pub fn image(&self) -> Uuid {
        self.image
    }

    /// The identifier of the part called `what`.
    pub fn derive(&self, what: &str) -> Uuid {
        Uuid::new_v5(&self.image, what.as_bytes())
    }

    /// The GUID of partition `number`.
    pub fn partition(&self, number: u32) -> Uuid {
        self.derive(&format!("partition {number}"))
    }

    /// An identifier of 32 bits, never zero.
    pub fn derive_u32(&self, what: &str) -> u32 {
        let [a, b, c, d, ..] = *self.derive(what).as_bytes();
        u32::from_le_bytes([a, b, c, d]).max(1)
    }
}

/// A UUID over the image's name, its seed, and a digest.
fn over(disk: &Disk, digest: &[u8]) -> Uuid {
    let mut name = Vec::new();
    for part in [disk.name.as_bytes(), disk.seed.as_bytes(), digest] {
        name.extend_from_slice(&(part.len() as u64).to_le_bytes());
        name.extend_from_slice(part);
    }
    Uuid::new_v5(&NAMESPACE, &name)
}

/// The keys of a hash tree; nothing for a partition without one.
fn describe_verity(verity: &VeritySpec) -> String {
    let Some(data) = &verity.data else {
        return String::new();
    };
    format!(
        " verity={:?} salt={:?} uuid={:?} blocks={:?}/{:?}",
        data.value,
        verity.salt.as_ref().map(|field| &field.value),
        verity.uuid.as_ref().map(|field| field.value),
        verity.data_block_size.as_ref().map(|field| field.value),
        verity.hash_block_size.as_ref().map(|field| field.value),
    )
}

/// The description, a line each for the disk and its partitions; paths of the host don't count.
fn describe(spec: &ImageSpec, disk: &Disk) -> String {
    let mut text = format!(
        "disk table={:?} sector={} align={}/{} size={:?} entries={} guid={:?} signature={:?} time={} cmdline={:?}\n",
        disk.table,
        disk.sector_size.bytes(),
        disk.partition_alignment,
        disk.size_alignment,
        disk.sectors,
        disk.entries,
        disk.guid,
        disk.signature,
        disk.time.seconds,
        spec.cmdline.as_ref().map(|cmdline| &cmdline.value),
    );
    for partition in &disk.partitions {
        let fs = partition.filesystem_spec();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "partition {} label={:?} type={} guid={:?} first={:?} size={:?} attributes={} active={} \
             hybrid={:?} content={:?} fs={:?} label={:?} free={:?} uuid={:?} block={:?} inodes={:?}/{:?} \
             reserved={:?} journal={:?} errors={:?} lost-found={:?} bits={:?} cluster={:?} serial={:?} \
             free-inodes={:?} profile={:?} features={:?} read-only={:?} hash-seed={:?} default-mount-options={:?} \
             mount-options={:?} inode-size={:?} data-alignment={:?}{}",
            partition.number,
            partition.label,
            partition.kind,
            partition.guid,
            partition.first,
            partition.size,
            partition.attributes,
            partition.active,
            partition.hybrid,
            partition.content,
            partition.filesystem,
            fs.label.as_ref().map(|field| &field.value),
            fs.free.as_ref().map(|field| field.value),
            fs.uuid.as_ref().map(|field| field.value),
            fs.block_size.as_ref().map(|field| field.value),
            fs.inodes.as_ref().map(|field| field.value),
            fs.bytes_per_inode.as_ref().map(|field| field.value),
            fs.reserved.as_ref().map(|field| field.value),
            fs.journal.as_ref().map(|field| field.value),
            fs.errors.as_ref().map(|field| field.value),
            fs.lost_found.as_ref().map(|field| field.value),
            fs.fat_bits.as_ref().map(|field| field.value),
            fs.cluster_size.as_ref().map(|field| field.value),
            fs.serial.as_ref().map(|field| field.value),
            fs.free_inodes.as_ref().map(|field| field.value),
            fs.profile.as_ref().map(|field| field.value),
            fs.features.as_ref().map(|field| field.value),
            fs.read_only.as_ref().map(|field| field.value),
            fs.hash_seed.as_ref().map(|field| field.value),
            fs.default_mount_options.as_ref().map(|field| field.value),
            fs.mount_options.as_ref().map(|field| &field.value),
            fs.inode_size.as_ref().map(|field| field.value),
            fs.data_alignment.as_ref().map(|field| field.value),
            describe_verity(&partition.spec.verity),
        );
    }
    text
}
