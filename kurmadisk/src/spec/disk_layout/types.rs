//! The types of partitions by the names that disk layouts have for them.

use uuid::{Uuid, uuid};

use crate::layout::{PartitionType, PartitionTypeError};

/// ChromiumOS' own types, and CoreOS' and Flatcar's, by the names that their `cgpt` takes.
const NAMES: [(&str, Uuid); 19] = [
    ("efi", uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")),
    ("bios", uuid!("21686148-6449-6e6f-744e-656564454649")),
    ("data", uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4")),
    ("kernel", uuid!("fe3a2a5d-4f32-41a7-b725-accc3285a309")),
    ("rootfs", uuid!("3cb8e202-3b7e-47dd-8a3c-7ff2a13cfcec")),
    ("reserved", uuid!("2e0a753d-9e48-43b0-8337-b15192cb1b5e")),
    ("firmware", uuid!("cab6e88e-abf3-4102-a07a-d4bb9be3c1d3")),
    ("minios", uuid!("09845860-705f-4bb5-b16c-8a8a099caf52")),
    ("hibernate", uuid!("3f0f8318-f146-4e6b-8222-c28c8f02e0d5")),
    ("coreos-usr", SLOT),
    ("coreos-rootfs", SLOT),
    ("flatcar-usr", SLOT),
    ("flatcar-rootfs", SLOT),
    ("coreos-resize", RESIZE),
    ("flatcar-resize", RESIZE),
    ("coreos-reserved", RESERVED),
    ("flatcar-reserved", RESERVED),
    ("coreos-root-raid", RAID),
    ("flatcar-root-raid", RAID),
];

const SLOT: Uuid = uuid!("5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6");
const RESIZE: Uuid = uuid!("3884dd41-8582-4404-b9a8-e9b84f2df50e");
const RESERVED: Uuid = uuid!("c95dc21a-df0e-4340-8d7b-26cbfa9a03e0");
const RAID: Uuid = uuid!("be9067b9-ea49-4f15-b4f6-f36f8c9e1818");

/// The type called `name`: one of the above, or any that this program's own descriptions take.
pub(super) fn named(name: &str) -> Result<PartitionType, PartitionTypeError> {
    match NAMES.iter().find(|(known, _)| *known == name) {
        Some((_, guid)) => Ok(PartitionType::from_guid(*guid)),
        None => name.parse(),
    }
}
