//! What platforms refuse: every rule by an image that breaks it, and other programs on some of these.
//!
//! | file | holds |
//! |---|---|
//! | `surgery` | (changing images, taking streams apart and putting them together) |
//! | `stream` | streamOptimized files |
//! | `vmdk` | monolithicSparse files and descriptors |
//! | `vhd` | VHD and VHDX |
//! | `others` | VDI, qcow2, and what is of no format |
//! | `own` | what this library writes breaks no rule |
//! | `foreign` | what qemu writes |
//! | `hostile` | damaged images do no harm |

mod foreign;
mod hostile;
mod others;
mod own;
mod stream;
mod surgery;
mod vhd;
mod vmdk;

use std::collections::BTreeSet;
use std::path::Path;

use kurmadisk_fixtures::oracle;
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::lint::{self, Linted, Platform, Severity};
use kurmadisk_formats::map::DiskMap;

use crate::support::{MIB, disk, image, image_file, noise, options, prose};

/// An image that breaks a rule.
pub struct Case {
    rule: &'static str,
    /// What is wrong with it, in a word or two of the finding.
    says: &'static str,
    bytes: Vec<u8>,
    /// Other programs that don't take it either, where some are at hand that care.
    judges: Vec<Judge>,
}

/// Another program.
#[derive(Clone, Copy, Debug)]
pub enum Judge {
    /// `7zz t` complains, which it does not of the undamaged image.
    SevenZip,
    /// qemu doesn't open the image as this format, or finds another disk in it.
    Qemu(&'static str),
    /// OpenStack's checks find it unsafe.
    OpenStack,
}

pub fn case(rule: &'static str, says: &'static str, bytes: Vec<u8>) -> Case {
    Case {
        rule,
        says,
        bytes,
        judges: Vec::new(),
    }
}

impl Case {
    fn refused_by(mut self, judge: Judge) -> Self {
        self.judges.push(judge);
        self
    }
}

/// The disk in all of them: its last grain is cut short by its end, and all but one grain table are empty.
pub fn sample() -> DiskMap {
    disk(
        70 * MIB + 1024,
        &[
            (0, prose(1, 200_000)),
            (3 * MIB, noise(2, 100_000)),
            (70 * MIB, noise(3, 1024)),
        ],
    )
}

pub fn sample_image(format: ImageFormat) -> Vec<u8> {
    image(format, &sample(), &options(1))
}

pub fn look(bytes: &[u8]) -> Linted {
    let whole = 0..bytes.len() as u64;
    let file = bytes.to_vec().into_boxed_slice();
    lint::image(file, &[whole]).unwrap()
}

/// The rules that the image breaks.
pub fn broken(linted: &Linted) -> BTreeSet<&'static str> {
    linted
        .observations
        .iter()
        .map(|seen| seen.rule.name)
        .collect()
}

/// The rules for which `platform` refuses the image.
pub fn refused(linted: &Linted, platform: Platform) -> Vec<String> {
    let findings = lint::judge(&linted.observations, &[platform]);
    let refused = findings.iter().filter(|f| f.severity == Severity::Refused);
    refused
        .map(|f| format!("{} ({}): {}", f.rule.name, f.place, f.what))
        .collect()
}

fn cases() -> Vec<Case> {
    [
        stream::cases(),
        vmdk::cases(),
        vhd::cases(),
        others::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_rule_has_an_image_that_breaks_it() {
    let cases = cases();
    for case in &cases {
        let linted = look(&case.bytes);
        let seen = linted.observations.iter();
        let seen = seen.filter(|seen| seen.rule.name == case.rule);
        let said: Vec<_> = seen
            .map(|seen| format!("{}: {}", seen.place, seen.what))
            .collect();
        assert!(
            said.iter().any(|said| said.contains(case.says)),
            "{} {:?}: {said:?} of {:?}",
            case.rule,
            case.says,
            broken(&linted)
        );
    }
    let broken: BTreeSet<_> = cases.iter().map(|case| case.rule).collect();
    let rules: BTreeSet<_> = lint::rules().map(|rule| rule.name).collect();
    // They tell of files on the host, and have tests of their own.
    let elsewhere = BTreeSet::from(["host-sparse", "vmdk-extent-missing"]);
    assert_eq!(&broken | &elsewhere, rules);
    assert_eq!(rules.len(), lint::rules().count(), "names are different");
}

#[test]
fn other_programs_do_not_take_them_either() {
    let dir = tempfile::tempdir().unwrap();
    let raw = image_file(dir.path(), ImageFormat::Raw, &sample());
    let mut taken = Vec::new();
    let mut count = 0;
    for case in cases() {
        let path = dir.path().join("damaged");
        std::fs::write(&path, &case.bytes).unwrap();
        for judge in case.judges {
            count += 1;
            let verdict = verdict(judge, &path, &raw);
            taken.extend(verdict.is_ok().then_some((case.rule, judge)));
        }
    }
    assert!(count >= 40);
    assert!(taken.is_empty(), "{taken:?}");
    for (format, judge) in [
        (ImageFormat::VmdkStream, Judge::SevenZip),
        (ImageFormat::VmdkStream, Judge::Qemu("vmdk")),
        (ImageFormat::Vmdk, Judge::Qemu("vmdk")),
        (ImageFormat::Vdi, Judge::Qemu("vdi")),
        (ImageFormat::Vhd, Judge::SevenZip),
        (ImageFormat::Vhd, Judge::Qemu("vpc")),
        (ImageFormat::VhdFixed, Judge::Qemu("vpc")),
        (ImageFormat::Vhdx, Judge::SevenZip),
        (ImageFormat::Vhdx, Judge::Qemu("vhdx")),
        (ImageFormat::Vdi, Judge::SevenZip),
        (ImageFormat::Vmdk, Judge::SevenZip),
        (ImageFormat::Qcow2, Judge::SevenZip),
        (ImageFormat::Qcow2, Judge::Qemu("qcow2")),
    ] {
        let path = image_file(dir.path(), format, &sample());
        verdict(judge, &path, &raw).unwrap();
    }
}

fn verdict(judge: Judge, image: &Path, raw: &Path) -> Result<(), oracle::OracleError> {
    match judge {
        Judge::SevenZip => oracle::sevenzip_test(image),
        Judge::Qemu(format) => oracle::qemu_img_compare(raw, "raw", image, format),
        Judge::OpenStack => oracle::openstack_checks(image).map(drop),
    }
}

#[test]
fn rules_say_what_to_do_and_concern_somebody() {
    for rule in lint::rules() {
        assert!(
            !rule.why.is_empty() && !rule.advice.is_empty(),
            "{}",
            rule.name
        );
        assert!(
            !rule.refused.is_empty() || !rule.warned.is_empty(),
            "{}",
            rule.name
        );
        let twice = rule
            .refused
            .iter()
            .any(|platform| rule.warned.contains(platform));
        assert!(!twice, "{}", rule.name);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(rule.name.chars().all(plain), "{}", rule.name);
    }
}

#[test]
fn a_platform_is_told_what_concerns_it() {
    let vhd = look(&sample_image(ImageFormat::Vhd));
    let azure = lint::judge(&vhd.observations, &[Platform::Azure, Platform::HyperV]);
    let first = &azure[0];
    assert_eq!(
        (first.rule.name, first.severity),
        ("vhd-not-fixed", Severity::Refused)
    );
    assert_eq!(first.platforms, [Platform::Azure]);
    assert!(refused(&vhd, Platform::HyperV).is_empty());
    // The same rule can be a refusal for one and a warning for the other.
    let mut zero = sample_image(ImageFormat::Vmdk);
    surgery::put(&mut zero, 72, &[1]);
    let zero = look(&zero);
    let findings = lint::judge(
        &zero.observations,
        &[Platform::Vmware, Platform::VirtualBox],
    );
    assert!(findings.iter().all(|f| f.severity == Severity::Warning));
    assert_eq!("hyperv".parse(), Ok(Platform::HyperV));
    let unknown = "qemu".parse::<Platform>().unwrap_err().to_string();
    assert!(unknown.contains("virtualbox, azure"), "{unknown}");
}

#[test]
fn the_same_rule_is_told_once_with_the_number_of_places() {
    let mut bytes = sample_image(ImageFormat::Vdi);
    surgery::put(&mut bytes, 0x188, &[0; 32]);
    let linted = look(&bytes);
    let seen: Vec<_> = linted.observations.iter().collect();
    let null = seen
        .iter()
        .find(|seen| seen.rule.name == "vdi-null-uuid")
        .unwrap();
    assert_eq!((null.place.offset, null.more), (Some(0x188), 1));
}
