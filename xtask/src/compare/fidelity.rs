//! How many cases a program keeps, theme by theme, and what becomes of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kurmadisk_fixtures::nasty::{self, Case};
use kurmadisk_fixtures::oracle;

use super::builders::{Builder, Job, Source};
use crate::Outcome;

/// The size of a filesystem that a group has room in, in bytes.
const SIZE: u64 = 64 << 20;
const INODES: u64 = 2048;

/// Who reads through a hole of terabytes is not waited for.
const LIMIT: Duration = Duration::from_secs(3);

/// What a program has kept.
#[derive(Default)]
pub(super) struct Kept {
    /// By theme, how many cases are intact, of how many.
    pub(super) themes: BTreeMap<String, (usize, usize)>,
    /// By what is lost, how many cases have lost it, and the first of them with what was found.
    pub(super) lost: BTreeMap<String, (usize, String)>,
    /// What it said where it made nothing, how often, and the first case.
    pub(super) refused: BTreeMap<String, (usize, String)>,
    /// Filesystems made, and those of them in which e2fsck finds faults, with the first of those.
    pub(super) made: usize,
    pub(super) faulty: Vec<String>,
}

/// Has every program make every group.
pub(super) fn measure(builders: &[Builder], work: &Path) -> Outcome<Vec<Kept>> {
    let host = tempfile::tempdir_in(work)?;
    let mount = oracle::mount_new_ext4(&host.path().join("host"), 512 << 20)?;
    let (cases, mut trees) = (nasty::cases(), Trees::new(mount.path(), host.path()));
    let mut all: Vec<Kept> = builders.iter().map(|_| Kept::default()).collect();
    let mut groups: Vec<&[u8]> = cases.iter().map(Case::group).collect();
    groups.retain(|group| group.contains(&b'/'));
    groups.dedup();
    for group in groups {
        let own = nasty::of_group(&cases, group);
        let name = String::from_utf8_lossy(group).into_owned();
        let tree = trees.make(&own)?;
        for (builder, kept) in builders.iter().zip(&mut all) {
            let mut trial = Trial {
                builder,
                kept,
                group: &name,
                image: host.path().join("image"),
            };
            if let Err(said) = trial.of(&own, &tree)? {
                trial.one_by_one(&own, &mut trees, &said)?;
            }
        }
        eprintln!("compared {name}");
    }
    Ok(all)
}

/// A tree in both forms.
struct Tree {
    folder: PathBuf,
    archive: PathBuf,
}

/// Where trees are made, each with a number.
struct Trees {
    folders: PathBuf,
    archives: PathBuf,
    count: usize,
}

impl Trees {
    fn new(folders: &Path, archives: &Path) -> Self {
        let [folders, archives] = [folders, archives].map(Path::to_owned);
        Self {
            folders,
            archives,
            count: 0,
        }
    }

    fn make(&mut self, cases: &[Case]) -> Outcome<Tree> {
        self.count += 1;
        let folder = self.folders.join(format!("{}", self.count));
        fs::create_dir(&folder)?;
        nasty::make(cases, &folder)?;
        let archive = self.archives.join(format!("{}.tar", self.count));
        nasty::write_tar(cases, BufWriter::new(File::create(&archive)?))?;
        Ok(Tree { folder, archive })
    }
}

/// A program and a group.
struct Trial<'t> {
    builder: &'t Builder,
    kept: &'t mut Kept,
    group: &'t str,
    image: PathBuf,
}

impl Trial<'_> {
    /// Has the cases made and compares them; the error is why nothing was made.
    fn of(&mut self, cases: &[Case], tree: &Tree) -> Outcome<Result<(), String>> {
        let source = match self.builder.source {
            Source::Folder => &tree.folder,
            Source::Archive => &tree.archive,
        };
        let job = Job {
            tree: source,
            image: &self.image,
            size: SIZE,
            inodes: INODES,
        };
        if let Err(said) = self.builder.build(&job, LIMIT)? {
            // Paths of this run are nobody's business.
            return Ok(Err(said.replace(&*source.to_string_lossy(), "TREE")));
        }
        self.kept.made += 1;
        let offset = self.builder.offset;
        if let Err(oracle::OracleError::Rejected { output, .. }) =
            oracle::e2fsck_clean(&self.image, offset)
        {
            let fault = output
                .lines()
                .find(|line| !line.starts_with("Pass ") && !line.starts_with("e2fsck "));
            self.kept
                .faulty
                .push(format!("{}: {}", self.group, fault.unwrap_or_default()));
        }
        let length = fs::metadata(&self.image)?.len() - offset;
        let Ok(mount) = oracle::mount_loop(&self.image, offset, length) else {
            return Ok(Err("the kernel does not mount it".to_owned()));
        };
        let losses = nasty::survey(&self.known(cases), mount.path())?;
        for loss in &losses {
            let mut seen = BTreeSet::new();
            for (aspect, text) in &loss.differences {
                if seen.insert(aspect) {
                    let example = || format!("{}/{}: {text}", self.group, loss.path.escape_ascii());
                    let lost = self.kept.lost.entry((*aspect).to_owned());
                    lost.or_insert_with(|| (0, example())).0 += 1;
                }
            }
        }
        let counted = self.counted(cases);
        self.count(counted - losses.len(), counted);
        Ok(Ok(()))
    }

    /// Has each case made by itself, after all together were refused with what was `said`.
    fn one_by_one(&mut self, cases: &[Case], trees: &mut Trees, said: &str) -> Outcome {
        let known = self.known(cases);
        let mut any = false;
        for case in known.iter().filter(|case| case.counted) {
            let alone = nasty::alone(&known, case);
            let tree = trees.make(&alone)?;
            if let Err(said) = self.of(&alone, &tree)? {
                any = true;
                self.refuse(said, case);
                self.count(0, 1);
            }
        }
        if !any && let Some(case) = known.first() {
            self.refuse(format!("{said} (only together)"), case);
        }
        Ok(())
    }

    fn refuse(&mut self, said: String, case: &Case) {
        let example = format!("{}/{}", self.group, case.path.escape_ascii());
        let refused = self.kept.refused.entry(said);
        refused.or_insert_with(|| (0, example)).0 += 1;
    }

    fn count(&mut self, intact: usize, all: usize) {
        let theme = self.group.split('/').next().unwrap_or_default();
        let sums = self.kept.themes.entry(theme.to_owned()).or_default();
        *sums = (sums.0 + intact, sums.1 + all);
    }

    /// What it is asked for: an archive has no sockets.
    fn known(&self, cases: &[Case]) -> Vec<Case> {
        let known = cases.iter();
        let known = known
            .filter(|case| self.builder.source == Source::Folder || !nasty::is_socket(cases, case));
        known.cloned().collect()
    }

    fn counted(&self, cases: &[Case]) -> usize {
        self.known(cases).iter().filter(|case| case.counted).count()
    }
}
