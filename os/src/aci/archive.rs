//! Images read back: an archive of `manifest` and `rootfs` (specification 0.8, "Image Archives").

use std::path::{Path, PathBuf};

use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::read_at::ReadAt;
use kurmadisk::host_file;
use kurmadisk::source::Scratch;
use kurmadisk::source::decompress::decompressed;
use kurmadisk::source::tar::{self, TarMode};
use kurmadisk::tree::{Metadata, NodeKind, Tree};
use sha2::Sha512;

use super::error::AciError;
use super::lay;
use super::manifest::{self, Checked, Fault, ImageId, ImageManifest, MAX_MANIFEST, Node, Origin};
use super::pack;

/// The two names at an archive's top.
pub(super) const MANIFEST: &str = "manifest";
pub(super) const ROOTFS: &str = "rootfs";

/// An image as it was read: the content of its files by reference.
#[derive(Clone, Debug)]
pub struct AciImage {
    /// Its file.
    pub path: PathBuf,
    /// The SHA-512 of its archive, uncompressed.
    pub id: ImageId,
    /// The length of its file in bytes.
    pub size: u64,
    /// The length of its archive in bytes, uncompressed.
    pub uncompressed: u64,
    /// How it is compressed, such as `gzip`; `none` if it isn't.
    pub compression: &'static str,
    /// What is wrong with its layout.
    pub faults: Vec<Fault>,
    /// What its manifest says, and what is wrong with that.
    pub checked: Checked,
    /// Its files.
    pub rootfs: Tree,
}

impl AciImage {
    /// Reads an image, whatever is wrong with its layout and its manifest. Uncompressed copies go where `scratch` says.
    ///
    /// Fails when it is no sound tar archive: one with a member twice, or with names that lead outside.
    pub fn read(path: &Path, scratch: &Scratch) -> Result<Self, AciError> {
        let file = host_file(path)?;
        let size = file.len();
        let compression = compression(&file, path)?;
        let archive = decompressed(file, scratch).map_err(|source| AciError::Decompress {
            path: path.to_path_buf(),
            source,
        })?;
        let mut tree = Tree::with_implied_root(Metadata::default());
        tar::apply(&archive, &mut tree, TarMode::Whole).map_err(|source| AciError::Tar {
            path: path.to_path_buf(),
            source,
        })?;
        let digest = pack::digest_of::<Sha512>(&archive);
        let digest = digest.map_err(|source| unreadable(path, source))?;
        let digest: [u8; 64] = digest.try_into().unwrap_or([0; 64]);
        let mut faults = layout(&tree);
        let checked = match bytes_of_manifest(&tree) {
            Ok(text) => match Node::from_json(&shown(path), &text) {
                Ok(node) => manifest::check(&node, Origin::Image),
                Err(fault) => unchecked(fault),
            },
            Err(Some(reason)) => unchecked(fault(MANIFEST, reason)),
            // That it is missing is told already.
            Err(None) => Checked {
                manifest: None,
                faults: Vec::new(),
                notes: Vec::new(),
            },
        };
        let rootfs = match tree.child(Tree::ROOT, ROOTFS.as_bytes()) {
            Some(root) if lay::is_dir(&tree, root) => lay::subtree(&tree, root)?,
            _ => lay::bare(),
        };
        faults.sort_by(|one, other| one.field.cmp(&other.field));
        Ok(Self {
            path: path.to_path_buf(),
            id: ImageId::of_digest(&digest),
            size,
            uncompressed: archive.len(),
            compression,
            faults,
            checked,
            rootfs,
        })
    }

    /// Its manifest.
    ///
    /// Fails with everything that is wrong with the image, if anything is.
    pub fn manifest(&self) -> Result<&ImageManifest, AciError> {
        let faults = self.faults.iter().chain(&self.checked.faults);
        match &self.checked.manifest {
            Some(manifest) if self.faults.is_empty() => Ok(manifest),
            _ => Err(AciError::Image {
                path: self.path.clone(),
                faults: faults.cloned().collect(),
            }),
        }
    }
}

/// What is wrong with the names at the top.
fn layout(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for entry in tree.entries(Tree::ROOT) {
        let name = String::from_utf8_lossy(entry.name).into_owned();
        if name != MANIFEST && name != ROOTFS {
            let reason = "it lies beside manifest and rootfs, where nothing else may be";
            faults.push(fault(&name, reason.to_owned()));
        }
    }
    let kind = |name: &str| {
        let id = tree.child(Tree::ROOT, name.as_bytes())?;
        Some(&tree.node(id).kind)
    };
    match kind(MANIFEST) {
        Some(NodeKind::File(_)) => {}
        Some(_) => faults.push(fault(MANIFEST, "it is no regular file".to_owned())),
        None => faults.push(fault(MANIFEST, "it is missing".to_owned())),
    }
    match kind(ROOTFS) {
        Some(NodeKind::Directory(_)) => {}
        Some(_) => faults.push(fault(ROOTFS, "it is no directory".to_owned())),
        None => faults.push(fault(ROOTFS, "it is missing".to_owned())),
    }
    faults
}

/// The manifest's bytes; why not, or nothing where there is no such file.
fn bytes_of_manifest(tree: &Tree) -> Result<Vec<u8>, Option<String>> {
    let id = tree.child(Tree::ROOT, MANIFEST.as_bytes()).ok_or(None)?;
    let NodeKind::File(content) = &tree.node(id).kind else {
        return Err(None);
    };
    if content.len() > MAX_MANIFEST {
        let len = content.len();
        return Err(Some(format!(
            "it has {len} bytes; more than {MAX_MANIFEST} are not read"
        )));
    }
    let mut bytes = vec![0; usize::try_from(content.len()).unwrap_or(0)];
    let read = content.reader().read_exact_at(0, &mut bytes);
    read.map_err(|error| Some(format!("it can't be read: {error}")))?;
    Ok(bytes)
}

fn unchecked(fault: Fault) -> Checked {
    Checked {
        manifest: None,
        faults: vec![fault],
        notes: Vec::new(),
    }
}

fn fault(name: &str, reason: String) -> Fault {
    Fault {
        place: None,
        field: name.to_owned(),
        reason,
    }
}

fn shown(path: &Path) -> String {
    format!("{}: {MANIFEST}", path.display())
}

/// How a file is compressed, by its first bytes.
fn compression(file: &DiskMap, path: &Path) -> Result<&'static str, AciError> {
    let mut start = [0; 6];
    let len = usize::try_from(file.len()).map_or(start.len(), |len| len.min(start.len()));
    let read = file.reader().read_exact_at(0, &mut start[..len]);
    read.map_err(|source| unreadable(path, source))?;
    Ok(match start {
        [0x1f, 0x8b, ..] => "gzip",
        [0xfd, b'7', b'z', b'X', b'Z', 0] => "xz",
        [b'B', b'Z', b'h', ..] => "bzip2",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        // RFC 4880: a packet with a session key that a passphrase encrypts, in the old form and the new one.
        [0x8c | 0xc3, ..] => {
            let path = path.to_path_buf();
            return Err(AciError::Encrypted { path });
        }
        _ => "none",
    })
}

fn unreadable(path: &Path, source: std::io::Error) -> AciError {
    AciError::Source(kurmadisk::formats::error::SourceError::Read {
        path: path.to_path_buf(),
        source,
    })
}
