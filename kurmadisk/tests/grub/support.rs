//! Folders of GRUB, disks with it, and what is on them.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use formats::map::DiskMap;
use formats::read_at::ReadAt;
use kurmadisk::boot::grub::{Folder, Platform};
use kurmadisk::plan::{Plan, PlanError};
use kurmadisk::spec::ImageSpec;
use kurmadisk::tree::{NodeKind, Tree};
use kurmadisk::{Builder, formats};
use kurmadisk_fixtures::demo;
use kurmadisk_fixtures::oracle::grub_folder;
use tempfile::TempDir;

pub const CMDLINE: &str = "root=LABEL=ROOT ro \"name=two words\"";
/// As the kernel is told it.
pub const PARAMETERS: &str = "root=LABEL=ROOT ro \"name=two words\"";

/// Debian's folder of a platform.
pub fn folder(platform: Platform) -> Folder {
    let folder = Folder::open(&grub_folder().unwrap(), platform);
    folder.unwrap().expect("the packages have it")
}

/// A folder with the demonstration kernel, its initrd and trees; and a description.
pub struct Bench {
    pub folder: TempDir,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("kernel", demo::bz_image().unwrap()),
            ("initrd", demo::initrd()),
        ] {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        for tree in ["root", "oem"] {
            fs::create_dir(folder.path().join(tree)).unwrap();
        }
        Self { folder }
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The description, whose paths are relative to the folder.
    pub fn spec(&self, toml: &str) -> ImageSpec {
        let file = self.join("disk.toml");
        fs::write(&file, toml).unwrap();
        ImageSpec::from_file(&file).unwrap()
    }

    pub fn plan(&self, toml: &str) -> Result<Plan, PlanError> {
        Builder::from_spec(self.spec(toml)).plan()
    }

    /// Why there is no plan, in one line.
    #[track_caller]
    pub fn refused(&self, toml: &str) -> String {
        let error = self.plan(toml).unwrap_err();
        let told = told(&error);
        told.replace(&self.folder.path().display().to_string(), "")
    }
}

/// A description of this layout, with all of Debian's GRUB, and more keys before any table.
pub fn description(layout: &str, more: &str) -> String {
    format!(
        "layout = \"{layout}\"\nkernel = \"kernel\"\ninitrd = \"initrd\"\ncmdline = '{CMDLINE}'\n{more}\n\
         [grub]\nfolder = \"{}\"\n",
        grub_folder().unwrap().display()
    )
}

/// An error and its causes, one after the other.
pub fn told(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

/// The tree of the partition with this label.
pub fn tree<'a>(plan: &'a Plan, label: &str) -> &'a Tree {
    let mut partitions = plan.partitions().iter();
    let found = partitions.find(|partition| partition.entry.label == label);
    found.unwrap().volume.as_ref().unwrap().tree()
}

/// The content of a file.
pub fn file(tree: &Tree, path: &str) -> Vec<u8> {
    let node = tree.lookup(path.as_bytes());
    let node = node.unwrap_or_else(|| panic!("no {path}"));
    match &tree.node(node).kind {
        NodeKind::File(content) => bytes_of(content),
        other => panic!("{path} is {other:?}"),
    }
}

pub fn has(tree: &Tree, path: &str) -> bool {
    tree.lookup(path.as_bytes()).is_some()
}

pub fn bytes_of(map: &DiskMap) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(map.len()).unwrap()];
    map.reader().read_exact_at(0, &mut bytes).unwrap();
    bytes
}

/// Names of a folder's modules.
pub fn modules(platform: Platform) -> Vec<String> {
    let folder = grub_folder().unwrap().join(platform.name());
    let names = fs::read_dir(folder).unwrap().filter_map(|entry| {
        let name = PathBuf::from(entry.unwrap().file_name());
        let is_module = name.extension().is_some_and(|ending| ending == "mod");
        is_module.then(|| name.with_extension("").to_str().unwrap().to_owned())
    });
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// `u32` at an offset.
pub fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// A copy of a platform's folder without most of its modules, which may be changed.
pub fn copied(platform: Platform, to: &Path) {
    let from = grub_folder().unwrap().join(platform.name());
    let to = to.join(platform.name());
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            let name = entry.file_name();
            let is_wanted = Path::new(&name)
                .extension()
                .is_some_and(|ending| ["mod", "lst", "img"].iter().any(|each| ending == *each));
            if is_wanted {
                fs::copy(entry.path(), to.join(&name)).unwrap();
            }
        }
    }
}
