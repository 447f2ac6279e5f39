//! Vagrant: a box, which is a tar archive of a machine with its metadata, and a catalogue of boxes beside it.

use kurmadisk_formats::image::ImageFormat;
use serde::Serialize;

use super::model::{Archive, ArchiveKind, Derive, Member, Package, PackageFile};
use super::ovf::Ovf;
use super::vmx::{self, Addresses};
use super::{Context, Facts, MacBlock, PackageError, json, names, vbox, virtualbox};
use crate::spec::Network;

/// What Vagrant calls processors of x86-64.
const ARCHITECTURE: &str = "amd64";

/// The package for Vagrant's provider `virtualbox`, which imports `box.ovf`.
///
/// The archive is not compressed: the disk is, and only in an archive that is not can its length be told afterwards.
pub(super) fn virtualbox(context: &Context) -> Result<Package, PackageError> {
    virtualbox::check_size(context)?;
    let disk = "box-disk1.vmdk";
    let mac = nat_card(context)?.address(MacBlock::Virtualbox);
    let ovf = Ovf::new(context, &virtualbox::CHOICES, disk)?;
    let file = ovf.disk(context);
    let members = vec![
        metadata(&Provider::new("virtualbox"))?,
        vagrantfile(&format!("config.vm.base_mac = \"{}\"", vbox::digits(mac))),
        ovf.member("box.ovf"),
        file,
    ];
    boxed(context, "virtualbox", ArchiveKind::Tar, members)
}

/// The package for Vagrant's provider `vmware_desktop`, which runs a copy of the box's only `.vmx`.
pub(super) fn vmware(context: &Context) -> Result<Package, PackageError> {
    nat_card(context)?;
    let name = context.plain_name();
    let disk = format!("{name}.vmdk");
    let hardware = vmx::hardware(context)?;
    let machine = vmx::text(context, &hardware, &disk, Addresses::Generated);
    let members = vec![
        metadata(&Provider::new("vmware_desktop"))?,
        Member::text(format!("{name}.vmx"), machine),
        context.vmdk(disk, ImageFormat::Vmdk, hardware.controller),
    ];
    boxed(context, "vmware_desktop", ArchiveKind::TarGz, members)
}

/// What a box says of itself, at least.
#[derive(Serialize)]
pub(super) struct Provider {
    provider: &'static str,
    architecture: &'static str,
}

impl Provider {
    pub(super) fn new(provider: &'static str) -> Self {
        Self {
            provider,
            architecture: ARCHITECTURE,
        }
    }
}

/// `metadata.json`, which Vagrant wants in every box.
pub(super) fn metadata(told: &impl Serialize) -> Result<Member, PackageError> {
    Ok(Member::text("metadata.json", json::document(told)?))
}

/// The settings a box brings with it: one statement.
pub(super) fn vagrantfile(statement: &str) -> Member {
    Member::text(
        "Vagrantfile",
        format!("Vagrant.configure(\"2\") do |config|\n  {statement}\nend\n"),
    )
}

/// A box of these members, and the catalogue with it.
pub(super) fn boxed(
    context: &Context,
    provider: &'static str,
    kind: ArchiveKind,
    members: Vec<Member>,
) -> Result<Package, PackageError> {
    let archive = Archive {
        name: context.file_name("box"),
        kind,
        members,
    };
    let catalogue = catalogue(context, provider, &archive.name)?;
    Ok(Package {
        files: vec![PackageFile::Archive(archive), PackageFile::Plain(catalogue)],
        sha1: false,
    })
}

/// The first network card, which Vagrant reaches the machine by.
fn nat_card(context: &Context) -> Result<&super::Nic, PackageError> {
    let card = context.machine.nics.first();
    let card = card.filter(|card| card.network == Network::Nat);
    card.ok_or_else(|| {
        PackageError::Value(format!(
            "the target {} needs a first network card on a NAT network (`[[machine.nic]]`, network = \"nat\"): by it \
             Vagrant reaches the machine",
            context.target
        ))
    })
}

/// The boxes that there are of one name.
#[derive(Serialize)]
struct Catalogue<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    versions: [Version<'a>; 1],
}

#[derive(Serialize)]
struct Version<'a> {
    version: &'a str,
    providers: [BoxFile<'a>; 1],
}

#[derive(Serialize)]
struct BoxFile<'a> {
    name: &'a str,
    url: &'a str,
    checksum_type: &'a str,
    checksum: &'a str,
    architecture: &'a str,
    default_architecture: bool,
}

/// The catalogue with the box in the file `archive`.
fn catalogue(
    context: &Context,
    provider: &'static str,
    archive: &str,
) -> Result<Member, PackageError> {
    let name = context.options.box_name.as_ref();
    let name = name.map_or_else(|| context.plain_name(), |name| name.value.clone());
    let description = context.machine.description.clone();
    let version = version(context)?;
    // Vagrant takes a name alone for a file in the folder it is called from, and the same escapes in it.
    let file = names::percent(archive);
    let url = match &context.options.url {
        Some(url) => format!("{}/{file}", url.value.trim_end_matches('/')),
        None => file,
    };
    let archive = archive.to_owned();
    let text = move |checksum: &str| {
        json::document(&Catalogue {
            name: &name,
            description: description.as_deref(),
            versions: [Version {
                version: &version,
                providers: [BoxFile {
                    name: provider,
                    url: &url,
                    checksum_type: "sha256",
                    checksum,
                    architecture: ARCHITECTURE,
                    default_architecture: true,
                }],
            }],
        })
    };
    let room = text(&"0".repeat(64))?.len() as u64;
    let make = move |facts: &Facts| {
        let digest = facts.get(&archive)?.sha256_hex();
        Ok(text(&digest)?.into_bytes())
    };
    Ok(Member::Derived {
        name: context.file_name("json"),
        room,
        make: Derive::new(make),
    })
}

/// The version of the box, in the form that Vagrant, or Ruby's `Gem::Version`, takes: a number, then letters or digits
/// between dots, and maybe more of them behind a hyphen.
fn version(context: &Context) -> Result<String, PackageError> {
    let Some(version) = &context.machine.version else {
        return Ok("0".to_owned());
    };
    let (release, rest) = match version.split_once('-') {
        Some((release, rest)) => (release, Some(rest)),
        None => (version.as_str(), None),
    };
    let is_word = |word: &str, hyphens: bool| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || (hyphens && c == '-');
        !word.is_empty() && word.chars().all(allowed)
    };
    let begins = release.split('.').next();
    let begins = begins.is_some_and(|number| number.chars().all(|c| c.is_ascii_digit()));
    let is_release = begins && release.split('.').all(|word| is_word(word, false));
    let is_rest = rest.is_none_or(|rest| rest.split('.').all(|word| is_word(word, true)));
    if is_release && is_rest {
        return Ok(version.clone());
    }
    Err(PackageError::Value(format!(
        "machine.version: {version:?} is no version of a box for the target {}; write one such as \"1.2.3\"",
        context.target
    )))
}
