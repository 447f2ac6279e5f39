//! A description written in Rust.

use std::num::NonZero;
use std::path::PathBuf;

use crate::layout::Size;
use crate::plan::{Plan, PlanError, Trees};
use crate::spec::{ImageSpec, Located, PartitionSpec, SecureBootSpec, SizeSpec, TreeSpec};
use crate::tree::Tree;

/// Describes an image call by call; [`plan`](Self::plan) decides it.
///
/// ```no_run
/// use std::ops::ControlFlow;
/// use std::path::Path;
///
/// use kurmadisk::{Builder, ImageFormat};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let plan = Builder::new("appliance")
///     .layout("efi")
///     .kernel("vmlinuz")
///     .initrd("initrd.img")
///     .cmdline("root=PARTLABEL=ROOT console=ttyS0")
///     .efi_stub("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")
///     .root("rootfs")
///     .plan()?;
/// println!("a disk of {} bytes", plan.layout().len_bytes());
/// plan.write(ImageFormat::Raw, Path::new("appliance.raw"), &mut |progress| {
///     println!("{} of {} bytes", progress.done, progress.total);
///     ControlFlow::Continue(())
/// })?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    spec: ImageSpec,
    trees: Trees,
}

impl Builder {
    /// An image called `name`; the name is part of its identity.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self::from_spec(ImageSpec {
            name: set(name.into()),
            ..ImageSpec::default()
        })
    }

    /// Goes on from a description, such as one read by [`ImageSpec::from_file`].
    #[must_use]
    pub fn from_spec(spec: ImageSpec) -> Self {
        Self {
            spec,
            trees: Trees::default(),
        }
    }

    /// Takes a built-in layout (`kurmaos`, `kurmaos-vm`, `efi`, `bios`) or that of a file.
    #[must_use]
    pub fn layout(mut self, name: impl Into<String>) -> Self {
        self.spec.layout = set(name.into());
        self
    }

    /// Gives the disk a size in bytes; the layout's growing partition takes what is left.
    #[must_use]
    pub fn size(mut self, bytes: u64) -> Self {
        self.spec.size = set(SizeSpec::Fixed(Size::Bytes(bytes)));
        self
    }

    /// Any text; another one gives the same disk other identifiers.
    #[must_use]
    pub fn seed(mut self, seed: impl Into<String>) -> Self {
        self.spec.seed = set(seed.into());
        self
    }

    /// The time of what has none of its own, in seconds since 1970.
    #[must_use]
    pub fn source_date_epoch(mut self, seconds: i64) -> Self {
        self.spec.source_date_epoch = set(seconds);
        self
    }

    /// The Linux kernel, a bzImage.
    #[must_use]
    pub fn kernel(mut self, path: impl Into<PathBuf>) -> Self {
        self.spec.kernel = set(path.into());
        self
    }

    /// The initial RAM disk.
    #[must_use]
    pub fn initrd(mut self, path: impl Into<PathBuf>) -> Self {
        self.spec.initrd = set(path.into());
        self
    }

    /// The kernel's command line.
    #[must_use]
    pub fn cmdline(mut self, text: impl Into<String>) -> Self {
        self.spec.cmdline = set(text.into());
        self
    }

    /// The UEFI stub a unified kernel image begins with: a path, or `kurmaboot` for kurmadisk's own.
    #[must_use]
    pub fn efi_stub(mut self, path: impl Into<PathBuf>) -> Self {
        self.spec.efi_stub = set(path.into().into());
        self
    }

    /// The systemd-boot boot manager.
    #[must_use]
    pub fn systemd_boot(mut self, path: impl Into<PathBuf>) -> Self {
        self.spec.systemd_boot = set(path.into());
        self
    }

    /// GRUB as the loader, from the folder of its installation, such as `/usr/lib/grub`.
    #[must_use]
    pub fn grub(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spec.grub.folder = set(folder.into());
        self
    }

    /// How often systemd-boot tries the kernel before it prefers another entry.
    #[must_use]
    pub fn boot_tries(mut self, tries: NonZero<u8>) -> Self {
        self.spec.boot_tries = set(tries);
        self
    }

    /// Signs what UEFI firmware starts with an RSA key and its certificate, both PEM.
    #[must_use]
    pub fn sign_with(mut self, key: impl Into<PathBuf>, certificate: impl Into<PathBuf>) -> Self {
        self.spec.secure_boot = SecureBootSpec {
            key: set(key.into()),
            certificate: set(certificate.into()),
        };
        self
    }

    /// What goes into the root partition: a folder, an archive, a container or disk image. A further call lays
    /// another one over those before.
    #[must_use]
    pub fn root(self, path: impl Into<PathBuf>) -> Self {
        self.root_from(TreeSpec::new(Located::by_caller(path.into())))
    }

    /// As [`root`](Self::root), with all that can be said of a tree's source.
    #[must_use]
    pub fn root_from(mut self, tree: TreeSpec) -> Self {
        self.spec.root.0.push(tree);
        self
    }

    /// A tree for the root partition.
    #[must_use]
    pub fn root_tree(mut self, tree: Tree) -> Self {
        self.trees.root = Some(tree);
        self
    }

    /// What goes into the OEM partition, as with [`root`](Self::root).
    #[must_use]
    pub fn oem(mut self, path: impl Into<PathBuf>) -> Self {
        let tree = TreeSpec::new(Located::by_caller(path.into()));
        self.spec.oem.0.push(tree);
        self
    }

    /// The folder for uncompressed copies of archives; without one they are made in memory.
    #[must_use]
    pub fn scratch(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spec.scratch = set(folder.into());
        self
    }

    /// A tree for the OEM partition.
    #[must_use]
    pub fn oem_tree(mut self, tree: Tree) -> Self {
        self.trees.oem = Some(tree);
        self
    }

    /// Adds a partition, or changes the layout's one with the same number.
    #[must_use]
    pub fn partition(mut self, partition: PartitionSpec) -> Self {
        self.spec.partitions.push(partition);
        self
    }

    /// Decides the disk to the last byte. Names and metadata of the trees are read, no content.
    pub fn plan(self) -> Result<Plan, PlanError> {
        Plan::new(&self.spec, self.trees)
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every field of a description may be missing"
)]
fn set<T>(value: T) -> Option<Located<T>> {
    Some(Located::by_caller(value))
}
