//! A program's libraries, and theirs, each where its loader would find it.
//!
//! Order, as in `ld.so(8)`: the `DT_RPATH` of what asks, and of what loaded that, up to the program, unless what asks has
//! a `DT_RUNPATH`, which then counts instead; `ld.so.cache`; the folders built into the loader. musl's loader takes
//! both kinds of paths for the same, up to the program, then those of `/etc/ld-musl-ARCH.path`. What has no ELF header of
//! the same machine is passed over, as loaders do it. The environment (`LD_LIBRARY_PATH`) has no part in it.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use kurmadisk::formats::map::DiskMap;

use super::super::error::{ElfError, SysrootError};
use super::super::sysroot::{Found, FoundKind, Sysroot, parts, shown};
use super::cache::Cache;
use super::directories::{MUSL, built_in, expand};
use super::object::{self, Machine, Object};

/// Where glibc's loader looks first.
const CACHE: &[u8] = b"etc/ld.so.cache";

/// The most bytes of what is read whole: a cache, a loader.
const MAX_WHOLE: u64 = 64 << 20;

/// A program that is to run: its path in the initrd, and what it is.
pub(in crate::initrd) struct Program<'a> {
    pub(in crate::initrd) path: &'a [u8],
    pub(in crate::initrd) content: &'a DiskMap,
}

/// What a program needs.
#[derive(Debug, Default)]
pub(in crate::initrd) struct Closure {
    /// Paths in the sysroot, as loaders come to them; links may be on the way.
    pub(in crate::initrd) paths: Vec<Vec<u8>>,
    /// Whether some library is found by `ld.so.cache` alone.
    pub(in crate::initrd) needs_cache: bool,
}

/// Finds what programs of a sysroot need.
pub(in crate::initrd) struct Resolver<'a> {
    sysroot: &'a Sysroot,
    /// What was looked at, by the path it really has.
    objects: HashMap<Vec<u8>, Option<Rc<Object>>>,
    caches: HashMap<bool, Rc<Cache>>,
    loaders: HashMap<Vec<u8>, Rc<Loader>>,
    /// Whether libraries that notes tell of are taken along where they are there.
    with_opened: bool,
}

/// A loader, and where it looks last.
#[derive(Debug)]
struct Loader {
    path: Vec<u8>,
    is_musl: bool,
    folders: Vec<Vec<u8>>,
}

/// Something in the loader's list.
struct Loaded {
    path: Vec<u8>,
    object: Rc<Object>,
    /// What asked for it; the program itself has none.
    by: Option<usize>,
}

impl<'a> Resolver<'a> {
    pub(in crate::initrd) fn new(sysroot: &'a Sysroot, with_opened: bool) -> Self {
        Self {
            sysroot,
            objects: HashMap::new(),
            caches: HashMap::new(),
            loaders: HashMap::new(),
            with_opened,
        }
    }

    /// What `program` needs; nothing where it is no ELF file, or one that stands alone. `opened` are libraries that
    /// it opens while it runs, as far as they are there.
    pub(in crate::initrd) fn closure(
        &mut self,
        program: &Program<'_>,
        opened: &[Vec<u8>],
    ) -> Result<Closure, ElfError> {
        let mut closure = Closure::default();
        let object = object::read(program.content);
        let object = object.map_err(|reason| damaged(program.path, reason))?;
        let Some(object) = object else {
            return Ok(closure);
        };
        let loader = match &object.interpreter {
            Some(interpreter) => Some(self.loader(program.path, interpreter, object.machine)?),
            None if object.needed.is_empty() => return Ok(closure),
            None => None,
        };
        closure
            .paths
            .extend(loader.as_ref().map(|loader| loader.path.clone()));
        let mut list = vec![Loaded {
            path: program.path.to_vec(),
            object: Rc::new(object),
            by: None,
        }];
        let mut known: HashSet<Vec<u8>> = HashSet::new();
        let mut at = 0;
        while at < list.len() {
            for (name, is_needed) in self.wanted(&list[at], at == 0, opened) {
                if is_the_loader(loader.as_deref(), &name) || known.contains(&name) {
                    continue;
                }
                let mut search = Search {
                    list: &list,
                    by: at,
                    loader: loader.as_deref(),
                    searched: Vec::new(),
                };
                match search.find(self, &name)? {
                    Some((path, object, by_cache)) => {
                        closure.needs_cache |= by_cache;
                        known.insert(name);
                        known.extend(object.soname.clone());
                        if list.iter().all(|loaded| loaded.path != path) {
                            closure.paths.push(path.clone());
                            let by = Some(at);
                            list.push(Loaded { path, object, by });
                        }
                    }
                    None if is_needed => {
                        return Err(ElfError::Library {
                            path: shown(&list[at].path),
                            library: String::from_utf8_lossy(&name).into_owned(),
                            searched: search.searched,
                        });
                    }
                    None => {}
                }
            }
            at += 1;
        }
        Ok(closure)
    }

    /// The libraries that something asks for, and whether it can't do without.
    fn wanted(
        &self,
        loaded: &Loaded,
        is_program: bool,
        opened: &[Vec<u8>],
    ) -> Vec<(Vec<u8>, bool)> {
        let needed = loaded.object.needed.iter();
        let mut wanted: Vec<_> = needed.map(|name| (name.clone(), true)).collect();
        if self.with_opened {
            let opened = loaded.object.opened.iter().flatten();
            wanted.extend(opened.map(|name| (name.clone().into_bytes(), false)));
        }
        if is_program {
            wanted.extend(opened.iter().map(|name| (name.clone(), false)));
        }
        wanted
    }

    fn loader(
        &mut self,
        program: &[u8],
        interpreter: &[u8],
        machine: Machine,
    ) -> Result<Rc<Loader>, ElfError> {
        if let Some(loader) = self.loaders.get(interpreter) {
            return Ok(Rc::clone(loader));
        }
        let found = self.sysroot.find(interpreter)?;
        let found = found.filter(|found| found.kind == FoundKind::File);
        let found = found.ok_or_else(|| ElfError::Interpreter {
            path: shown(program),
            interpreter: String::from_utf8_lossy(interpreter).into_owned(),
        })?;
        let path = parts(interpreter).collect::<Vec<_>>().join(&b'/');
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let is_musl = name.starts_with(b"ld-musl-");
        let folders = if is_musl {
            let arch = name.strip_prefix(b"ld-musl-").unwrap_or_default();
            let arch = arch.split(|byte| *byte == b'.').next().unwrap_or_default();
            let list = [b"etc/ld-musl-", arch, b".path"].concat();
            let text = whole(self.sysroot, &list)?.unwrap_or_else(|| MUSL.to_vec());
            let folders = text.split(|byte| matches!(byte, b':' | b'\n'));
            folders
                .filter(|folder| !folder.is_empty())
                .map(<[u8]>::to_vec)
                .collect()
        } else {
            let content = whole(self.sysroot, &found.path)?.unwrap_or_default();
            built_in(&content, machine)
        };
        let loader = Rc::new(Loader {
            path,
            is_musl,
            folders,
        });
        self.loaders
            .insert(interpreter.to_vec(), Rc::clone(&loader));
        Ok(loader)
    }

    fn cache(&mut self, is_little_endian: bool) -> Result<Rc<Cache>, ElfError> {
        if let Some(cache) = self.caches.get(&is_little_endian) {
            return Ok(Rc::clone(cache));
        }
        let bytes = whole(self.sysroot, CACHE)?.unwrap_or_default();
        let cache = Rc::new(Cache::parse(&bytes, is_little_endian).unwrap_or_default());
        self.caches.insert(is_little_endian, Rc::clone(&cache));
        Ok(cache)
    }

    /// The library at `path`, if it is one for `machine`.
    fn find(&mut self, path: &[u8], machine: Machine) -> Result<Option<Rc<Object>>, ElfError> {
        let Some(found) = self.sysroot.find(path)? else {
            return Ok(None);
        };
        if found.kind != FoundKind::File {
            return Ok(None);
        }
        let object = if let Some(object) = self.objects.get(&found.path) {
            object.clone()
        } else {
            let object = read(self.sysroot, &found)?.map(Rc::new);
            self.objects.insert(found.path, object.clone());
            object
        };
        Ok(object.filter(|object| object.machine == machine))
    }
}

/// One search for a library.
struct Search<'s> {
    list: &'s [Loaded],
    /// What asks.
    by: usize,
    loader: Option<&'s Loader>,
    /// Where it was looked for.
    searched: Vec<String>,
}

/// A library: its path, what it is, and whether only the cache knows it.
type Library = (Vec<u8>, Rc<Object>, bool);

impl Search<'_> {
    fn find(
        &mut self,
        resolver: &mut Resolver<'_>,
        name: &[u8],
    ) -> Result<Option<Library>, ElfError> {
        let asks = &self.list[self.by];
        let machine = asks.object.machine;
        if name.contains(&b'/') {
            for path in expand(name, &asks.path, machine) {
                self.searched
                    .push(String::from_utf8_lossy(&path).into_owned());
                if let Some(object) = resolver.find(&path, machine)? {
                    return Ok(Some((clean(&path), object, false)));
                }
            }
            return Ok(None);
        }
        for folder in self.paths() {
            let found = self.within(resolver, &folder, name)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        let folders = match self.loader {
            Some(loader) => loader.folders.clone(),
            None => built_in(&[], machine),
        };
        let is_musl = self.loader.is_some_and(|loader| loader.is_musl);
        let no_default = asks.object.no_default && !is_musl;
        if !is_musl && !no_default {
            self.searched.push(shown(CACHE));
            let cache = resolver.cache(machine.is_little_endian)?;
            for path in cache.paths(name) {
                if let Some(object) = resolver.find(path, machine)? {
                    let path = clean(path);
                    let folder = [b"/", super::super::sysroot::split(&path).0].concat();
                    let by_cache = !folders.contains(&folder);
                    return Ok(Some((path, object, by_cache)));
                }
            }
        }
        for folder in folders.iter().filter(|_| !no_default) {
            let found = self.within(resolver, folder, name)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The folders that what asks, and what loaded it, say themselves.
    fn paths(&self) -> Vec<Vec<u8>> {
        let asks = &self.list[self.by];
        let is_musl = self.loader.is_some_and(|loader| loader.is_musl);
        let mut folders = Vec::new();
        let mut next = Some(self.by);
        while let Some(loaded) = next.map(|at| &self.list[at]) {
            let object = &loaded.object;
            let own = match (&object.rpath, &object.runpath) {
                (_, Some(runpath)) if is_musl => Some(runpath),
                (rpath, _) if is_musl || asks.object.runpath.is_none() => rpath.as_ref(),
                _ => None,
            };
            folders.extend(own.into_iter().flat_map(|list| folders_of(list, loaded)));
            next = loaded.by;
        }
        if !is_musl && let Some(runpath) = &asks.object.runpath {
            folders.extend(folders_of(runpath, asks));
        }
        folders
    }

    fn within(
        &mut self,
        resolver: &mut Resolver<'_>,
        folder: &[u8],
        name: &[u8],
    ) -> Result<Option<Library>, ElfError> {
        let machine = self.list[self.by].object.machine;
        self.searched
            .push(String::from_utf8_lossy(folder).into_owned());
        let path = [folder, b"/", name].concat();
        let object = resolver.find(&path, machine)?;
        Ok(object.map(|object| (clean(&path), object, false)))
    }
}

/// The folders of a list with colons between them. An empty one would be the current folder, which is nobody's.
fn folders_of(list: &[u8], of: &Loaded) -> Vec<Vec<u8>> {
    let folders = list.split(|byte| *byte == b':');
    let folders = folders.flat_map(|folder| expand(folder, &of.path, of.object.machine));
    folders.filter(|folder| folder.starts_with(b"/")).collect()
}

/// A path without empty parts and leading slash.
fn clean(path: &[u8]) -> Vec<u8> {
    parts(path).collect::<Vec<_>>().join(&b'/')
}

/// musl's loader is the C library too, by whatever name that is asked for.
fn is_the_loader(loader: Option<&Loader>, name: &[u8]) -> bool {
    const OWN: [&str; 7] = ["c", "pthread", "rt", "m", "dl", "util", "xnet"];
    let Some(loader) = loader else {
        return false;
    };
    let file = loader.path.rsplit(|byte| *byte == b'/').next();
    if file == Some(name) {
        return true;
    }
    let rest = name.strip_prefix(b"lib").unwrap_or_default();
    let own = rest.split(|byte| *byte == b'.').next().unwrap_or_default();
    loader.is_musl && rest.contains(&b'.') && OWN.iter().any(|name| name.as_bytes() == own)
}

fn read(sysroot: &Sysroot, found: &Found) -> Result<Option<Object>, ElfError> {
    let content = sysroot.content(found)?;
    object::read(&content).map_err(|reason| damaged(&found.path, reason))
}

fn damaged(path: &[u8], reason: String) -> ElfError {
    let path = shown(path);
    ElfError::Damaged { path, reason }
}

/// The content of a file that is read whole; nothing if it is not there.
fn whole(sysroot: &Sysroot, path: &[u8]) -> Result<Option<Vec<u8>>, SysrootError> {
    super::super::stage::whole(sysroot, path, MAX_WHOLE)
}
