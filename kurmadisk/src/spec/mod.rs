//! What the user wrote: the shape of a description, and where in it each value stands.
//!
//! A description comes in layers: the built-in layout or a layout file lies below, the
//! configuration file above it, and options of the command line (or calls of the
//! [`Builder`](crate::Builder)) on top. Each layer may leave out any field; the upper one's value
//! counts. Partitions of two layers are one when they have the same number.
//!
//! Every value keeps its [`Place`], so that an error found much later still says where to look.
//!
//! | file | holds |
//! |---|---|
//! | `located` | [`Located`]: a value and its place |
//! | `disk_layout` | the `disk_layout.json` of ChromiumOS, CoreOS and Flatcar |
//! | `layer` | putting one layer over another |
//! | `image` | [`ImageSpec`]: everything but partitions |
//! | `partition` | [`PartitionSpec`], [`FilesystemSpec`] |
//! | `overrides` | [`OverrideSpec`], and files of them |
//! | `changes` | [`TreeChanges`]: how they are changed |
//! | `efi_stub` | [`EfiStub`]: what a unified kernel image begins with |
//! | `machine` | [`MachineSpec`]: the machine around the disk, in packages |
//! | `target` | [`Target`], [`TargetSpec`]: what packages are made for |
//! | `grub` | [`GrubSpec`]: GRUB as the loader |
//! | `secure_boot` | [`SecureBootSpec`]: the key that signs what firmware starts |
//! | `tree` | [`TreeList`]: where trees come from |
//! | `verity` | [`VeritySpec`]: hash trees that vouch for partitions |
//! | `value` | values with a syntax of their own: sizes, shares, types |
//! | `parse` | reading TOML; the built-in layouts |

mod changes;
#[cfg(feature = "disk-layout")]
mod disk_layout;
mod efi_stub;
mod grub;
mod image;
mod layer;
mod located;
mod machine;
mod overrides;
mod parse;
mod partition;
mod secure_boot;
mod target;
mod tree;
mod value;
mod verity;

pub use crate::place::Place;
pub use changes::{IdRanges, Paths, Patterns, TreeChanges};
pub use efi_stub::EfiStub;
pub use grub::GrubSpec;
pub use image::{DiskSpec, FileSpec, ImageSpec, TableKind};
pub use located::Located;
pub use machine::{
    DiskController, Firmware, GuestOs, MacAddress, MachineSpec, Network, NicModel, NicSpec,
};
pub use overrides::{OverrideSpec, XattrSpec};
pub use parse::{BUILT_IN_LAYOUTS, Document, SpecError};
pub use partition::{
    Binds, Content, ErrorsSpec, FilesystemKind, FilesystemSpec, PartitionSpec, ProfileSpec,
};
pub use secure_boot::SecureBootSpec;
pub use target::{
    ImportFormat, ManifestDigest, OvfVersion, Target, TargetSpec, TargetSpecs, VirtualboxMachine,
    Wrap,
};
pub use tree::{TreeList, TreeSpec};
pub use value::{
    AttributeNames, FeatureNames, Formats, FreeInodesSpec, FreeSpec, Mode, MountOptionNames, Name,
    Number, PerMille, SizeSpec,
};
pub use verity::{Salt, VeritySpec};
