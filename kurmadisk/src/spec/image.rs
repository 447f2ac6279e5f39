//! The description of an image.

use std::num::NonZero;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use uuid::Uuid;

use super::changes::{Paths, TreeChanges};
use super::efi_stub::EfiStub;
use super::grub::GrubSpec;
use super::layer::{Layer, layered};
use super::located::Located;
use super::machine::MachineSpec;
use super::overrides::OverrideSpec;
use super::parse::{Document, SpecError};
use super::partition::PartitionSpec;
use super::secure_boot::SecureBootSpec;
use super::target::TargetSpecs;
use super::tree::TreeList;
use super::value::{Formats, Mode, Name, Number, SizeSpec};
use crate::layout::Size;

/// Everything a configuration file can say. Paths in it are relative to its folder.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ImageSpec {
    /// The image's name: part of its identity, and of its file's name.
    pub name: Option<Located<String>>,
    /// A built-in layout's name, or the path of a file that may have all this too.
    pub layout: Option<Located<String>>,
    /// Which of the layouts in a `disk_layout.json`; `base` without it.
    pub disk_layout: Option<Located<String>>,
    /// The image's formats, by name.
    pub format: Option<Located<Formats>>,
    /// The image's path.
    pub output: Option<Located<PathBuf>>,
    /// Size of the disk.
    pub size: Option<Located<SizeSpec>>,
    /// Any text; another one gives other identifiers.
    pub seed: Option<Located<String>>,
    /// Time of what has none of its own: seconds since 1970.
    pub source_date_epoch: Option<Located<i64>>,
    /// Linux kernel.
    pub kernel: Option<Located<PathBuf>>,
    /// Initial RAM disk.
    pub initrd: Option<Located<PathBuf>>,
    /// Kernel command line.
    pub cmdline: Option<Located<String>>,
    /// Trees whose content goes into the root partition.
    pub root: TreeList,
    /// Trees whose content goes into the OEM partition.
    pub oem: TreeList,
    /// How all of these trees are changed as they are read (`[trees]`).
    pub trees: TreeChanges,
    /// Files of overrides for the root partition, TOML or mtree.
    pub overrides: Option<Located<Paths>>,
    /// Overrides for the root partition (`[[override]]`).
    #[serde(rename = "override")]
    pub own_overrides: Vec<OverrideSpec>,
    /// Labels of the root partition for `SELinux`: a policy's `file_contexts`.
    pub file_contexts: Option<Located<PathBuf>>,
    /// UEFI stub that a unified kernel image begins with.
    pub efi_stub: Option<Located<EfiStub>>,
    /// The systemd-boot boot manager.
    pub systemd_boot: Option<Located<PathBuf>>,
    /// GRUB.
    pub grub: GrubSpec,
    /// How often the boot manager tries the kernel before it prefers another entry.
    pub boot_tries: Option<Located<NonZero<u8>>>,
    /// What signs EFI programs.
    pub secure_boot: SecureBootSpec,
    /// Folder for uncompressed copies of archives while the image is made; memory without it.
    pub scratch: Option<Located<PathBuf>>,
    /// The machine around the disk, in packages.
    pub machine: MachineSpec,
    /// What is special to each target of packages (`[target.NAME]`).
    pub target: TargetSpecs,
    /// The disk and its table.
    pub disk: DiskSpec,
    /// The partitions (`[[partition]]`).
    #[serde(rename = "partition")]
    pub partitions: Vec<PartitionSpec>,
    /// Single files and trees to be placed (`[[files]]`).
    pub files: Vec<FileSpec>,
}

layered!(ImageSpec {
    name,
    layout,
    disk_layout,
    format,
    output,
    size,
    seed,
    source_date_epoch,
    kernel,
    initrd,
    cmdline,
    root,
    oem,
    trees,
    overrides,
    own_overrides,
    file_contexts,
    efi_stub,
    systemd_boot,
    grub,
    boot_tries,
    secure_boot,
    scratch,
    machine,
    target,
    disk,
    partitions,
    files,
});

/// The kind of partition table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableKind {
    /// GUID partition table.
    Gpt,
    /// Plain MBR.
    Mbr,
}

/// The disk and its partition table (`[disk]`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct DiskSpec {
    /// The kind of table.
    pub table: Option<Located<TableKind>>,
    /// Bytes in a sector: 512 or 4096.
    pub sector_size: Option<Located<u64>>,
    /// Partitions begin at a multiple of this.
    pub partition_alignment: Option<Located<Size>>,
    /// The disk's size is a multiple of this.
    pub disk_alignment: Option<Located<Size>>,
    /// GPT: number of entries.
    pub entries: Option<Located<u32>>,
    /// GPT: the disk's GUID.
    pub guid: Option<Located<Uuid>>,
    /// MBR: the disk's signature.
    pub signature: Option<Located<Number<u32>>>,
}

layered!(DiskSpec {
    table,
    sector_size,
    partition_alignment,
    disk_alignment,
    entries,
    guid,
    signature,
});

/// A file or tree to be placed in a partition (`[[files]]`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FileSpec {
    /// Label or number of the partition.
    pub partition: Located<Name>,
    /// Where in its filesystem.
    pub path: Located<String>,
    /// The file or folder on the host; this, `text` or `tree`.
    pub source: Option<Located<PathBuf>>,
    /// The content itself.
    pub text: Option<Located<String>>,
    /// Trees whose content goes there.
    #[serde(default)]
    pub tree: TreeList,
    /// Permission bits; 0644 without it.
    pub mode: Option<Located<Mode>>,
    /// Owner; 0 without it.
    pub uid: Option<Located<u32>>,
    /// Group; 0 without it.
    pub gid: Option<Located<u32>>,
}

/// Partitions of two layers are one when they have the same number.
impl Layer for Vec<PartitionSpec> {
    fn over(self, below: Self) -> Self {
        let mut merged = below;
        for upper in self {
            let number = upper.number.as_ref().map(|number| number.value);
            let same = merged.iter_mut().find(|lower| {
                number.is_some() && lower.number.as_ref().map(|number| number.value) == number
            });
            match same {
                Some(lower) => *lower = upper.over(std::mem::take(lower)),
                None => merged.push(upper),
            }
        }
        merged
    }

    fn locate(&mut self, document: &Document) {
        for partition in self {
            partition.locate(document);
        }
    }
}

/// Files of the upper layer come behind those of the lower.
impl Layer for Vec<FileSpec> {
    fn over(self, below: Self) -> Self {
        below.into_iter().chain(self).collect()
    }

    fn locate(&mut self, document: &Document) {
        for file in self {
            file.partition.locate(document);
            file.path.locate(document);
            file.source.locate(document);
            file.text.locate(document);
            file.tree.locate(document);
            file.mode.locate(document);
            file.uid.locate(document);
            file.gid.locate(document);
        }
    }
}

impl ImageSpec {
    /// This description over `below`: what it leaves out is taken from there.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Layer::over(self, below)
    }

    /// Every file and folder of the host that the image is made from, but for those of layouts.
    #[must_use]
    pub fn input_paths(&self) -> Vec<PathBuf> {
        let files = [
            &self.kernel,
            &self.initrd,
            &self.systemd_boot,
            &self.grub.folder,
            &self.grub.config,
            &self.file_contexts,
            &self.secure_boot.key,
            &self.secure_boot.certificate,
            &self.trees.fakeroot,
            &self.machine.license,
        ];
        let placed = self.files.iter().map(|file| &file.source);
        let files = files.into_iter().chain(placed).flatten();
        let placed = self.files.iter().map(|file| &file.tree);
        let placed = placed.chain(self.target.0.values().map(|target| &target.oem));
        let trees = [&self.root, &self.oem].into_iter().chain(placed);
        let trees = trees.flat_map(|trees| &trees.0);
        let trees = trees.flat_map(|tree| [Some(&tree.path), tree.changes.fakeroot.as_ref()]);
        let paths = files.chain(trees.flatten()).map(|path| &path.value);
        let overrides = self.overrides.iter().flat_map(|paths| &paths.value.0);
        let stub = self.efi_stub.iter();
        let stub = stub.filter_map(|stub| stub.value.path().map(Path::to_path_buf));
        paths.chain(overrides).cloned().chain(stub).collect()
    }

    /// Makes relative paths relative to `folder`.
    pub(super) fn resolve_paths(&mut self, folder: &Path) -> Result<(), SpecError> {
        let fields = [
            &mut self.output,
            &mut self.kernel,
            &mut self.initrd,
            &mut self.systemd_boot,
            &mut self.scratch,
            &mut self.file_contexts,
        ];
        if let Some(stub) = &mut self.efi_stub {
            stub.value.resolve_path(folder);
        }
        self.trees.resolve_paths(folder);
        self.grub.resolve_paths(folder);
        self.secure_boot.resolve_paths(folder);
        self.machine.resolve_paths(folder);
        self.target.resolve_paths(folder);
        for path in self
            .overrides
            .iter_mut()
            .flat_map(|paths| &mut paths.value.0)
        {
            *path = folder.join(&*path);
        }
        let placed = self.files.iter_mut().map(|file| &mut file.tree);
        for trees in [&mut self.root, &mut self.oem].into_iter().chain(placed) {
            trees.resolve_paths(folder);
        }
        let files = self.files.iter_mut().map(|file| &mut file.source);
        if let Some(layout) = &mut self.layout
            && !super::BUILT_IN_LAYOUTS
                .iter()
                .any(|(name, _)| *name == layout.value)
        {
            let path = folder.join(&layout.value).into_os_string();
            layout.value = path.into_string().map_err(|path| SpecError::Syntax {
                place: layout.place.clone(),
                reason: format!(
                    "layout: {} is not UTF-8; rename the folder, or name the layout by --layout",
                    path.display()
                ),
            })?;
        }
        for path in fields.into_iter().chain(files).flatten() {
            path.value = folder.join(&path.value);
        }
        Ok(())
    }
}
