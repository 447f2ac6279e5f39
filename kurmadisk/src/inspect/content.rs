//! What lies in a partition, by its signature.

use kurmadisk_formats::read_at::ReadAt;

use super::report::{Content, FilesystemReport};
use super::{ext, fat, verity};

/// How much of a volume is looked at for signatures; the last one is btrfs' at 64 KiB.
const HEAD_LEN: usize = 128 << 10;

/// What was found in a volume.
pub(super) struct Examined {
    pub content: Content,
    /// What is wrong with it.
    pub problems: Vec<String>,
}

/// Finds out what `volume` holds.
pub(super) fn examine(volume: &dyn ReadAt) -> Examined {
    let len = usize::try_from(volume.len()).map_or(HEAD_LEN, |len| len.min(HEAD_LEN));
    let mut head = vec![0; len];
    if let Err(error) = volume.read_exact_at(0, &mut head) {
        return Examined {
            content: Content::UNREADABLE,
            problems: vec![format!("cannot be read: {error}")],
        };
    }
    let mut problems = Vec::new();
    let mut content = recognise(volume, &head, &mut problems);
    content.verity = match &content.filesystem {
        Some(filesystem) => verity::read_behind(volume, filesystem.size, &mut problems),
        None => verity::read(volume, 0, &mut problems),
    };
    Examined { content, problems }
}

fn recognise(volume: &dyn ReadAt, head: &[u8], problems: &mut Vec<String>) -> Content {
    if head.iter().all(|byte| *byte == 0) {
        return Content::EMPTY;
    }
    let named = |signatures: &[Signature]| {
        let found = signatures.iter().find(|signature| signature.matches(head));
        found.map(|signature| Content::named(signature.name))
    };
    named(AT_THE_BEGIN)
        .or_else(|| ext::read(volume, head, problems).map(filesystem))
        .or_else(|| fat::read(volume, head, problems).map(filesystem))
        .or_else(|| named(FURTHER_BACK))
        .unwrap_or(Content::UNKNOWN)
}

fn filesystem(report: FilesystemReport) -> Content {
    Content {
        kind: report.kind,
        filesystem: Some(report),
        verity: None,
    }
}

struct Signature {
    name: &'static str,
    offset: usize,
    bytes: &'static [u8],
}

impl Signature {
    fn matches(&self, head: &[u8]) -> bool {
        head.get(self.offset..)
            .is_some_and(|rest| rest.starts_with(self.bytes))
    }
}

const fn signature(name: &'static str, offset: usize, bytes: &'static [u8]) -> Signature {
    Signature {
        name,
        offset,
        bytes,
    }
}

/// Signatures where the next filesystem made in their place would overwrite them.
const AT_THE_BEGIN: &[Signature] = &[
    signature("squashfs", 0, b"hsqs"),
    signature("xfs", 0, b"XFSB"),
    signature("LUKS", 0, b"LUKS\xba\xbe"),
    signature("dm-verity", 0, b"verity\0\0"),
    signature("NTFS", 3, b"NTFS    "),
    signature("exFAT", 3, b"EXFAT   "),
    signature("BitLocker", 3, b"-FVE-FS-"),
    signature("erofs", 1024, &0xe0f5_e1e2_u32.to_le_bytes()),
    signature("f2fs", 1024, &0xf2f5_2010_u32.to_le_bytes()),
];

/// Signatures that may be older than a FAT or ext filesystem before them.
const FURTHER_BACK: &[Signature] = &[
    signature("LVM", 512 + 24, b"LVM2 001"),
    signature("swap", 4096 - 10, b"SWAPSPACE2"),
    signature("Linux RAID", 4096, &0xa92b_4efc_u32.to_le_bytes()),
    signature("ISO 9660", (32 << 10) + 1, b"CD001"),
    signature("btrfs", (64 << 10) + 64, b"_BHRfS_M"),
];
