//! VMware's description of a machine, and the disks beside it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use kurmadisk_formats::read_at::FileReader;

use super::package::{Files, Kind, text};
use super::rules::{VMX_DISK, VMX_SYNTAX};
use super::{Observations, Place, Verified, concern};

/// Buses that disks are on.
const BUSES: [&str; 4] = ["ide", "scsi", "sata", "nvme"];

/// Looks at the description in `file`, which lies at `path`.
pub(super) fn verify(path: &Path, file: &FileReader) -> io::Result<Verified> {
    let text = text(file)?;
    let mut seen = Observations::default();
    let keys = keys(&text, &mut seen);
    let folder = path.parent().unwrap_or(Path::new(""));
    let files = Files::Folder(folder.to_path_buf());
    let mut disks = Vec::new();
    for (key, (name, number)) in &keys {
        if !is_disk(key, &keys) {
            continue;
        }
        let place = || Place::of(format!("line {number}, {key}"));
        match files.disk(name, &mut seen)? {
            Some(disk) => {
                if !disk.format.starts_with("vmdk") {
                    seen.add(VMX_DISK, place(), || {
                        format!("{name:?} is a {} image, not a VMDK", disk.format)
                    });
                }
                disks.push(disk);
            }
            None => seen.add(VMX_DISK, place(), || {
                format!("there is no file {name:?} beside it")
            }),
        }
    }
    if disks.is_empty() {
        seen.add(VMX_DISK, Place::of("machine"), || {
            "it has no disk".to_owned()
        });
    }
    concern(Kind::Vmx, &mut seen);
    Ok(Verified {
        kind: Kind::Vmx.name(),
        disks,
        observations: seen,
    })
}

/// The values by their keys in small letters, with the numbers of their lines.
fn keys<'a>(text: &'a str, seen: &mut Observations) -> BTreeMap<String, (&'a str, u32)> {
    let mut keys = BTreeMap::new();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = || Place::of(format!("line {number}"));
        let parts = line.split_once('=').and_then(|(key, value)| {
            let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
            (!value.contains('"')).then_some((key.trim().to_ascii_lowercase(), value))
        });
        let Some((key, value)) = parts else {
            seen.add(VMX_SYNTAX, place(), || format!("{line:?}"));
            continue;
        };
        if keys.contains_key(&key) {
            seen.add(VMX_SYNTAX, place(), || {
                format!("{key:?} is there a second time")
            });
        }
        keys.insert(key, (value, number));
    }
    keys
}

/// Whether `key` names the file of a hard disk that is present: `scsi0:0.fileName`.
fn is_disk(key: &str, keys: &BTreeMap<String, (&str, u32)>) -> bool {
    let Some(device) = key.strip_suffix(".filename") else {
        return false;
    };
    let value = |name: &str| {
        keys.get(&format!("{device}.{name}"))
            .map(|(value, _)| *value)
    };
    let is_cd = value("devicetype").is_some_and(|kind| kind.starts_with("cdrom"));
    let is_present = value("present").is_none_or(|there| there.eq_ignore_ascii_case("true"));
    BUSES.iter().any(|bus| device.starts_with(bus)) && is_present && !is_cd
}
