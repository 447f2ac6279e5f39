//! Kernel and initrd as one archive, `kurma-init.tar.gz`.

use std::fs::File;
use std::io::Read;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use kurmadisk::formats::compress::{Compressed, Compression};
use kurmadisk::formats::output::{NewFile, Output};
use kurmadisk::package::archive::Tar;
use kurmadisk::spec::Place;

use super::error::ManifestError;
use super::places;
use super::spec::Manifest;
use crate::chain::{Outputs, Step, StepError};

/// The step that makes it, if the manifest asks for it.
pub(super) fn step(manifest: &Manifest) -> Result<Option<Step<'_>>, ManifestError> {
    let Some(spec) = &manifest.bundle else {
        return Ok(None);
    };
    let name = spec.name.as_ref();
    let place = || name.map_or(Place::Caller, |name| name.place.clone());
    let name = manifest.places.bundle.as_str();
    if name.is_empty() || name.contains('/') {
        return Err(ManifestError::Value {
            place: place(),
            key: "name",
            reason: format!("{name:?} is no name of a file"),
        });
    }
    if !manifest.has_kernel() || manifest.initrd.is_none() {
        return Err(ManifestError::Value {
            place: place(),
            key: "bundle",
            reason: "kernel and initrd go into it; describe [kernel] or [base], and [initrd]"
                .to_owned(),
        });
    }
    let output = manifest.output();
    let paths = vec![output.join(places::BZ_IMAGE), output.join(places::INITRD)];
    let mut step = manifest.step(name, paths, &["bundle"])?;
    let file = manifest.places.bundle_file();
    step.outputs = Outputs::Files(vec![file.clone()]);
    let time = manifest.time();
    step.run = Box::new(move |context| {
        let members = [("bzImage", places::BZ_IMAGE), ("initrd", places::INITRD)];
        let members = members.map(|(name, path)| (name, context.output.join(path)));
        pack(&context.folder.join(&file), &members, time)
    });
    Ok(Some(step))
}

/// Writes an archive of these files, root's and of the time `time`, compressed with gzip.
fn pack(path: &Path, members: &[(&str, PathBuf)], time: u64) -> Result<(), StepError> {
    let mut file = NewFile::create(path)?;
    let one = NonZero::<usize>::MIN;
    let packed = Compressed::new(&mut file, Compression::Gzip, None, one)?;
    let mut tar = Tar::new(packed, i64::try_from(time).unwrap_or(i64::MAX));
    let mut buffer = vec![0; 1 << 20];
    for (name, path) in members {
        let mut from = File::open(path)?;
        let mut member = tar.member(name, Some(from.metadata()?.len()))?;
        let mut len = 0;
        loop {
            let read = from.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            member.write_at(len, &buffer[..read])?;
            len += read as u64;
        }
        member.set_len(len)?;
        member.finish()?;
    }
    tar.finish()?;
    file.commit()?;
    Ok(())
}
