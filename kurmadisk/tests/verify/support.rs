//! Appliances made with tar, and what is observed of them.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::output::NewFile;
use kurmadisk::verify::{self, Platform, Severity, Verified, judge};
use kurmadisk::{ImageFormat, ImageOptions};
use kurmadisk_fixtures::oracle;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use uuid::Uuid;

pub const MIB: u64 = 1 << 20;

/// An image with a little in it.
pub fn image(path: &Path, format: ImageFormat, size: u64) {
    let mut disk = DiskMap::new(size);
    disk.insert_bytes(4096, vec![0x5A; 100_000]).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let options = ImageOptions::new(Uuid::from_u128(7), name);
    let mut file = NewFile::create(path).unwrap();
    let go_on = &mut |_| ControlFlow::Continue(());
    format.write(&disk, &options, &mut file, go_on).unwrap();
    file.commit().unwrap();
}

/// An appliance of one disk, as it should be.
pub struct Appliance {
    folder: TempDir,
    pub ovf: String,
    /// Its name, and its text unless it is made of the files.
    pub manifest: Option<(&'static str, Option<String>)>,
    /// Members in their order.
    pub order: Vec<&'static str>,
    pub tar_format: &'static str,
}

pub const DISK: &str = "a-disk1.vmdk";
const SIZE: u64 = 64 * MIB;

impl Appliance {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        image(&folder.path().join(DISK), ImageFormat::VmdkStream, SIZE);
        let len = fs::metadata(folder.path().join(DISK)).unwrap().len();
        let ovf = include_str!("appliance.ovf").replace("@LEN@", &len.to_string());
        Self {
            folder,
            ovf,
            manifest: Some(("a.mf", None)),
            order: vec!["a.ovf", DISK, "a.mf"],
            tar_format: "ustar",
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a part of the document that is there.
    pub fn edit(&mut self, old: &str, new: &str) {
        assert!(self.ovf.contains(old), "no {old:?}");
        self.ovf = self.ovf.replace(old, new);
    }

    /// The manifest that the files should have.
    pub fn digests(&self) -> String {
        fs::write(self.path("a.ovf"), &self.ovf).unwrap();
        let line = |name: &str| {
            let digest = Sha256::digest(fs::read(self.path(name)).unwrap());
            let digest = data_encoding::HEXLOWER.encode(&digest);
            format!("SHA256({name})= {digest}\n")
        };
        ["a.ovf", DISK].map(line).concat()
    }

    /// Writes document and manifest beside the disk; the document's path.
    pub fn loose(&self) -> PathBuf {
        let digests = self.digests();
        if let Some((name, text)) = &self.manifest {
            let text = text.as_ref().unwrap_or(&digests);
            fs::write(self.path(name), text).unwrap();
        }
        self.path("a.ovf")
    }

    /// The OVA, made with tar.
    pub fn ova(&self) -> PathBuf {
        self.loose();
        let ova = self.path("a.ova");
        let mut tar = oracle::tool("tar").unwrap().command().unwrap();
        tar.arg(format!("--format={}", self.tar_format))
            .args(["--owner=0", "--group=0", "-cf"])
            .arg(&ova)
            .arg("-C")
            .arg(self.folder.path())
            .args(&self.order);
        let done = tar.output().unwrap();
        assert!(done.status.success(), "{done:?}");
        ova
    }
}

/// The rules that a file breaks, of those that are about packages.
pub fn broken(verified: &Verified) -> BTreeSet<&'static str> {
    let names = verified.observations.iter().map(|seen| seen.rule.name);
    // Some platform takes no OVA, whatever is in it; and a VMDK has a format.
    let general = ["package", "vmdk-not-stream"];
    names.filter(|name| !general.contains(name)).collect()
}

/// Asserts that the file breaks `rule`, and says so with these words.
#[track_caller]
pub fn assert_breaks(path: &Path, rule: &str, words: &str) {
    let verified = verify::file(path).unwrap();
    let seen = verified.observations.iter();
    let said: Vec<_> = seen
        .filter(|seen| seen.rule.name == rule)
        .map(|seen| format!("{}: {}", seen.place, seen.what))
        .collect();
    assert!(
        said.iter().any(|said| said.contains(words)),
        "{rule} {words:?}: {said:?} of {:?}",
        broken(&verified)
    );
}

/// What `platform` refuses of a file.
pub fn refused(path: &Path, platform: Platform) -> Vec<&'static str> {
    let verified = verify::file(path).unwrap();
    let findings = judge(&verified.observations, &[platform]);
    let refused = findings.iter().filter(|f| f.severity == Severity::Refused);
    refused.map(|finding| finding.rule.name).collect()
}
