//! What a platform will refuse of an image, and why, before it is given to it.
//!
//! [`image()`] looks at a container by the bytes, whoever made it, and observes what some platform has been seen to
//! refuse or to misread; [`judge`] says which of that concerns the platforms that are asked for. What the
//! format's reader accepts is not enough: it is made to read what it can, a platform's often is not.
//!
//! Each observation is of a [`Rule`]: a stable name, the platforms that it concerns, why, and what to do. The rules
//! of a format are beside its reader, in `lint` of its module.
//!
//! | file | holds |
//! |---|---|
//! | `platform` | [`Platform`], [`Severity`] |
//! | `rule` | [`Rule`], and the macro that lists them |
//! | `finding` | [`Observations`], [`Finding`], [`judge`] |
//! | `read` | structures at offsets |
//! | `general` | rules of no format: what platforms take at all, and what can't be read |
//!
//! Images are hostile until shown otherwise, as for the readers: a rule is observed once, and further places are
//! only counted.

mod finding;
mod general;
mod platform;
#[cfg(any(
    feature = "qcow2",
    feature = "vdi",
    feature = "vhd",
    feature = "vhdx",
    feature = "vmdk"
))]
pub(crate) mod read;
mod rule;

use std::io;
use std::ops::Range;
use std::path::Path;

use crate::error::OpenError;
use crate::image_files::ImageFiles;
use crate::open;
use crate::read_at::ReadAt;

pub use finding::{Finding, Observation, Observations, Place, judge};
pub use platform::{Platform, Severity, UnknownPlatform};
pub use rule::Rule;

/// What [`image()`] found out.
#[derive(Debug)]
pub struct Linted {
    /// The container format's name, `raw` where there is none.
    pub format: &'static str,
    /// Bytes of the disk, where the image can be read.
    pub size: Option<u64>,
    /// What there is to say.
    pub observations: Observations,
}

/// All rules of this crate, as this build has them.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let tables: &[&[&'static Rule]] = &[
        general::RULES,
        #[cfg(feature = "vmdk")]
        crate::vmdk::lint::RULES,
        #[cfg(feature = "vmdk-stream")]
        crate::vmdk::lint::stream::RULES,
        #[cfg(feature = "vdi")]
        crate::vdi::lint::RULES,
        #[cfg(feature = "vhd")]
        crate::vhd::lint::RULES,
        #[cfg(feature = "vhdx")]
        crate::vhdx::lint::RULES,
        #[cfg(feature = "qcow2")]
        crate::qcow2::lint::RULES,
    ];
    tables.concat().into_iter()
}

/// Looks at the image file at `path`; the files that a descriptor names are looked for beside it.
///
/// Fails when it can't be opened or read; an image that makes no sense is an observation.
pub fn file(path: &Path) -> Result<Linted, OpenError> {
    let mut files = ImageFiles::open(path)?;
    let own = files.own();
    let (file, allocated) = (own.reader.clone(), own.allocated.clone());
    let opened = open::Image::of_files(&mut files);
    looked(&file, &allocated, path.parent(), opened)
}

/// Looks at the image in `file`, of which the ranges `allocated` are no holes on the host; not at other files that it
/// may name.
///
/// Reads the whole file at most, in ascending order but for its tables, and holds no more of it in memory than its
/// reader does.
///
/// Fails when it can't be read.
pub fn image<R: ReadAt + Clone + 'static>(
    file: R,
    allocated: &[Range<u64>],
) -> Result<Linted, OpenError> {
    let opened = open::Image::from_reader(Box::new(file.clone()));
    looked(&file, allocated, None, opened)
}

fn looked(
    file: &dyn ReadAt,
    allocated: &[Range<u64>],
    folder: Option<&Path>,
    opened: Result<open::Image, OpenError>,
) -> Result<Linted, OpenError> {
    let mut observations = Observations::default();
    let format = open::format_name(file)?;
    by_format(format, file, folder, &mut observations)?;
    let size = match opened {
        Ok(image) => Some(image.len()),
        Err(error) => {
            general::unreadable(&error, &mut observations)?;
            None
        }
    };
    general::format(format, &mut observations);
    general::holes(format, file.len(), allocated, &mut observations);
    Ok(Linted {
        format,
        size,
        observations,
    })
}

/// Looks at a file by the structures of its format; a descriptor's files are looked for in a folder.
type Look = fn(&dyn ReadAt, Option<&Path>, &mut Observations) -> io::Result<()>;

/// The formats, by the names that signatures have.
const LOOKS: &[(&str, Look)] = &[
    #[cfg(feature = "vmdk")]
    ("vmdk", crate::vmdk::lint::lint),
    #[cfg(feature = "vmdk")]
    ("vmdk descriptor", crate::vmdk::lint::lint),
    #[cfg(feature = "vdi")]
    ("vdi", |file, _, seen| crate::vdi::lint::lint(file, seen)),
    #[cfg(feature = "vhd")]
    ("vhd", |file, _, seen| crate::vhd::lint::lint(file, seen)),
    #[cfg(feature = "vhdx")]
    ("vhdx", |file, _, seen| crate::vhdx::lint::lint(file, seen)),
    #[cfg(feature = "qcow2")]
    ("qcow2", |file, _, seen| {
        crate::qcow2::lint::lint(file, seen)
    }),
];

/// Fails when the file can't be read; what ends too early is for the reader to tell.
fn by_format(
    format: &str,
    file: &dyn ReadAt,
    folder: Option<&Path>,
    observations: &mut Observations,
) -> Result<(), OpenError> {
    let look = LOOKS.iter().find(|(name, _)| *name == format);
    let Some((_, look)) = look else {
        return Ok(());
    };
    match look(file, folder, observations) {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error.into()),
        _ => Ok(()),
    }
}
