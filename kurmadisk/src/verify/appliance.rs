//! OVA archives, and OVF documents with files beside them: DSP0243, section 5.

use std::io;
use std::path::Path;

use kurmadisk_formats::read_at::FileReader;

use super::package::{Files, Kind, damaged, plain, text};
use super::rules::{
    MANIFEST_NAME, OVA_DISK_ORDER, OVA_MANIFEST_PLACE, OVA_ORDER, OVA_TAR, OVF_MISSING,
};
use super::{Observations, Place, Verified, concern, manifest, ovf};
use crate::source::tar::TarError;
use crate::source::tar::stream::{Form, Listed};

/// Looks at an archive; `damage` is why not all of its members could be listed.
pub(super) fn verify_archive(
    path: &Path,
    file: FileReader,
    members: Vec<Listed>,
    damage: Option<TarError>,
) -> io::Result<Verified> {
    let mut seen = Observations::default();
    if let Some(damage) = damage {
        damaged(&damage, &mut seen);
    }
    let names: Vec<String> = members.iter().map(|member| plain(&member.name)).collect();
    lint_headers(&members, &names, &mut seen);
    let files = Files::Archive { file, members };
    let position = names.iter().position(|name| ends(name, "ovf"));
    let Some(position) = position else {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        seen.add(OVF_MISSING, Place::of("archive"), || {
            format!("no file of {name} ends with .ovf")
        });
        return Ok(verified(Kind::Ova, Vec::new(), seen));
    };
    if position > 0 {
        seen.add(OVA_ORDER, Place::of(names[position].clone()), || {
            format!("{:?} comes before it", names[0])
        });
    }
    let document = names[position].clone();
    let text = files.text(&document)?.unwrap_or_default();
    let described = ovf::lint(&document, &text, &files, &mut seen)?;
    lint_order(&names, &described.files, &mut seen);
    let manifest_at = names.iter().position(|name| ends(name, "mf"));
    if let Some(at) = manifest_at {
        lint_place(&names, position, at, &mut seen);
        let manifest = names[at].clone();
        lint_name(&document, &manifest, &mut seen);
        let text = files.text(&manifest)?.unwrap_or_default();
        let wanted = wanted(document, described.files);
        manifest::lint(&manifest, &text, &wanted, &files, &mut seen)?;
    }
    Ok(verified(Kind::Ova, described.disks, seen))
}

/// Looks at the document in `file`, which lies at `path`, and at the files beside it.
pub(super) fn verify_document(path: &Path, file: &FileReader) -> io::Result<Verified> {
    let mut seen = Observations::default();
    let folder = path.parent().unwrap_or(Path::new(""));
    let files = Files::Folder(folder.to_path_buf());
    let name = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let document = name(path);
    let described = ovf::lint(&document, &text(file)?, &files, &mut seen)?;
    let manifest = name(&path.with_extension("mf"));
    if let Some(text) = files.text(&manifest)? {
        let wanted = wanted(document, described.files);
        manifest::lint(&manifest, &text, &wanted, &files, &mut seen)?;
    }
    Ok(verified(Kind::Ovf, described.disks, seen))
}

fn verified(kind: Kind, disks: Vec<super::VerifiedDisk>, mut seen: Observations) -> Verified {
    concern(kind, &mut seen);
    Verified {
        kind: kind.name(),
        disks,
        observations: seen,
    }
}

/// What a manifest should be about.
fn wanted(document: String, files: Vec<String>) -> Vec<String> {
    let mut wanted = vec![document];
    wanted.extend(files);
    wanted
}

fn lint_headers(members: &[Listed], names: &[String], seen: &mut Observations) {
    for (member, name) in members.iter().zip(names) {
        let what = if !member.is_file {
            "it is no regular file"
        } else if member.is_sparse {
            "its holes are left out"
        } else if member.form == Form::Pax {
            "it has an extended header"
        } else {
            continue;
        };
        let place = Place::at(format!("member {name:?}"), member.offset);
        seen.add(OVA_TAR, place, || what.to_owned());
    }
}

/// Whether the files that the document refers to come in its order.
fn lint_order(names: &[String], files: &[String], seen: &mut Observations) {
    let position = |file: &String| names.iter().position(|name| name == file);
    let placed: Vec<_> = files
        .iter()
        .filter_map(|file| Some((position(file)?, file)))
        .collect();
    if let Some([(_, first), (_, second)]) = placed.windows(2).find(|pair| pair[0].0 > pair[1].0) {
        seen.add(OVA_DISK_ORDER, Place::of((*second).clone()), || {
            format!("the document refers to {first:?} first, which comes later")
        });
    }
}

/// Whether the manifest comes behind the document, or last but for a certificate.
fn lint_place(names: &[String], document: usize, manifest: usize, seen: &mut Observations) {
    let behind = &names[manifest + 1..];
    let is_last = behind.iter().all(|name| ends(name, "cert"));
    if manifest != document + 1 && !is_last {
        let place = Place::of(names[manifest].clone());
        seen.add(OVA_MANIFEST_PLACE, place, || {
            format!(
                "it comes between {:?} and {:?}",
                names[manifest.max(1) - 1],
                behind[0]
            )
        });
    }
}

fn lint_name(document: &str, manifest: &str, seen: &mut Observations) {
    let stem = |name| Path::new(name).file_stem();
    if stem(document) != stem(manifest) {
        seen.add(MANIFEST_NAME, Place::of(manifest), || {
            format!("the document is called {document:?}")
        });
    }
}

/// Whether a file's name has this ending, in capital letters or small ones.
pub(super) fn ends(name: &str, ending: &str) -> bool {
    let found = Path::new(name).extension();
    found.is_some_and(|found| found.eq_ignore_ascii_case(ending))
}
