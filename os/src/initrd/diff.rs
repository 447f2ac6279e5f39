//! What is different between two initrds, as the kernel unpacks them.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::read_at::ReadAt;
use kurmadisk::host_file;
use kurmadisk::source::{Scratch, cpio};
use kurmadisk::tree::{Metadata, Node, NodeId, NodeKind, Tree};
use serde::Serialize;

use super::error::InitrdError;
use super::inspect::kind_name;
use super::sysroot::shown;

/// What counts when two initrds are compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiffOptions {
    /// Times of files don't.
    pub ignore_times: bool,
}

/// A path at which two initrds are different.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The path.
    pub path: String,
    /// What is different there: `only in the first`, `only in the second`, or the field.
    pub what: &'static str,
    /// What the first has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// What the second has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
}

/// Compares two initrds, path by path: types, content, modes, owners, times, links.
pub fn diff(
    first: &Path,
    second: &Path,
    options: DiffOptions,
    scratch: &Scratch,
) -> Result<Vec<Difference>, InitrdError> {
    let (first, second) = (tree(first, scratch)?, tree(second, scratch)?);
    let (a, b): (BTreeMap<_, _>, BTreeMap<_, _>) = (
        first.paths().into_iter().collect(),
        second.paths().into_iter().collect(),
    );
    let mut found = Vec::new();
    let mut linked = Linked::default();
    let mut both: Vec<&Vec<u8>> = a.keys().chain(b.keys()).collect();
    both.sort_unstable();
    both.dedup();
    for path in both {
        match (a.get(path), b.get(path)) {
            (Some(this), Some(that)) => {
                let mut at = At {
                    path,
                    found: &mut found,
                };
                at.compare(first.node(*this), second.node(*that), options)?;
                if !linked.same(*this, *that) {
                    at.say("hard links", None);
                }
            }
            (this, _) => found.push(Difference {
                path: shown(path),
                what: if this.is_some() {
                    "only in the first"
                } else {
                    "only in the second"
                },
                first: None,
                second: None,
            }),
        }
    }
    Ok(found)
}

fn tree(path: &Path, scratch: &Scratch) -> Result<Tree, InitrdError> {
    let file = host_file(path)?;
    let mut tree = Tree::with_implied_root(Metadata {
        mode: 0o755,
        ..Metadata::default()
    });
    cpio::apply(&file, &mut tree, scratch).map_err(|error| InitrdError::cpio(path, error))?;
    Ok(tree)
}

/// Which nodes are one another's; each is only one's.
#[derive(Default)]
struct Linked {
    there: HashMap<NodeId, NodeId>,
    back: HashMap<NodeId, NodeId>,
}

impl Linked {
    fn same(&mut self, this: NodeId, that: NodeId) -> bool {
        *self.there.entry(this).or_insert(that) == that
            && *self.back.entry(that).or_insert(this) == this
    }
}

struct At<'a> {
    path: &'a [u8],
    found: &'a mut Vec<Difference>,
}

impl At<'_> {
    fn say(&mut self, what: &'static str, values: Option<(String, String)>) {
        let (first, second) = values.unzip();
        self.found.push(Difference {
            path: shown(self.path),
            what,
            first,
            second,
        });
    }

    fn compare(
        &mut self,
        this: &Node,
        that: &Node,
        options: DiffOptions,
    ) -> Result<(), InitrdError> {
        let names = (kind_name(&this.kind), kind_name(&that.kind));
        if names.0 != names.1 {
            self.say("type", Some((names.0.to_owned(), names.1.to_owned())));
            return Ok(());
        }
        match (&this.kind, &that.kind) {
            (NodeKind::File(this), NodeKind::File(that)) => {
                if this.len() != that.len() {
                    self.say(
                        "size",
                        Some((this.len().to_string(), that.len().to_string())),
                    );
                } else if !same(this, that).map_err(|source| InitrdError::Compare {
                    path: shown(self.path),
                    source,
                })? {
                    self.say("content", None);
                }
            }
            (NodeKind::Symlink(this), NodeKind::Symlink(that)) if this != that => {
                let text = |target: &[u8]| String::from_utf8_lossy(target).into_owned();
                self.say("target", Some((text(this), text(that))));
            }
            (NodeKind::CharDevice(this), NodeKind::CharDevice(that))
            | (NodeKind::BlockDevice(this), NodeKind::BlockDevice(that))
                if this != that =>
            {
                let [this, that] =
                    [this, that].map(|device| format!("{}:{}", device.major, device.minor));
                self.say("device", Some((this, that)));
            }
            _ => {}
        }
        let (this, that) = (&this.meta, &that.meta);
        if this.mode != that.mode {
            let [this, that] = [this, that].map(|meta| format!("{:04o}", meta.mode));
            self.say("mode", Some((this, that)));
        }
        if (this.uid, this.gid) != (that.uid, that.gid) {
            let [this, that] = [this, that].map(|meta| format!("{}:{}", meta.uid, meta.gid));
            self.say("owner", Some((this, that)));
        }
        if this.mtime != that.mtime && !options.ignore_times {
            let [this, that] = [this, that].map(|meta| meta.mtime.seconds.to_string());
            self.say("mtime", Some((this, that)));
        }
        Ok(())
    }
}

/// Whether two files of one length have the same bytes.
fn same(this: &DiskMap, that: &DiskMap) -> io::Result<bool> {
    const PIECE: usize = 256 << 10;
    let (this, that) = (this.reader(), that.reader());
    let mut buffers = [vec![0; PIECE], vec![0; PIECE]];
    let mut at = 0;
    while at < this.len() {
        let len = usize::try_from(this.len() - at).map_or(PIECE, |left| left.min(PIECE));
        let [a, b] = &mut buffers;
        this.read_exact_at(at, &mut a[..len])?;
        that.read_exact_at(at, &mut b[..len])?;
        if a[..len] != b[..len] {
            return Ok(false);
        }
        at += len as u64;
    }
    Ok(true)
}
