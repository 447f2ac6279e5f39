//! What a partition is for.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};
use uuid::{Uuid, uuid};

use super::nearest;

/// The type of a partition: a GUID in a GPT, one byte in an MBR.
///
/// Written as a name ([`PartitionType::names`]), a GUID, or the MBR byte as `0x83`. A name stands
/// for both codes where both tables know the thing; a GUID or a byte brings the other code along
/// when it belongs to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PartitionType {
    guid: Option<Uuid>,
    mbr: Option<u8>,
}

/// Names, the canonical one of a type first; of two types with the same code the first is canonical.
///
/// GUIDs: the UEFI specification (section 5.3.3), the UAPI group's Discoverable Partitions
/// Specification, and the GPT types of GRUB, Container Linux, Windows, LVM and md.
const KNOWN: [(&str, PartitionType); 34] = [
    ("esp", PartitionType::ESP),
    ("efi-system", PartitionType::ESP),
    ("bios-boot", PartitionType::BIOS_BOOT),
    ("linux", PartitionType::LINUX),
    ("linux-data", PartitionType::LINUX),
    ("linux-generic", PartitionType::LINUX),
    ("linux-root-x86-64", PartitionType::ROOT_X86_64),
    ("root", PartitionType::ROOT_X86_64),
    ("root-x86-64", PartitionType::ROOT_X86_64),
    ("root-verity", PartitionType::ROOT_X86_64_VERITY),
    ("root-verity-sig", PartitionType::ROOT_X86_64_VERITY_SIG),
    ("usr", PartitionType::USR_X86_64),
    ("usr-x86-64", PartitionType::USR_X86_64),
    ("usr-verity", PartitionType::USR_X86_64_VERITY),
    ("usr-verity-sig", PartitionType::USR_X86_64_VERITY_SIG),
    ("home", PartitionType::HOME),
    ("srv", PartitionType::SRV),
    ("var", PartitionType::VAR),
    ("tmp", PartitionType::TMP),
    ("swap", PartitionType::SWAP),
    ("linux-swap", PartitionType::SWAP),
    ("xbootldr", PartitionType::XBOOTLDR),
    ("kurmaos-slot", PartitionType::KURMAOS_SLOT),
    ("coreos-usr", PartitionType::KURMAOS_SLOT),
    ("kurmaos-root", PartitionType::KURMAOS_ROOT),
    ("coreos-resize", PartitionType::KURMAOS_ROOT),
    ("linux-raid", PartitionType::LINUX_RAID),
    ("raid", PartitionType::LINUX_RAID),
    ("lvm", PartitionType::LVM),
    ("linux-lvm", PartitionType::LVM),
    ("microsoft-basic-data", PartitionType::MICROSOFT_BASIC_DATA),
    ("ntfs", PartitionType::MICROSOFT_BASIC_DATA),
    ("fat32", PartitionType::FAT32),
    ("fat16", PartitionType::FAT16),
];

impl PartitionType {
    /// EFI system partition.
    pub const ESP: Self = both(uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"), 0xef);
    /// Holds GRUB's core image on a GPT disk that boots by BIOS.
    pub const BIOS_BOOT: Self = gpt_only(uuid!("21686148-6449-6e6f-744e-656564454649"));
    /// Linux filesystem data.
    pub const LINUX: Self = both(uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4"), 0x83);
    /// Root filesystem, x86-64.
    pub const ROOT_X86_64: Self = both(uuid!("4f68bce3-e8cd-4db1-96e7-fbcaf984b709"), 0x83);
    /// dm-verity hashes of the root filesystem, x86-64.
    pub const ROOT_X86_64_VERITY: Self = gpt_only(uuid!("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"));
    /// Signature of those hashes.
    pub const ROOT_X86_64_VERITY_SIG: Self =
        gpt_only(uuid!("41092b05-9fc8-4523-994f-2def0408b176"));
    /// `/usr`, x86-64.
    pub const USR_X86_64: Self = both(uuid!("8484680c-9521-48c6-9c11-b0720656f69e"), 0x83);
    /// dm-verity hashes of `/usr`, x86-64.
    pub const USR_X86_64_VERITY: Self = gpt_only(uuid!("77ff5f63-e7b6-4633-acf4-1565b864c0e6"));
    /// Signature of those hashes.
    pub const USR_X86_64_VERITY_SIG: Self = gpt_only(uuid!("e7bb33fb-06cf-4e81-8273-e543b413e2e2"));
    /// `/home`.
    pub const HOME: Self = both(uuid!("933ac7e1-2eb4-4f13-b844-0e14e2aef915"), 0x83);
    /// `/srv`.
    pub const SRV: Self = both(uuid!("3b8f8425-20e0-4f3b-907f-1a25a76f98e8"), 0x83);
    /// `/var`.
    pub const VAR: Self = both(uuid!("4d21b016-b534-45c2-a9fb-5c16e091fd2d"), 0x83);
    /// `/var/tmp`.
    pub const TMP: Self = both(uuid!("7ec6f557-3bc5-4aca-b293-16ef5df639d1"), 0x83);
    /// Swap space.
    pub const SWAP: Self = both(uuid!("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"), 0x82);
    /// Extended boot loader partition: `/boot` beside the ESP. MBR byte 0xea.
    pub const XBOOTLDR: Self = both(uuid!("bc13c2ff-59e6-4262-a352-b275fd6f7172"), 0xea);
    /// A slot that GRUB's `gptprio` chooses by its priority, tries and success bits.
    pub const KURMAOS_SLOT: Self = gpt_only(uuid!("5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6"));
    /// A root filesystem that is grown to the end of the disk at first boot.
    pub const KURMAOS_ROOT: Self = both(uuid!("3884dd41-8582-4404-b9a8-e9b84f2df50e"), 0x83);
    /// Member of a Linux software RAID.
    pub const LINUX_RAID: Self = both(uuid!("a19d880f-05fc-4d3b-a006-743f0f84911e"), 0xfd);
    /// LVM physical volume.
    pub const LVM: Self = both(uuid!("e6d6d379-f507-44c2-a23c-238f2a3df928"), 0x8e);
    /// FAT, exFAT or NTFS data; on MBR disks NTFS or exFAT.
    pub const MICROSOFT_BASIC_DATA: Self = both(BASIC_DATA, 0x07);
    /// FAT32 data, by LBA.
    pub const FAT32: Self = both(BASIC_DATA, 0x0c);
    /// FAT16 data, by LBA.
    pub const FAT16: Self = both(BASIC_DATA, 0x0e);

    /// The type with this GUID; it has an MBR byte too if a name stands for both.
    #[must_use]
    pub fn from_guid(guid: Uuid) -> Self {
        known(|kind| kind.guid == Some(guid)).unwrap_or(gpt_only(guid))
    }

    /// The type with this MBR byte; it has a GUID too if a name stands for both.
    #[must_use]
    pub fn from_mbr(code: u8) -> Self {
        known(|kind| kind.mbr == Some(code)).unwrap_or(Self {
            guid: None,
            mbr: Some(code),
        })
    }

    /// The code in a GPT, if there is one.
    #[must_use]
    pub fn guid(self) -> Option<Uuid> {
        self.guid
    }

    /// The code in an MBR, if there is one.
    #[must_use]
    pub fn mbr(self) -> Option<u8> {
        self.mbr
    }

    /// The canonical name, if the type has one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        KNOWN
            .iter()
            .find(|(_, kind)| *kind == self)
            .map(|(name, _)| *name)
    }

    /// Every name [`FromStr`] understands.
    pub fn names() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().map(|(name, _)| *name)
    }
}

const BASIC_DATA: Uuid = uuid!("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7");

const fn both(guid: Uuid, mbr: u8) -> PartitionType {
    PartitionType {
        guid: Some(guid),
        mbr: Some(mbr),
    }
}

const fn gpt_only(guid: Uuid) -> PartitionType {
    PartitionType {
        guid: Some(guid),
        mbr: None,
    }
}

fn known(wanted: impl Fn(&PartitionType) -> bool) -> Option<PartitionType> {
    KNOWN.iter().map(|(_, kind)| *kind).find(wanted)
}

impl FromStr for PartitionType {
    type Err = PartitionTypeError;

    fn from_str(text: &str) -> Result<Self, PartitionTypeError> {
        let wanted = text.trim().to_ascii_lowercase();
        if let Some((_, kind)) = KNOWN.iter().find(|(name, _)| *name == wanted) {
            return Ok(*kind);
        }
        if let Some(digits) = wanted.strip_prefix("0x")
            && let Ok(code) = u8::from_str_radix(digits, 16)
        {
            return Ok(Self::from_mbr(code));
        }
        Uuid::try_parse(&wanted)
            .map(Self::from_guid)
            .map_err(|_| PartitionTypeError {
                hint: nearest::hint(&wanted, Self::names()),
                text: text.into(),
            })
    }
}

impl fmt::Display for PartitionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.guid, self.mbr) {
            (Some(name), _, _) => f.pad(name),
            (None, Some(guid), _) => guid.fmt(f),
            (None, None, code) => write!(f, "0x{:02x}", code.unwrap_or(0)),
        }
    }
}

impl Serialize for PartitionType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PartitionType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// A text that names no partition type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "partition type {text:?} is unknown{hint}; give a name such as esp, linux or swap, a GUID, or \
     an MBR type as 0x83"
)]
pub struct PartitionTypeError {
    text: String,
    hint: String,
}
