//! The names e2fsprogs gives the features of ext2, 3, 4 (the kernel's `globals.rst`, "Super Block").

use crate::fs::ext4::spec::Superblock;

type Names = &'static [(u32, &'static str)];

const COMPAT: Names = &[
    (0x1, "dir_prealloc"),
    (0x2, "imagic_inodes"),
    (0x4, "has_journal"),
    (0x8, "ext_attr"),
    (0x10, "resize_inode"),
    (0x20, "dir_index"),
    (0x200, "sparse_super2"),
    (0x400, "fast_commit"),
    (0x800, "stable_inodes"),
    (0x1000, "orphan_file"),
];

const INCOMPAT: Names = &[
    (0x1, "compression"),
    (0x2, "filetype"),
    (0x4, "needs_recovery"),
    (0x8, "journal_dev"),
    (0x10, "meta_bg"),
    (0x40, "extent"),
    (0x80, "64bit"),
    (0x100, "mmp"),
    (0x200, "flex_bg"),
    (0x400, "ea_inode"),
    (0x1000, "dirdata"),
    (0x2000, "metadata_csum_seed"),
    (0x4000, "large_dir"),
    (0x8000, "inline_data"),
    (0x1_0000, "encrypt"),
    (0x2_0000, "casefold"),
];

const RO_COMPAT: Names = &[
    (0x1, "sparse_super"),
    (0x2, "large_file"),
    (0x8, "huge_file"),
    (0x10, "uninit_bg"),
    (0x20, "dir_nlink"),
    (0x40, "extra_isize"),
    (0x100, "quota"),
    (0x200, "bigalloc"),
    (0x400, "metadata_csum"),
    (0x800, "replica"),
    (0x1000, "read-only"),
    (0x2000, "project"),
    (0x4000, "shared_blocks"),
    (0x8000, "verity"),
    (0x1_0000, "orphan_present"),
];

/// The features of `superblock`, in the order in which `dumpe2fs` prints them.
pub(crate) fn names(superblock: &Superblock) -> Vec<String> {
    [
        ("compat", superblock.feature_compat.get(), COMPAT),
        ("incompat", superblock.feature_incompat.get(), INCOMPAT),
        ("ro-compat", superblock.feature_ro_compat.get(), RO_COMPAT),
    ]
    .into_iter()
    .flat_map(|(set, bits, names)| in_set(set, bits, names))
    .collect()
}

/// Those of incompatible features.
pub(super) fn incompat(bits: u32) -> Vec<String> {
    in_set("incompat", bits, INCOMPAT).collect()
}

fn in_set(set: &'static str, bits: u32, names: Names) -> impl Iterator<Item = String> {
    let set_bits = (0..u32::BITS)
        .map(|n| 1 << n)
        .filter(move |b| bits & b != 0);
    set_bits.map(
        move |bit| match names.iter().find(|(known, _)| *known == bit) {
            Some((_, name)) => (*name).to_owned(),
            None => format!("{set}-{bit:#x}"),
        },
    )
}
