//! Inputs, and other people's view of the results.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use kurmadisk::boot::BootFiles;
use kurmadisk::tree::{Metadata, NodeKind, Tree};
use kurmadisk_fixtures::demo;
use kurmadisk_fixtures::oracle::{EFI_STUB, SYSTEMD_BOOT, Tool};
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::ReadAt;
use tempfile::TempDir;

const OBJDUMP: Tool = Tool {
    program: "objdump",
    package: "binutils",
};
const OBJCOPY: Tool = Tool {
    program: "objcopy",
    package: "binutils",
};

pub const COMMAND_LINE: &str = "root=LABEL=ROOT kurma.test=1 ro";
pub const OS_RELEASE: &str = "ID=kurmaos\nNAME=KurmaOS\nPRETTY_NAME=\"KurmaOS 1\"\n";
pub const SLOT_KERNEL: &str = "/kurmaos/vmlinuz-a";
pub const SLOT_INITRD: &str = "/kurmaos/initrd-a";
pub const SLOT_CMDLINE: &str = "/kurmaos/cmdline";

pub fn content(bytes: impl Into<Vec<u8>>) -> DiskMap {
    let bytes = bytes.into();
    let mut map = DiskMap::new(bytes.len() as u64);
    map.insert_bytes(0, bytes).expect("within its length");
    map
}

pub fn bytes_of(map: &DiskMap) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(map.len()).unwrap()];
    map.reader().read_exact_at(0, &mut bytes).unwrap();
    bytes
}

pub fn stub() -> Vec<u8> {
    fs::read(EFI_STUB.require().unwrap()).unwrap()
}

pub fn manager() -> Vec<u8> {
    fs::read(SYSTEMD_BOOT.require().unwrap()).unwrap()
}

pub fn kernel() -> Vec<u8> {
    demo::bz_image().unwrap()
}

/// An initrd whose length fits no alignment and whose content is no constant of ours.
pub fn initrd() -> Vec<u8> {
    (0..100_003_u32)
        .flat_map(|n| n.wrapping_mul(n).to_le_bytes())
        .take(300_001)
        .collect()
}

/// Kernel, initrd and command line; no loader.
pub fn files(slots: bool) -> BootFiles {
    BootFiles {
        kernel: Some(content(kernel())),
        initrd: Some(content(initrd())),
        cmdline: COMMAND_LINE.to_owned(),
        slots,
        os_release: Some(OS_RELEASE.to_owned()),
        ..BootFiles::default()
    }
}

pub fn meta() -> Metadata {
    Metadata {
        mode: 0o644,
        ..Metadata::default()
    }
}

pub fn file(tree: &Tree, path: &str) -> Vec<u8> {
    let node = tree
        .lookup(path.as_bytes())
        .unwrap_or_else(|| panic!("no {path}"));
    match &tree.node(node).kind {
        NodeKind::File(content) => bytes_of(content),
        other => panic!("{path} is {other:?}"),
    }
}

/// Paths of all files, with a leading slash.
pub fn paths(tree: &Tree) -> Vec<String> {
    let files = tree
        .paths()
        .into_iter()
        .filter(|(_, node)| matches!(tree.node(*node).kind, NodeKind::File(_)));
    files
        .map(|(path, _)| format!("/{}", String::from_utf8(path).unwrap()))
        .collect()
}

/// An error and its causes, one after the other.
pub fn told(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

/// A PE image in a file, as binutils see it.
pub struct Image {
    folder: TempDir,
}

impl Image {
    pub fn new(bytes: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("image.efi"), bytes).unwrap();
        Self { folder }
    }

    /// Sections in their order: name, address and offset in the file.
    pub fn sections(&self) -> Vec<(String, u64, u64)> {
        let listing = self.dump(&["-h", "-w"]);
        let rows = listing.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            words.next()?.parse::<u32>().ok()?;
            let name = words.next()?.to_owned();
            let hex = |word: &str| u64::from_str_radix(word, 16).ok();
            let address = hex(words.nth(1)?)?;
            Some((name, address, hex(words.nth(1)?)?))
        });
        rows.collect()
    }

    /// A field of the headers, by the name objdump gives it.
    pub fn header(&self, field: &str) -> u64 {
        let listing = self.dump(&["-p"]);
        let found = listing.lines().find_map(|line| {
            let value = line.strip_prefix(field)?.split_whitespace().next()?;
            u64::from_str_radix(value, 16).ok()
        });
        found.unwrap_or_else(|| panic!("no {field} in {listing}"))
    }

    /// The content of a section.
    pub fn section(&self, name: &str) -> Vec<u8> {
        let out = self.folder.path().join("section");
        let only = format!("--only-section={name}");
        let set_flags = format!("--set-section-flags={name}=alloc,load,contents");
        let mut command = OBJCOPY.command().unwrap();
        command.args(["-O", "binary", &only, &set_flags]);
        command.arg(self.path()).arg(&out);
        assert!(command.status().unwrap().success(), "objcopy {name}");
        fs::read(out).unwrap()
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("image.efi")
    }

    fn dump(&self, arguments: &[&str]) -> String {
        let mut command = OBJDUMP.command().unwrap();
        let output = command.args(arguments).arg(self.path()).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && errors.is_empty(),
            "objdump: {errors}"
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A place in the headers of a PE image.
#[derive(Clone, Copy)]
pub enum Field {
    /// From the COFF header's begin.
    Coff(usize),
    /// From the optional header's begin.
    Optional(usize),
    /// From the begin of a row of the section table.
    Row(usize, usize),
}

impl Field {
    pub fn offset(self, image: &[u8]) -> usize {
        let number = |at: usize| {
            usize::try_from(u32::from_le_bytes(image[at..at + 4].try_into().unwrap())).unwrap()
        };
        let coff = number(0x3c);
        match self {
            Self::Coff(at) => coff + at,
            Self::Optional(at) => coff + 24 + at,
            Self::Row(row, at) => coff + 24 + (number(coff + 20) & 0xffff) + 40 * row + at,
        }
    }

    pub fn set(self, image: &mut [u8], value: &[u8]) {
        let at = self.offset(image);
        image[at..at + value.len()].copy_from_slice(value);
    }
}

/// The stub with sections of no content, until its section table fills its headers to the last
/// whole row.
pub fn stub_without_room() -> Vec<u8> {
    let mut stub = stub();
    let at = Field::Coff(6).offset(&stub);
    let count = usize::from(u16::from_le_bytes(stub[at..at + 2].try_into().unwrap()));
    let headers = Field::Optional(60).offset(&stub);
    let headers = u32::from_le_bytes(stub[headers..headers + 4].try_into().unwrap());
    let table = Field::Row(0, 0).offset(&stub);
    let full = (usize::try_from(headers).unwrap() - table) / 40;
    assert!(full > count, "the stub has no room to be filled");
    for row in count..full {
        let address = 0x2_0000 + u32::try_from(row).unwrap() * 0x1000;
        Field::Row(row, 0).set(&mut stub, format!(".fill{:02}\0", row % 100).as_bytes());
        Field::Row(row, 8).set(&mut stub, &16_u32.to_le_bytes());
        Field::Row(row, 12).set(&mut stub, &address.to_le_bytes());
        Field::Row(row, 36).set(&mut stub, &0x4000_0080_u32.to_le_bytes());
    }
    Field::Coff(6).set(&mut stub, &u16::try_from(full).unwrap().to_le_bytes());
    let end = 0x2_0000 + u32::try_from(full).unwrap() * 0x1000;
    Field::Optional(56).set(&mut stub, &end.to_le_bytes());
    stub
}
