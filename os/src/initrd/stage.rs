//! The tree that becomes an initrd's archive, put together.
//!
//! Directories on the way to something are as in the sysroot, with its links: where `/lib` leads to `usr/lib` there,
//! it does here too. What a tree of the description has already is not asked of the sysroot.

use std::collections::HashSet;

use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::read_at::ReadAt;
use kurmadisk::tree::{Entries, Metadata, Node, NodeId, NodeKind, Timestamp, Tree, TreeError};

use super::elf::{Closure, Program, Resolver};
use super::error::{InitrdError, SysrootError};
use super::sysroot::{FoundKind, MOST_LINKS, Sysroot, parts, shown, split, target_of};

/// Scripts of which each runs the one before, as far as Linux follows them.
const MOST_SCRIPTS: usize = 4;

/// An initrd's tree, and the system that it takes from.
pub(super) struct Stage<'a> {
    pub(super) tree: Tree,
    pub(super) sysroot: &'a Sysroot,
    resolver: Resolver<'a>,
    /// The time of what has none of its own.
    pub(super) time: Timestamp,
    /// What the description names itself.
    named: HashSet<(NodeId, Vec<u8>)>,
    /// Whether something needs `ld.so.cache`.
    needs_cache: bool,
}

/// Where something goes: its directory, its name, and its path without links.
struct Slot {
    dir: NodeId,
    name: Vec<u8>,
    path: Vec<u8>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(sysroot: &'a Sysroot, with_opened: bool, time: Timestamp) -> Self {
        let root = Metadata {
            mode: 0o755,
            mtime: time,
            ..Metadata::default()
        };
        Self {
            tree: Tree::with_implied_root(root),
            sysroot,
            resolver: Resolver::new(sysroot, with_opened),
            time,
            named: HashSet::new(),
            needs_cache: false,
        }
    }

    /// Metadata of something that the description makes.
    pub(super) fn made(&self, mode: u16) -> Metadata {
        Metadata {
            mode,
            mtime: self.time,
            ..Metadata::default()
        }
    }

    /// Puts what the description names itself at `path`, in place of what came from elsewhere.
    ///
    /// Fails when it is named twice, or a directory is in the way.
    pub(super) fn put(
        &mut self,
        path: &[u8],
        meta: Metadata,
        kind: NodeKind,
    ) -> Result<(), InitrdError> {
        let slot = self.slot(path)?;
        let is_new = self.named.insert((slot.dir, slot.name.clone()));
        let there = self.tree.child(slot.dir, &slot.name);
        let (is_dir, there_is_dir) = (
            matches!(kind, NodeKind::Directory(_)),
            there.is_some_and(|node| matches!(self.tree.node(node).kind, NodeKind::Directory(_))),
        );
        match there {
            Some(_) if !is_new => {
                return Err(InitrdError::Tree(TreeError::Taken { name: shown(path) }));
            }
            Some(node) if is_dir && there_is_dir => self.tree.set_metadata(node, meta),
            Some(_) if is_dir || there_is_dir => {
                let path = shown(path);
                return Err(InitrdError::Tree(TreeError::DirectoryKind { path }));
            }
            Some(_) => {
                self.tree.remove(slot.dir, &slot.name);
                self.tree.add(slot.dir, &slot.name, meta, kind)?;
            }
            None => {
                self.tree.add(slot.dir, &slot.name, meta, kind)?;
            }
        }
        Ok(())
    }

    /// Gives what is at `target` a second name, in place of what came from elsewhere.
    pub(super) fn hard_link(&mut self, path: &[u8], target: &[u8]) -> Result<(), InitrdError> {
        let to = self.slot(target)?;
        let node = self.tree.child(to.dir, &to.name);
        let node = node.ok_or_else(|| self.missing(target))?;
        let slot = self.slot(path)?;
        let is_new = self.named.insert((slot.dir, slot.name.clone()));
        let there = self.tree.child(slot.dir, &slot.name);
        let is_file = |node| !matches!(self.tree.node(node).kind, NodeKind::Directory(_)) && is_new;
        if there.is_some_and(|there| there != node && is_file(there)) {
            self.tree.remove(slot.dir, &slot.name);
        }
        Ok(self.tree.link(slot.dir, &slot.name, node)?)
    }

    /// Puts `content` at `path` with what it needs to run.
    pub(super) fn program(
        &mut self,
        path: &[u8],
        meta: Metadata,
        content: DiskMap,
        opened: &[Vec<u8>],
    ) -> Result<(), InitrdError> {
        let clean = parts(path).collect::<Vec<_>>().join(&b'/');
        let program = Program {
            path: &clean,
            content: &content,
        };
        self.needs(&program, opened, 0)?;
        self.put(path, meta, NodeKind::File(content))
    }

    /// Takes what lies at `path` of the sysroot along, with what it needs to run and the links that lead to it.
    pub(super) fn install_program(
        &mut self,
        path: &[u8],
        opened: &[Vec<u8>],
    ) -> Result<(), InitrdError> {
        self.installed(path, opened, 0)
    }

    /// The same for what runs a script, which may be one itself.
    fn installed(
        &mut self,
        path: &[u8],
        opened: &[Vec<u8>],
        scripts: usize,
    ) -> Result<(), InitrdError> {
        self.install(path)?;
        let Some(found) = self.sysroot.find(path)? else {
            return Ok(());
        };
        let content = self.sysroot.content(&found)?;
        let program = Program {
            path: &found.path,
            content: &content,
        };
        self.needs(&program, opened, scripts)
    }

    fn needs(
        &mut self,
        program: &Program<'_>,
        opened: &[Vec<u8>],
        scripts: usize,
    ) -> Result<(), InitrdError> {
        if let Some(interpreter) = interpreter_of_script(program.content) {
            let interpreter = interpreter.map_err(|error| {
                let path = shown(program.path).into();
                SysrootError::Read {
                    path,
                    source: error,
                }
            })?;
            if self.lookup(&interpreter).is_some() {
                return Ok(());
            }
            if scripts == MOST_SCRIPTS {
                let path = shown(program.path);
                return Err(SysrootError::Scripts { path }.into());
            }
            return self.installed(&interpreter, &[], scripts + 1);
        }
        let Closure { paths, needs_cache } = self.resolver.closure(program, opened)?;
        self.needs_cache |= needs_cache;
        paths.iter().try_for_each(|path| self.install(path))
    }

    /// Takes `ld.so.cache` along where something was found by it alone.
    pub(super) fn finish(&mut self) -> Result<(), InitrdError> {
        if self.needs_cache {
            self.install(b"etc/ld.so.cache")?;
        }
        Ok(())
    }

    /// Takes the file at `path` of the sysroot along, and the links that lead to it. What is there already stays.
    pub(super) fn install(&mut self, path: &[u8]) -> Result<(), InitrdError> {
        let mut path = path.to_vec();
        for _ in 0..=MOST_LINKS {
            let slot = self.slot(&path)?;
            if let Some(node) = self.tree.child(slot.dir, &slot.name) {
                match &self.tree.node(node).kind {
                    NodeKind::Symlink(target) => path = target_of(&slot.path, target),
                    _ => return Ok(()),
                }
                continue;
            }
            let Some(found) = self.sysroot.find_link(&path)? else {
                return Err(self.missing(&path));
            };
            let mut meta = found.meta.clone();
            match &found.kind {
                FoundKind::Symlink(target) => {
                    meta.mode = 0o777;
                    let link = NodeKind::Symlink(target.clone().into());
                    self.tree.add(slot.dir, &slot.name, meta, link)?;
                    path = target_of(&found.path, target);
                }
                FoundKind::File => {
                    let content = self.sysroot.content(&found)?;
                    let file = NodeKind::File(content);
                    self.tree.add(slot.dir, &slot.name, meta, file)?;
                    return Ok(());
                }
                _ => return Err(self.missing(&path)),
            }
        }
        Err(self.missing(&path))
    }

    fn missing(&self, path: &[u8]) -> InitrdError {
        InitrdError::Sysroot(SysrootError::Missing {
            path: shown(path),
            sysroot: self.sysroot.name().to_owned(),
        })
    }

    /// What the tree has at `path`, links followed.
    pub(super) fn lookup(&self, path: &[u8]) -> Option<&Node> {
        let mut path = path.to_vec();
        for _ in 0..=MOST_LINKS {
            let mut here = Vec::new();
            let mut dir = Tree::ROOT;
            let mut all = parts(&path);
            let link = loop {
                let Some(name) = all.next() else {
                    return Some(self.tree.node(dir));
                };
                if name == b".." {
                    here.pop();
                    dir = self.tree.lookup(&here.join(&b'/'))?;
                    continue;
                }
                here.push(name.to_vec());
                dir = self.tree.child(dir, name)?;
                if let NodeKind::Symlink(target) = &self.tree.node(dir).kind {
                    break target_of(&here.join(&b'/'), target);
                }
            };
            let rest: Vec<u8> = all.flat_map(|part| [b"/", part].concat()).collect();
            path = [link, rest].concat();
        }
        None
    }

    /// Where `path` goes; the directories on its way are made.
    fn slot(&mut self, path: &[u8]) -> Result<Slot, InitrdError> {
        let clean = parts(path).collect::<Vec<_>>().join(&b'/');
        let (parent, name) = split(&clean);
        if name.is_empty() || name == b".." {
            return Err(InitrdError::Tree(TreeError::BadName { name: shown(path) }));
        }
        let (dir, parent) = self.directory(parent)?;
        Ok(Slot {
            dir,
            name: name.to_vec(),
            path: super::sysroot::join(&parent, name),
        })
    }

    /// The directory at `path`, and its path without links; what is missing is made as in the sysroot.
    pub(super) fn directory(&mut self, path: &[u8]) -> Result<(NodeId, Vec<u8>), InitrdError> {
        let mut here: Vec<Vec<u8>> = Vec::new();
        let mut dir = Tree::ROOT;
        let mut waiting: Vec<Vec<u8>> = parts(path).rev().map(<[u8]>::to_vec).collect();
        let mut links = 0;
        while let Some(part) = waiting.pop() {
            if part == b".." {
                here.pop();
                dir = self.tree.lookup(&here.join(&b'/')).unwrap_or(Tree::ROOT);
                continue;
            }
            let full = super::sysroot::join(&here.join(&b'/'), &part);
            let node = match self.tree.child(dir, &part) {
                Some(node) => node,
                None => self.imitate(dir, &part, &full)?,
            };
            match &self.tree.node(node).kind {
                NodeKind::Directory(_) => {
                    here.push(part);
                    dir = node;
                }
                NodeKind::Symlink(target) => {
                    links += 1;
                    if links > MOST_LINKS {
                        let path = shown(path);
                        return Err(InitrdError::Tree(TreeError::InTheWay { path }));
                    }
                    if target.starts_with(b"/") {
                        here.clear();
                        dir = Tree::ROOT;
                    }
                    waiting.extend(parts(target).rev().map(<[u8]>::to_vec));
                }
                _ => {
                    let path = shown(&full);
                    return Err(InitrdError::Tree(TreeError::InTheWay { path }));
                }
            }
        }
        Ok((dir, here.join(&b'/')))
    }

    /// Makes the directory or link that the sysroot has at `full`; a directory where it has none.
    fn imitate(&mut self, dir: NodeId, name: &[u8], full: &[u8]) -> Result<NodeId, InitrdError> {
        let found = self.sysroot.find_link(full)?;
        Ok(match found.map(|found| (found.kind, found.meta)) {
            Some((FoundKind::Symlink(target), mut meta)) => {
                meta.mode = 0o777;
                let link = NodeKind::Symlink(target.into());
                self.tree.add(dir, name, meta, link)?
            }
            Some((FoundKind::Directory, meta)) => self.tree.make_dirs(full, &meta)?,
            _ => self.tree.make_dirs(full, &self.made(0o755))?,
        })
    }

    /// Makes a directory that the description names.
    pub(super) fn put_directory(&mut self, path: &[u8], meta: Metadata) -> Result<(), InitrdError> {
        self.put(path, meta, NodeKind::Directory(Entries::new()))
    }
}

/// What runs a script, if `content` is one: the path behind its `#!`.
fn interpreter_of_script(content: &DiskMap) -> Option<std::io::Result<Vec<u8>>> {
    // Linux looks at no more of the line.
    const LONGEST: u64 = 256;
    let len = usize::try_from(content.len().min(LONGEST)).ok()?;
    let mut start = vec![0; len];
    if let Err(error) = content.reader().read_exact_at(0, &mut start) {
        return Some(Err(error));
    }
    let line = start.strip_prefix(b"#!")?;
    let line = line.split(|byte| matches!(byte, b'\n' | 0)).next()?;
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t' | b'\r'));
    let word = words.find(|word| !word.is_empty())?;
    word.starts_with(b"/").then(|| Ok(word.to_vec()))
}

/// The content of a file of the sysroot that is read whole; nothing if it is not there.
pub(super) fn whole(
    sysroot: &Sysroot,
    path: &[u8],
    limit: u64,
) -> Result<Option<Vec<u8>>, SysrootError> {
    let Some(found) = sysroot.find(path)? else {
        return Ok(None);
    };
    if found.kind != FoundKind::File {
        return Ok(None);
    }
    let content = sysroot.content(&found)?;
    let len = content.len();
    if len > limit {
        return Err(SysrootError::Long {
            path: shown(path),
            sysroot: sysroot.name().to_owned(),
            len,
        });
    }
    let bytes = read_all(&content);
    let bytes = bytes.map_err(|error| SysrootError::read(shown(path).as_ref(), error))?;
    Ok(Some(bytes))
}

/// All bytes of what is known to be small.
pub(super) fn read_all(content: &DiskMap) -> std::io::Result<Vec<u8>> {
    let len = usize::try_from(content.len()).map_err(std::io::Error::other)?;
    let mut bytes = vec![0; len];
    content.reader().read_exact_at(0, &mut bytes)?;
    Ok(bytes)
}
