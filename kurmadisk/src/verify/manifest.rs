//! The digests of an appliance's files: DSP0243, section 6.1.

use std::io;

use data_encoding::HEXLOWER;
use kurmadisk_formats::read_at::ReadAt;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::package::Files;
use super::rules::{MANIFEST_DIGEST, MANIFEST_FILE, MANIFEST_INCOMPLETE, MANIFEST_SYNTAX};
use super::{Observations, Place};

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

/// A line: `SHA256(disk.vmdk)= 00…`.
struct Line<'a> {
    algorithm: &'a str,
    file: &'a str,
    digest: String,
}

impl<'a> Line<'a> {
    /// The line, if it is one exactly as it has to be.
    fn parse(line: &'a str) -> Option<Self> {
        let (algorithm, rest) = line.split_once('(')?;
        let (file, digest) = rest.rsplit_once(")= ")?;
        let len = match algorithm {
            "SHA1" => 40,
            "SHA256" => 64,
            "SHA512" => 128,
            _ => return None,
        };
        let is_hex = digest.len() == len && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| Self {
            algorithm,
            file,
            digest: digest.to_ascii_lowercase(),
        })
    }
}

/// Looks at the manifest called `name` with this text; `wanted` are the files that it should be about.
pub(super) fn lint(
    name: &str,
    text: &str,
    wanted: &[String],
    files: &Files,
    seen: &mut Observations,
) -> io::Result<()> {
    let mut told = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let place = || Place {
            file: Some(name.to_owned()),
            ..Place::of(format!("line {number}"))
        };
        let Some(line) = Line::parse(line) else {
            if !line.trim().is_empty() {
                seen.add(MANIFEST_SYNTAX, place(), || format!("{line:?}"));
            }
            continue;
        };
        told.push(line.file);
        let Some(file) = files.open(line.file)? else {
            seen.add(MANIFEST_FILE, place(), || {
                format!("there is no file {:?}", line.file)
            });
            continue;
        };
        let digest = match line.algorithm {
            "SHA1" => digest::<Sha1>(&file)?,
            "SHA256" => digest::<Sha256>(&file)?,
            _ => digest::<Sha512>(&file)?,
        };
        if digest != line.digest {
            seen.add(MANIFEST_DIGEST, place(), || {
                format!("{:?} has {digest}", line.file)
            });
        }
    }
    for file in wanted.iter().filter(|file| !told.contains(&file.as_str())) {
        let place = Place {
            file: Some(name.to_owned()),
            ..Place::of("manifest")
        };
        seen.add(MANIFEST_INCOMPLETE, place, || {
            format!("it says nothing of {file:?}")
        });
    }
    Ok(())
}

fn digest<D: Digest>(file: &impl ReadAt) -> io::Result<String> {
    let mut digest = D::new();
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    while at < file.len() {
        let len = usize::try_from(file.len() - at).map_or(PIECE, |left| left.min(PIECE));
        file.read_exact_at(at, &mut piece[..len])?;
        digest.update(&piece[..len]);
        at += len as u64;
    }
    Ok(HEXLOWER.encode(&digest.finalize()))
}
