//! Programs run, images made, and trees as lists.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use kurmadisk::formats::error::chain;
use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::read_at::ReadAt;
use kurmadisk::source::Scratch;
use kurmadisk::spec::{Located, Place, TreeList, TreeSpec};
use kurmadisk::tree::{Metadata, NodeKind, Tree};
use kurmadisk_fixtures::oracle;
use kurmadisk_os::aci::{AciImage, AciSpec, ManifestSource, Report};
use serde_json::{Value, json};

/// Runs one of the tools in `folder`; its whole standard output.
pub fn run<S: AsRef<OsStr>>(folder: &Path, program: &str, arguments: &[S]) -> Vec<u8> {
    let mut command = oracle::tool(program)
        .expect("a known tool")
        .command()
        .expect("installed");
    // Names are UTF-8 to bsdtar by the locale.
    command.env("LC_ALL", "C.UTF-8");
    let output = command.args(arguments).current_dir(folder).output();
    let output = output.expect("started");
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// The smallest manifest, with more keys.
pub fn manifest(name: &str, more: &Value) -> Value {
    let mut manifest = json!({
        "name": name,
        "labels": [{"name": "os", "value": "linux"}, {"name": "arch", "value": "amd64"}],
    });
    for (key, value) in more.as_object().expect("a table") {
        manifest[key] = value.clone();
    }
    manifest
}

/// The description of an image with this manifest and the files of a folder.
pub fn spec(manifest: Value, folder: Option<&Path>) -> AciSpec {
    let tree = |folder: &Path| TreeSpec::from_text(folder.as_os_str(), &Place::Caller);
    AciSpec {
        manifest: Some(Located::by_caller(ManifestSource::Table(manifest))),
        rootfs: TreeList(folder.map(tree).into_iter().collect()),
        ..AciSpec::default()
    }
}

/// Builds an image that must become one.
#[track_caller]
pub fn build(spec: &AciSpec, out: &Path) -> Report {
    spec.build(out)
        .unwrap_or_else(|error| panic!("{}", chain(&error)))
}

/// Reads an image that must be readable.
#[track_caller]
pub fn read(path: &Path) -> AciImage {
    AciImage::read(path, &Scratch::Memory).unwrap_or_else(|error| panic!("{}", chain(&error)))
}

/// Writes files: names that end in `/` are folders, others have their text, and `-> ` before it means a link.
pub fn files(folder: &Path, files: &[(&str, &str)]) -> PathBuf {
    for (name, text) in files {
        let path = folder.join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).expect("room");
            continue;
        }
        fs::create_dir_all(path.parent().expect("a folder")).expect("room");
        match text.strip_prefix("-> ") {
            Some(target) => std::os::unix::fs::symlink(target, path).expect("room"),
            None => fs::write(path, text).expect("room"),
        }
    }
    folder.to_path_buf()
}

pub fn bytes_of(map: &DiskMap) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(map.len()).expect("small")];
    map.reader().read_exact_at(0, &mut bytes).expect("readable");
    bytes
}

pub fn in_memory(bytes: impl Into<Vec<u8>>) -> DiskMap {
    let bytes = bytes.into();
    let mut map = DiskMap::new(bytes.len() as u64);
    map.insert_bytes(0, bytes).expect("within its length");
    map
}

/// What a tree has under a path: what it is with its content, its metadata, and the first path of the same node.
pub type Seen = (String, Metadata, Vec<u8>);

/// Every path of a tree, the root's empty.
pub fn listing(tree: &Tree) -> BTreeMap<Vec<u8>, Seen> {
    let mut first = vec![None; tree.node_count()];
    let mut list = BTreeMap::new();
    for (path, id) in [(Vec::new(), Tree::ROOT)].into_iter().chain(tree.paths()) {
        let node = tree.node(id);
        let kind = match &node.kind {
            NodeKind::Directory(_) => "directory".to_owned(),
            NodeKind::File(map) => format!("file {}", bytes_of(map).escape_ascii()),
            other => format!("{other:?}"),
        };
        let first: &mut Option<Vec<u8>> = &mut first[id.index()];
        let first = first.get_or_insert_with(|| path.clone()).clone();
        list.insert(path, (kind, node.meta.clone(), first));
    }
    list
}

/// Paths and what is there, without metadata.
pub fn shape(tree: &Tree) -> Vec<(String, String)> {
    let list = listing(tree).into_iter().skip(1);
    list.map(|(path, (kind, ..))| (String::from_utf8(path).expect("text"), kind))
        .collect()
}
