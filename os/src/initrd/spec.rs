//! What an initrd is described by: a file of its own, or the table `[initrd]` of a larger one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use kurmadisk::formats::compress::{CompressionError, KernelCompression};
use kurmadisk::spec::{Document, Located, Mode, Place};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::error::InitrdError;

/// An initial RAM filesystem.
///
/// Paths of the host are relative to the description's folder, paths of the sysroot and of the initrd begin at `/`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct InitrdSpec {
    /// The system that programs, libraries and modules come from: `[KIND:]PATH[#PART]`, as trees of disks are named.
    pub sysroot: Option<Located<String>>,
    /// How the archive is compressed; gzip without it.
    pub compression: Option<Located<InitrdCompression>>,
    /// How much of an effort that makes.
    pub level: Option<Located<u32>>,
    /// Seconds since 1970: later times become this one, and what has none gets it.
    pub source_date_epoch: Option<Located<i64>>,
    /// Microcode of processors: files, or folders of them.
    pub microcode: Vec<Located<PathBuf>>,
    /// A ready archive, taken as it is; a segment with one has nothing else.
    pub archive: Option<Located<PathBuf>>,
    /// Programs of the sysroot, taken along with their libraries.
    pub binaries: Vec<Located<String>>,
    /// Whether the modules of glibc's name services come along, as the sysroot's `nsswitch.conf` names them.
    pub nss: Option<Located<bool>>,
    /// Whether libraries come along that programs say they open (`.note.dlopen`).
    pub dlopen: Option<Located<bool>>,
    /// What `/init` leads to.
    pub init: Option<Located<String>>,
    /// busybox and its links.
    pub busybox: Option<BusyboxSpec>,
    /// Kernel modules.
    pub modules: Option<ModulesSpec>,
    /// Application container images, which go to `/acis`.
    pub acis: Vec<Located<PathBuf>>,
    /// Rules of udev: names of the sysroot's, or paths of the host.
    pub udev_rules: Vec<Located<String>>,
    /// `/etc/os-release`.
    pub os_release: Option<Located<ReleaseSpec>>,
    /// Whether `/etc/lsb-release` says the same.
    pub lsb_release: Option<Located<bool>>,
    /// Trees, one over the other.
    #[serde(rename = "tree")]
    pub trees: Vec<TreeEntry>,
    /// Directories.
    #[serde(rename = "directory")]
    pub directories: Vec<DirectoryEntry>,
    /// Programs of the host, taken along with their libraries of the sysroot.
    #[serde(rename = "binary")]
    pub host_binaries: Vec<BinaryEntry>,
    /// Files.
    #[serde(rename = "file")]
    pub files: Vec<FileEntry>,
    /// Links.
    #[serde(rename = "link")]
    pub links: Vec<LinkEntry>,
    /// Devices and pipes.
    #[serde(rename = "node")]
    pub nodes: Vec<NodeEntry>,
    /// Further archives behind this one. Each has the keys of this table, and takes sysroot, compression, level and time
    /// from it where it says none.
    #[serde(rename = "segment")]
    pub segments: Vec<InitrdSpec>,
}

/// A compression, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitrdCompression(pub Option<KernelCompression>);

impl FromStr for InitrdCompression {
    type Err = CompressionError;

    fn from_str(name: &str) -> Result<Self, CompressionError> {
        match name {
            "none" => Ok(Self(None)),
            name => name.parse().map(|compression| Self(Some(compression))),
        }
    }
}

impl fmt::Display for InitrdCompression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.map_or("none", KernelCompression::name))
    }
}

impl<'de> Deserialize<'de> for InitrdCompression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(D::Error::custom)
    }
}

/// A tree (`[[tree]]`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TreeEntry {
    /// Where it is: `[KIND:]PATH[#PART]`. What comes from a folder is root's; archives keep their owners.
    pub source: Located<String>,
    /// The directory that its root becomes; `/` without it.
    pub at: Option<Located<String>>,
}

/// A directory (`[[directory]]`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DirectoryEntry {
    /// Where.
    pub path: Located<String>,
    /// Permission bits; 0755 without them.
    pub mode: Option<Located<Mode>>,
    /// Owner; 0 without it.
    pub uid: Option<u32>,
    /// Group; 0 without it.
    pub gid: Option<u32>,
}

/// A program of the host (`[[binary]]`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BinaryEntry {
    /// The file.
    pub source: Located<PathBuf>,
    /// Where it goes.
    pub path: Located<String>,
    /// Permission bits; 0755 without them.
    pub mode: Option<Located<Mode>>,
}

/// A file (`[[file]]`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FileEntry {
    /// Where.
    pub path: Located<String>,
    /// The file of the host; this or `text`.
    pub source: Option<Located<PathBuf>>,
    /// The content itself.
    pub text: Option<Located<String>>,
    /// Permission bits; 0644 without them.
    pub mode: Option<Located<Mode>>,
    /// Owner; 0 without it.
    pub uid: Option<u32>,
    /// Group; 0 without it.
    pub gid: Option<u32>,
}

/// A link (`[[link]]`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LinkEntry {
    /// Where.
    pub path: Located<String>,
    /// Where it leads; for a hard link, the file's other path.
    pub target: Located<String>,
    /// Whether it is a hard link.
    #[serde(default)]
    pub hard: bool,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeType {
    /// A character device.
    #[serde(alias = "c")]
    Char,
    /// A block device.
    #[serde(alias = "b")]
    Block,
    /// A named pipe.
    #[serde(alias = "p")]
    Fifo,
}

/// A device or a pipe (`[[node]]`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NodeEntry {
    /// Where.
    pub path: Located<String>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Located<NodeType>,
    /// The device's major number.
    pub major: Option<Located<u32>>,
    /// The device's minor number.
    pub minor: Option<Located<u32>>,
    /// Permission bits; 0600 without them.
    pub mode: Option<Located<Mode>>,
    /// Owner; 0 without it.
    pub uid: Option<u32>,
    /// Group; 0 without it.
    pub gid: Option<u32>,
}

/// busybox (`[busybox]`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BusyboxSpec {
    /// The program in the sysroot; `/bin/busybox` without it.
    pub path: Option<Located<String>>,
    /// Its names; all that it has without them.
    pub applets: Option<Vec<Located<String>>>,
    /// The directory of the links; `/bin` without it.
    pub links: Option<Located<String>>,
}

/// Kernel modules: a list of names, or a table (`[modules]`).
#[derive(Clone, Debug, Default)]
pub struct ModulesSpec {
    /// Names, patterns of names, and folders such as `kernel/drivers/virtio/`.
    pub names: Vec<Located<String>>,
    /// The kernel's release, where there are several.
    pub kernel: Option<Located<String>>,
    /// Where they come from, if not from the sysroot: a tree with `lib/modules` in it.
    pub from: Option<Located<String>>,
    /// Whether their files stay compressed; they do not, without it.
    pub compressed: Option<Located<bool>>,
    /// Whether the firmware that they ask for comes along.
    pub firmware: Option<Located<bool>>,
}

/// `/etc/os-release`: a file of the host, or what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseSpec {
    /// The file.
    File(PathBuf),
    /// Keys and values, in the order of the keys.
    Values(Vec<(String, String)>),
}

impl<'de> Deserialize<'de> for ModulesSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        struct Table {
            names: Vec<Located<String>>,
            kernel: Option<Located<String>>,
            from: Option<Located<String>>,
            compressed: Option<Located<bool>>,
            firmware: Option<Located<bool>>,
        }

        struct ListOrTable;

        impl<'de> Visitor<'de> for ListOrTable {
            type Value = ModulesSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of modules, or a table with names")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ModulesSpec, A::Error> {
                let mut modules = ModulesSpec::default();
                while let Some(name) = list.next_element()? {
                    modules.names.push(name);
                }
                Ok(modules)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ModulesSpec, A::Error> {
                let table = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ModulesSpec {
                    names: table.names,
                    kernel: table.kernel,
                    from: table.from,
                    compressed: table.compressed,
                    firmware: table.firmware,
                })
            }
        }

        deserializer.deserialize_any(ListOrTable)
    }
}

impl<'de> Deserialize<'de> for ReleaseSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FileOrTable;

        impl<'de> Visitor<'de> for FileOrTable {
            type Value = ReleaseSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the path of a file, or a table of its keys")
            }

            fn visit_str<E: Error>(self, path: &str) -> Result<ReleaseSpec, E> {
                Ok(ReleaseSpec::File(path.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ReleaseSpec, A::Error> {
                let mut values = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    values.push(entry);
                }
                Ok(ReleaseSpec::Values(values))
            }
        }

        deserializer.deserialize_any(FileOrTable)
    }
}

impl InitrdSpec {
    /// Reads a description; its relative paths become relative to its folder.
    pub fn from_file(path: &Path) -> Result<Self, InitrdError> {
        let document = Document::from_file(path)?;
        let mut spec: Self = document.parse()?;
        spec.locate(&document);
        spec.resolve_paths(path.parent().unwrap_or_else(|| Path::new("")));
        Ok(spec)
    }

    /// Turns places from spans into lines and columns of the document that this was read from.
    pub fn locate(&mut self, document: &Document) {
        self.each_place(&mut |place| {
            if let Place::Span(span) = place {
                *place = document.place(span.start);
            }
        });
    }

    /// Makes relative paths of the host relative to `folder`.
    pub fn resolve_paths(&mut self, folder: &Path) {
        self.each_path(&mut |path| {
            let joined = folder.join(&*path);
            *path = joined;
        });
    }

    /// Every file and folder of the host that is read.
    #[must_use]
    pub fn inputs(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        self.clone().each_path(&mut |path| paths.push(path.clone()));
        paths
    }

    fn each_place(&mut self, tell: &mut dyn FnMut(&mut Place)) {
        macro_rules! tell {
            ($($field:expr),* $(,)?) => {$(
                for located in $field.iter_mut() {
                    tell(&mut located.place);
                }
            )*};
        }
        tell!(
            self.sysroot,
            self.compression,
            self.level,
            self.source_date_epoch,
            self.microcode,
            self.archive,
            self.binaries,
            self.nss,
            self.dlopen,
            self.init,
            self.acis,
            self.udev_rules,
            self.os_release,
            self.lsb_release,
        );
        if let Some(busybox) = &mut self.busybox {
            tell!(
                busybox.path,
                busybox.links,
                busybox.applets.iter_mut().flatten().collect::<Vec<_>>()
            );
        }
        if let Some(modules) = &mut self.modules {
            tell!(
                modules.names,
                modules.kernel,
                modules.from,
                modules.compressed,
                modules.firmware
            );
        }
        for tree in &mut self.trees {
            tell!([&mut tree.source], tree.at);
        }
        for directory in &mut self.directories {
            tell!([&mut directory.path], directory.mode);
        }
        for binary in &mut self.host_binaries {
            tell!([&mut binary.source], [&mut binary.path], binary.mode);
        }
        for file in &mut self.files {
            tell!([&mut file.path], file.source, file.text, file.mode);
        }
        for link in &mut self.links {
            tell!([&mut link.path], [&mut link.target]);
        }
        for node in &mut self.nodes {
            tell!(
                [&mut node.path],
                [&mut node.kind],
                node.major,
                node.minor,
                node.mode
            );
        }
        for segment in &mut self.segments {
            segment.each_place(tell);
        }
    }

    fn each_path(&mut self, tell: &mut dyn FnMut(&mut PathBuf)) {
        let files = self
            .files
            .iter_mut()
            .filter_map(|file| file.source.as_mut());
        let binaries = self
            .host_binaries
            .iter_mut()
            .map(|binary| &mut binary.source);
        let paths = self.microcode.iter_mut().chain(&mut self.acis);
        for path in paths.chain(files).chain(binaries).chain(&mut self.archive) {
            tell(&mut path.value);
        }
        if let Some(Located {
            value: ReleaseSpec::File(path),
            ..
        }) = &mut self.os_release
        {
            tell(path);
        }
        for rule in self
            .udev_rules
            .iter_mut()
            .filter(|rule| rule.value.contains('/'))
        {
            let mut path = PathBuf::from(&rule.value);
            tell(&mut path);
            rule.value = path.to_string_lossy().into_owned();
        }
        let from = self
            .modules
            .iter_mut()
            .filter_map(|modules| modules.from.as_mut());
        let trees = self.trees.iter_mut().map(|tree| &mut tree.source);
        for tree in self.sysroot.iter_mut().chain(from).chain(trees) {
            let (kind, path, part) = tree_text(&tree.value);
            let mut path = PathBuf::from(path);
            tell(&mut path);
            tree.value = format!("{kind}{}{part}", path.display());
        }
        for segment in &mut self.segments {
            segment.each_path(tell);
        }
    }
}

/// A tree's text as its kind with the colon, its path, and its part with the `#`.
fn tree_text(text: &str) -> (&str, &str, &str) {
    let kind = text.find(':').filter(|at| {
        let kind = text[..*at].parse::<kurmadisk::source::SourceKind>();
        kind.is_ok()
    });
    let (kind, path) = text.split_at(kind.map_or(0, |at| at + 1));
    let part = path.rfind('#').unwrap_or(path.len());
    (kind, &path[..part], &path[part..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_host_are_found_and_those_of_the_initrd_left_alone() {
        let text = r#"
            sysroot = "tar:base.tar#x"
            microcode = ["ucode"]
            binaries = ["/bin/sh"]
            udev-rules = ["60-block.rules", "rules/70-own.rules"]
            os-release = "os-release"
            acis = ["a.aci"]
            modules = ["ext4"]
            [[file]]
            path = "/etc/x"
            source = "x"
            [[segment]]
            archive = "more.cpio"
            [[segment]]
            [segment.modules]
            names = ["loop"]
            from = "modules.tar"
        "#;
        let document = Document::new("spec", text.to_owned());
        let mut spec: InitrdSpec = document.parse().unwrap();
        spec.locate(&document);
        spec.resolve_paths(Path::new("/base"));
        let mut inputs = spec.inputs();
        inputs.sort();
        let expected = [
            "a.aci",
            "base.tar",
            "modules.tar",
            "more.cpio",
            "os-release",
            "rules/70-own.rules",
            "ucode",
            "x",
        ];
        assert_eq!(inputs, expected.map(|name| Path::new("/base").join(name)));
        let sysroot = spec.sysroot.unwrap();
        assert_eq!(sysroot.value, "tar:/base/base.tar#x");
        assert_eq!(sysroot.place.to_string(), "spec:2:23");
        assert_eq!(spec.binaries[0].value, "/bin/sh");
    }

    #[test]
    fn what_is_no_key_or_no_value_of_one_is_refused_with_its_place() {
        for (text, expected) in [
            (
                "binary = 1",
                "spec:1:10: invalid type: integer `1`, expected a sequence",
            ),
            ("\nbinarys = []", "spec:2:1: unknown field `binarys`"),
            (
                "compression = \"lzma\"",
                "no compression that the kernel reads",
            ),
            (
                "[[node]]\npath = \"/dev/x\"\ntype = \"z\"",
                "unknown variant `z`",
            ),
            (
                "modules = 7",
                "expected a list of modules, or a table with names",
            ),
        ] {
            let error = Document::new("spec", text.to_owned())
                .parse::<InitrdSpec>()
                .unwrap_err();
            let error = error.to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
