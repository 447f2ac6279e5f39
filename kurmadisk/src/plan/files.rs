//! The files and trees of `[[files]]`, placed in their partitions.

use kurmadisk_formats::map::DiskMap;

use super::contents::{FILE_MODE, GatheredTrees, host_content};
use super::error::PlanError;
use super::resolve::Disk;
use super::trees::TreeReader;
use crate::source::SourceKind;
use crate::spec::{FileSpec, Located, TreeList, TreeSpec};
use crate::tree::{Metadata, Tree, TreeError};

/// What a file of the description places.
enum Given<'a> {
    File(DiskMap),
    Folder(TreeList),
    Trees(&'a TreeList),
}

pub(super) fn place(
    file: &FileSpec,
    disk: &Disk,
    gathered: &mut GatheredTrees,
    made: &Metadata,
    reader: &TreeReader<'_>,
) -> Result<(), PlanError> {
    let tree = partition(file, disk)?.and_then(|index| gathered[index].as_mut());
    let tree = tree.ok_or_else(|| {
        let reason = format!(
            "no partition {:?} with a filesystem",
            file.partition.value.0
        );
        PlanError::Value(reason).at(&file.partition, "partition")
    })?;
    match given(file)? {
        Given::File(content) => place_file(file, tree, made, content),
        Given::Folder(folder) => place_trees(file, tree, &folder, "source", reader),
        Given::Trees(trees) => place_trees(file, tree, trees, "tree", reader),
    }
}

/// The number of the one partition that the file names.
fn partition(file: &FileSpec, disk: &Disk) -> Result<Option<usize>, PlanError> {
    let wanted = &file.partition.value.0;
    let mut called = disk
        .partitions
        .iter()
        .enumerate()
        .filter(|(_, partition)| partition.is_called(wanted));
    let found = called.next().map(|(index, _)| index);
    if called.next().is_some() {
        let reason = format!("{wanted:?} is the label or number of more than one partition");
        return Err(PlanError::Value(reason).at(&file.partition, "partition"));
    }
    Ok(found)
}

fn given(file: &FileSpec) -> Result<Given<'_>, PlanError> {
    match (&file.source, &file.text, file.tree.0.as_slice()) {
        (Some(source), None, []) if source.value.is_dir() => {
            let mut folder = TreeSpec::new(source.clone());
            // It is copied, even if it looks like the layout of a container image.
            folder.kind = Some(source.clone().map(|_| SourceKind::Folder));
            Ok(Given::Folder(TreeList::one(folder)))
        }
        (Some(source), None, []) => host_content(source, "source").map(Given::File),
        (None, Some(text), []) => {
            let mut content = DiskMap::new(text.value.len() as u64);
            content
                .insert_bytes(0, text.value.clone().into_bytes())
                .expect("the map is as long as the text");
            Ok(Given::File(content))
        }
        (None, None, [_, ..]) => Ok(Given::Trees(&file.tree)),
        _ => {
            let reason = "give one of source, text and tree".to_owned();
            Err(PlanError::Value(reason).at(&file.path, "path"))
        }
    }
}

fn place_trees(
    file: &FileSpec,
    tree: &mut Tree,
    trees: &TreeList,
    field: &str,
    reader: &TreeReader<'_>,
) -> Result<(), PlanError> {
    keeps_metadata(file)?;
    reader.lay_over(tree, &file.path, trees, field)
}

/// What a tree holds has its own owners and modes.
fn keeps_metadata(file: &FileSpec) -> Result<(), PlanError> {
    fn refuse<T>(given: Option<&Located<T>>, field: &str) -> Result<(), PlanError> {
        let Some(given) = given else { return Ok(()) };
        let reason = "this is for a single file; what is in a tree has its own".to_owned();
        Err(PlanError::Value(reason).at(given, field))
    }
    refuse(file.mode.as_ref(), "mode")?;
    refuse(file.uid.as_ref(), "uid")?;
    refuse(file.gid.as_ref(), "gid")
}

fn place_file(
    file: &FileSpec,
    tree: &mut Tree,
    made: &Metadata,
    content: DiskMap,
) -> Result<(), PlanError> {
    let meta = Metadata {
        mode: file.mode.as_ref().map_or(FILE_MODE, |mode| mode.value.0),
        uid: file.uid.as_ref().map_or(0, |uid| uid.value),
        gid: file.gid.as_ref().map_or(0, |gid| gid.value),
        mtime: made.mtime,
        ..Metadata::default()
    };
    let placed = tree.place_file(file.path.value.as_bytes(), meta, content);
    let error = match placed {
        Ok(_) => return Ok(()),
        Err(TreeError::Taken { .. }) => PlanError::Value(format!(
            "{} is there and no regular file, so it is not replaced; give another path, or leave it out of its tree",
            file.path.value
        )),
        Err(error) => error.into(),
    };
    Err(error.at(&file.path, "path"))
}
