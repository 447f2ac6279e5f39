//! The files of an image that is built: trees, programs, single files.

use std::path::Path;

use kurmadisk::formats::map::DiskMap;
use kurmadisk::host_file;
use kurmadisk::plan::RootTree;
use kurmadisk::spec::{ImageSpec, Located};
use kurmadisk::tree::{Metadata, NodeKind, Timestamp, Tree};

use super::error::AciError;
use super::spec::{AciFile, AciSpec};
use crate::file;

/// Permission bits of programs, and of directories.
const EXECUTABLE: u16 = 0o755;

/// Permission bits of other files, where nothing else is said.
const FILE: u16 = 0o644;

/// Permission bits that Linux shows of symbolic links.
const LINK: u16 = 0o777;

impl AciSpec {
    /// The image's root filesystem; content by reference.
    pub(super) fn tree(&self) -> Result<Tree, AciError> {
        let spec = ImageSpec {
            root: self.rootfs.clone(),
            trees: self.trees.clone(),
            overrides: self.overrides.clone(),
            own_overrides: self.own_overrides.clone(),
            file_contexts: self.file_contexts.clone(),
            source_date_epoch: self.source_date_epoch.clone(),
            scratch: self.scratch.clone().map(Located::by_caller),
            ..ImageSpec::default()
        };
        let mut root = RootTree::read(&spec, "rootfs")?;
        let time = Timestamp {
            seconds: self.source_date_epoch.as_ref().map_or(0, |time| time.value),
            nanos: 0,
        };
        for (path, source) in &self.binaries {
            let content =
                content_of(&source.value).map_err(|error| error.at(source, "binaries"))?;
            let meta = Metadata {
                mode: EXECUTABLE,
                mtime: time,
                ..Metadata::default()
            };
            let placed = root.tree.place_file(inner(path)?.as_bytes(), meta, content);
            placed
                .map_err(|error| AciError::from(error).at(source, format!("binaries: {path}")))?;
        }
        for file in &self.files {
            let placed = place(file, &mut root.tree, time);
            placed.map_err(|error| error.at(&file.path, "path"))?;
        }
        Ok(root.adjusted()?)
    }
}

/// A path in the image, which must say which file is meant.
fn inner(path: &str) -> Result<&str, AciError> {
    let is_good = path.split('/').any(|part| !part.is_empty())
        && !path.split('/').any(|part| part == ".." || part == ".");
    if is_good {
        return Ok(path);
    }
    let reason = format!("{path:?} is no path of a file in the image; write it as /bin/program");
    Err(AciError::Value(reason))
}

fn content_of(path: &Path) -> Result<DiskMap, AciError> {
    Ok(host_file(path)?)
}

fn place(file: &AciFile, tree: &mut Tree, time: Timestamp) -> Result<(), AciError> {
    let path = inner(&file.path.value)?;
    let is_directory = file.directory.as_ref().is_some_and(|given| given.value);
    let usual = match (is_directory, &file.link) {
        (true, _) => EXECUTABLE,
        (_, Some(_)) => LINK,
        _ => FILE,
    };
    let meta = Metadata {
        mode: file.mode.as_ref().map_or(usual, |mode| mode.value.0),
        uid: file.uid.as_ref().map_or(0, |uid| uid.value),
        gid: file.gid.as_ref().map_or(0, |gid| gid.value),
        mtime: time,
        ..Metadata::default()
    };
    match (&file.source, &file.text, &file.link, is_directory) {
        (Some(source), None, None, false) => {
            let content = content_of(&source.value).map_err(|error| error.at(source, "source"))?;
            tree.place_file(path.as_bytes(), meta, content)?;
        }
        (None, Some(text), None, false) => {
            let content = file::in_memory(text.value.as_str());
            let content = content.map_err(|error| AciError::Archive(error.into()))?;
            tree.place_file(path.as_bytes(), meta, content)?;
        }
        (None, None, Some(link), false) => {
            let target = NodeKind::Symlink(link.value.as_bytes().into());
            put(tree, path, meta, target)?;
        }
        (None, None, None, true) => {
            let dir = tree.make_dirs(path.as_bytes(), &directory(time))?;
            tree.set_metadata(dir, meta);
        }
        _ => {
            let reason = "give one of source, text, link and directory = true".to_owned();
            return Err(AciError::Value(reason));
        }
    }
    Ok(())
}

fn directory(time: Timestamp) -> Metadata {
    Metadata {
        mode: EXECUTABLE,
        mtime: time,
        ..Metadata::default()
    }
}

/// Adds what is no regular file; only another link is replaced.
fn put(tree: &mut Tree, path: &str, meta: Metadata, kind: NodeKind) -> Result<(), AciError> {
    let path = path.trim_end_matches('/');
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    let dir = tree.make_dirs(parent.as_bytes(), &directory(meta.mtime))?;
    let there = tree.child(dir, name.as_bytes());
    if there.is_some_and(|id| matches!(tree.node(id).kind, NodeKind::Symlink(_))) {
        tree.remove(dir, name.as_bytes());
    }
    tree.add(dir, name.as_bytes(), meta, kind)?;
    Ok(())
}
