//! The order in which a volume is changed.

use std::io;

use kurmadisk_formats::read_at::ReadAt;

use super::directory::{self, At, Directory, Found};
use super::info::Info;
use super::steps::Steps;
use super::table::Table;
use super::{FatUpdateError, FileChange, NewContent, walk};
use crate::fs::fat::FatType;
use crate::fs::fat::name;
use crate::fs::fat::read::boot::{BootSector, Geometry};
use crate::fs::fat::read::table::{Run, Table as Chains};
use crate::fs::fat::read::{self, FatFault, FatReadError};
use crate::fs::fat::spec::{ATTR_DIRECTORY, MAX_ENTRIES};
use crate::tree::Timestamp;

/// A volume as it is, but for what is lost on it.
pub(super) struct Opened<'v> {
    volume: &'v dyn ReadAt,
    boot: BootSector,
    geometry: Geometry,
    table: Table,
    info: Option<Info>,
}

impl<'v> Opened<'v> {
    pub(super) fn new(volume: &'v dyn ReadAt) -> Result<Self, FatUpdateError> {
        let (boot, geometry) = read::open(volume)?;
        let mut table = Table::read(volume, &boot, &geometry)?;
        table.release_lost(&walk::used(volume, &boot, &geometry)?);
        let info = Info::read(volume, &boot, &geometry).map_err(FatReadError::Read)?;
        Ok(Self {
            volume,
            boot,
            geometry,
            table,
            info,
        })
    }
}

/// A volume as it is after the steps so far.
pub(super) struct Planner<'o, 'a> {
    opened: &'o Opened<'o>,
    table: Table,
    steps: Steps<'a>,
    /// Whether files were emptied.
    emptied: bool,
}

impl<'o, 'a> Planner<'o, 'a> {
    pub(super) fn new(opened: &'o Opened<'o>) -> Self {
        Self {
            opened,
            table: opened.table.clone(),
            steps: Steps::default(),
            emptied: false,
        }
    }

    pub(super) fn run(
        mut self,
        folder: &str,
        changes: &'a [FileChange<'a>],
        empty_first: bool,
    ) -> Result<Steps<'a>, FatUpdateError> {
        for (number, change) in changes.iter().enumerate() {
            check(change, &changes[..number])?;
        }
        let mut info = self.opened.info.clone();
        if let Some(info) = &mut info {
            info.forget(&mut self.steps);
        }
        // What was lost is free from here on.
        self.table.write(&mut self.steps);
        let time = changes.iter().find_map(|change| Some(change.content?.time));
        let mut directory = self.folder(folder, time.unwrap_or_default())?;
        let mut found = Vec::new();
        for change in changes {
            found.push(find_file(&directory, change.name)?);
        }
        if empty_first {
            for entry in found.iter().flatten() {
                let at = At {
                    cluster: 0,
                    len: 0,
                    time: time.unwrap_or_default(),
                };
                directory.switch(entry, at);
            }
            directory.write(&mut self.steps);
            self.release(&found);
            self.emptied = true;
        }
        self.make_room(&mut directory, changes, &found)?;
        let placed = self.contents(changes)?;
        for ((change, found), at) in changes.iter().zip(&found).zip(placed) {
            match (found, at) {
                (Some(found), Some(at)) => directory.switch(found, at),
                (Some(found), None) => directory.remove(found),
                (None, Some(at)) => added(directory.add_file(change.name, at), &directory)?,
                (None, None) => {}
            }
        }
        directory.write(&mut self.steps);
        if !empty_first {
            self.release(&found);
        }
        if let Some(info) = &mut info {
            info.tell(&self.table, &mut self.steps);
        }
        Ok(self.steps)
    }

    /// The directory of that name in the root, made if it is missing.
    fn folder(&mut self, name: &str, time: Timestamp) -> Result<Directory, FatUpdateError> {
        check_name(name)?;
        let opened = self.opened;
        let mut root = if opened.geometry.fat_type == FatType::Fat32 {
            self.chained("", opened.boot.fat32.fat32.root_cluster.get())?
        } else {
            let place = opened.geometry.root();
            let mut bytes = vec![0; length(place.end - place.start)?];
            let read = opened.volume.read_exact_at(place.start, &mut bytes);
            read.map_err(FatReadError::Read)?;
            // Whole sectors of it, as everybody makes it.
            let sector = length(opened.geometry.sector_size)?;
            bytes.truncate(bytes.len() / sector * sector);
            let end = place.start + bytes.len() as u64;
            let place = place.start..end;
            Directory::new("", None, bytes, sector, std::slice::from_ref(&place))
        };
        if let Some(found) = root.find(name) {
            if found.entry.attributes & ATTR_DIRECTORY == 0 {
                return Err(kind(format!("/{name}"), "a file", "directory"));
            }
            return self.chained(name, opened.geometry.first_cluster(&found.entry));
        }
        let mut longer = root.clone();
        if !longer.add_directory(name, 0, time) {
            self.extend(&mut root)?;
        }
        let cluster = self.zeroed_cluster(|cluster, len| directory::empty(cluster, len, time))?;
        added(root.add_directory(name, cluster, time), &root)?;
        root.write(&mut self.steps);
        let bytes = directory::empty(cluster, length(opened.geometry.cluster_size())?, time);
        let run = cluster..cluster + 1;
        self.directory(name, cluster, bytes, std::slice::from_ref(&run))
    }

    /// A directory that is a chain of clusters, as it is on the volume.
    fn chained(&self, name: &str, cluster: u32) -> Result<Directory, FatUpdateError> {
        let opened = self.opened;
        let mut chains = Chains::new(&opened.boot, &opened.geometry);
        let found = chains.directory(opened.volume, &opened.geometry, cluster);
        let (runs, bytes) = found.map_err(|source| entry_error(name, source))?;
        let last = runs.last().map_or(cluster, |run| run.end - 1);
        self.directory(name, last, bytes, &runs)
    }

    fn directory(
        &self,
        name: &str,
        last: u32,
        bytes: Vec<u8>,
        runs: &[Run],
    ) -> Result<Directory, FatUpdateError> {
        let geometry = &self.opened.geometry;
        let places: Vec<_> = runs.iter().map(|run| geometry.place(run)).collect();
        let sector = length(geometry.sector_size)?;
        Ok(Directory::new(name, Some(last), bytes, sector, &places))
    }

    /// Makes the directory so long that all names that are new fit.
    fn make_room(
        &mut self,
        directory: &mut Directory,
        changes: &[FileChange<'_>],
        found: &[Option<Found>],
    ) -> Result<(), FatUpdateError> {
        let nowhere = At {
            cluster: 0,
            len: 0,
            time: Timestamp::default(),
        };
        loop {
            let mut tried = directory.clone();
            let new = changes.iter().zip(found);
            let mut new = new.filter(|(change, found)| found.is_none() && change.content.is_some());
            if new.all(|(change, _)| tried.add_file(change.name, nowhere)) {
                return Ok(());
            }
            self.extend(directory)?;
        }
    }

    /// Makes a directory longer by a cluster.
    fn extend(&mut self, directory: &mut Directory) -> Result<(), FatUpdateError> {
        let last = directory.last_cluster;
        let last = last.filter(|_| directory.slots() < MAX_ENTRIES as usize);
        let last = last.ok_or_else(|| FatUpdateError::DirectoryFull {
            directory: directory.name.clone(),
        })?;
        let cluster = self.zeroed_cluster(|_, len| vec![0; len])?;
        self.table.link(last, cluster);
        self.table.write(&mut self.steps);
        let place = self.opened.geometry.place(&(cluster..cluster + 1));
        directory.extend(cluster, &place);
        Ok(())
    }

    /// Takes a cluster for a directory, and fills it.
    fn zeroed_cluster(
        &mut self,
        content: impl FnOnce(u32, usize) -> Vec<u8>,
    ) -> Result<u32, FatUpdateError> {
        self.require(1)?;
        let runs = self.table.allocate(1).unwrap_or_default();
        let cluster = runs.first().map(|run| run.start);
        let cluster = cluster.ok_or_else(|| self.full(1))?;
        let bytes = content(cluster, length(self.opened.geometry.cluster_size())?);
        let place = self.opened.geometry.place(&(cluster..cluster + 1));
        self.steps.write(place.start, &bytes);
        self.steps.flush();
        self.table.write(&mut self.steps);
        Ok(cluster)
    }

    /// Puts the new contents into free clusters; where each lies then.
    fn contents(
        &mut self,
        changes: &'a [FileChange<'a>],
    ) -> Result<Vec<Option<At>>, FatUpdateError> {
        let cluster_size = self.opened.geometry.cluster_size();
        let clusters = |content: &NewContent<'_>| content.bytes.len().div_ceil(cluster_size);
        let all = changes.iter().filter_map(|change| change.content.as_ref());
        self.require(all.map(clusters).sum())?;
        let mut placed = Vec::new();
        for change in changes {
            let Some(content) = &change.content else {
                placed.push(None);
                continue;
            };
            let needed = clusters(content);
            let count = u32::try_from(needed).map_err(|_| self.full(needed))?;
            let mut at = At {
                cluster: 0,
                len: u32::try_from(content.bytes.len()).map_err(|_| too_large(change))?,
                time: content.time,
            };
            if count > 0 {
                let runs = self.table.allocate(count);
                let runs = runs.ok_or_else(|| self.full(needed))?;
                at.cluster = runs.first().map_or(0, |run| run.start);
                let geometry = &self.opened.geometry;
                let places = runs.iter().map(|run| geometry.place(run)).collect();
                self.steps.content(change.name, content.bytes, places);
            }
            placed.push(Some(at));
        }
        self.steps.flush();
        self.table.write(&mut self.steps);
        Ok(placed)
    }

    /// Frees what these entries referred to.
    fn release(&mut self, found: &[Option<Found>]) {
        for found in found.iter().flatten() {
            let first = self.opened.geometry.first_cluster(&found.entry);
            let old = self.table.chain(first);
            self.table.release(&old);
        }
        self.table.write(&mut self.steps);
    }

    fn require(&self, clusters: u64) -> Result<(), FatUpdateError> {
        if clusters > u64::from(self.table.free()) {
            return Err(self.full(clusters));
        }
        Ok(())
    }

    fn full(&self, clusters: u64) -> FatUpdateError {
        let cluster_size = self.opened.geometry.cluster_size();
        FatUpdateError::Full {
            needed: clusters.saturating_mul(cluster_size),
            free: u64::from(self.table.free()) * cluster_size,
            without_old: self.emptied,
        }
    }
}

/// Fails when an entry could not be added, though there was room for it.
fn added(added: bool, directory: &Directory) -> Result<(), FatUpdateError> {
    if added {
        return Ok(());
    }
    Err(FatUpdateError::DirectoryFull {
        directory: directory.name.clone(),
    })
}

fn check(change: &FileChange<'_>, before: &[FileChange<'_>]) -> Result<(), FatUpdateError> {
    check_name(change.name)?;
    let key = name::key(change.name);
    if before.iter().any(|other| name::key(other.name) == key) {
        return Err(FatUpdateError::Name {
            name: change.name.to_owned(),
            problem: "two files would have it",
        });
    }
    match &change.content {
        Some(content) if u32::try_from(content.bytes.len()).is_err() => Err(too_large(change)),
        _ => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), FatUpdateError> {
    let problem = match name::check(name.as_bytes()) {
        Ok("") => "it is empty",
        Ok(_) => return Ok(()),
        Err(problem) => problem,
    };
    Err(FatUpdateError::Name {
        name: name.to_owned(),
        problem,
    })
}

fn too_large(change: &FileChange<'_>) -> FatUpdateError {
    FatUpdateError::FileTooLarge {
        name: change.name.to_owned(),
        len: change.content.map_or(0, |content| content.bytes.len()),
    }
}

/// The file of that name, if there is one.
fn find_file(directory: &Directory, name: &str) -> Result<Option<Found>, FatUpdateError> {
    let found = directory.find(name);
    match &found {
        Some(found) if found.entry.attributes & ATTR_DIRECTORY != 0 => {
            let path = format!("/{}/{name}", directory.name);
            Err(kind(path, "a directory", "file"))
        }
        _ => Ok(found),
    }
}

fn kind(path: String, found: &'static str, wanted: &'static str) -> FatUpdateError {
    FatUpdateError::Kind {
        path,
        found,
        wanted,
    }
}

fn entry_error(name: &str, source: FatFault) -> FatUpdateError {
    FatUpdateError::Volume(FatReadError::Entry {
        path: format!("/{name}"),
        source,
    })
}

fn length(bytes: u64) -> Result<usize, FatUpdateError> {
    let len = usize::try_from(bytes).map_err(io::Error::other);
    Ok(len.map_err(FatReadError::Read)?)
}
