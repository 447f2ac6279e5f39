//! Packages of a small disk, and what is in them.

use std::fmt::Write;

use kurmadisk::package::{
    self, Context, Facts, FileFacts, MacAddress, Member, Package, PackageError, PackageFile, Target,
};
use kurmadisk::spec::ImageSpec;
use kurmadisk::{Builder, Plan};
use uuid::Uuid;

/// A machine with everything that can be said of one.
pub const FULL: &str = r#"
name = "kurma os"
layout = "efi"
[machine]
name = "Kurma & Söhne"
description = "A \"small\" system | for containers.\nTwo lines."
product = "KurmaOS"
product-url = "https://example.org/kurmaos"
vendor = "Kurma <makers>"
vendor-url = "https://example.org"
version = "0.4.2"
cpus = 4
memory = "2 GiB"
guest-os = "debian-12-64"
[[machine.nic]]
[[machine.nic]]
network = "bridged"
model = "pcnet32"
mac = "02:00:00:12:34:56"
[[machine.nic]]
network = "host-only"
"#;

/// A machine of which nothing is said.
pub const BARE: &str = "name = \"bare\"\nlayout = \"bios\"\n";

pub fn spec(text: &str) -> ImageSpec {
    ImageSpec::from_toml("test.toml", text.to_owned()).expect("it is a description")
}

pub fn plan(spec: &ImageSpec, target: Target) -> Plan {
    let plan = Builder::from_spec(spec.for_target(target)).plan();
    plan.expect("it is a disk")
}

/// The package for `target`, with identifiers that are the same whatever plans derive theirs from.
pub fn package_with_fixed_identifiers(text: &str, target: Target) -> Package {
    let spec = spec(text);
    let context = Context::new(&spec, &plan(&spec, target), target);
    let mut context = context.expect("a context");
    context.identity = Uuid::from_u128(0xA1);
    context.machine.uuid = Uuid::from_u128(0x0123_4567_89AB_CDEF_0123_4567_89AB_CDEF);
    for (index, nic) in (1..).zip(&mut context.machine.nics) {
        let address = MacAddress([0x00, 0x50, 0x56, 0x01, 0x02, index]);
        nic.mac = nic.mac.or(Some(address));
    }
    package::package(&context).expect("it is a package")
}

/// The package that a description makes for `target`.
pub fn try_package(text: &str, target: Target) -> Result<Package, PackageError> {
    let spec = spec(text);
    let context = Context::new(&spec, &plan(&spec, target), target)?;
    package::package(&context)
}

pub fn package(text: &str, target: Target) -> Package {
    try_package(text, target).expect("it is a package")
}

/// What is wrong with a package, as users read it.
pub fn refusal(text: &str, target: Target) -> String {
    let error = try_package(text, target).expect_err("it is refused");
    kurmadisk::formats::error::chain(&error)
}

/// Everything that is decided of a package, where the disk's file has `len` bytes, and every digest is made up.
pub fn render(package: &Package, len: u64) -> String {
    let mut facts = Facts::default();
    for disk in members(package) {
        if let Member::Disk { name, .. } = disk {
            facts.insert(name, made_up(len, 0xD1));
        }
    }
    let mut text = String::new();
    for file in &package.files {
        match file {
            PackageFile::Plain(member) => render_member(&mut text, member, &mut facts),
            PackageFile::Archive(archive) => {
                writeln!(text, "==== {} ({:?})", archive.name, archive.kind).expect("a string");
                for member in &archive.members {
                    render_member(&mut text, member, &mut facts);
                }
                facts.insert(&archive.name, made_up(len, 0xA0));
            }
        }
    }
    text
}

fn render_member(text: &mut String, member: &Member, facts: &mut Facts) {
    let content = match member {
        Member::Text { bytes, .. } => String::from_utf8(bytes.clone()).expect("a text"),
        Member::Disk {
            choice, identity, ..
        } => format!("{} {:?} {identity}\n", choice.format, choice.tuning),
        Member::Derived { name, room, make } => {
            let bytes = make.content(name, *room, facts).expect("it can be made");
            facts.insert(name, made_up(*room, 0xDE));
            String::from_utf8(bytes).expect("a text")
        }
    };
    writeln!(text, "---- {}\n{content}", member.name()).expect("a string");
}

fn made_up(len: u64, digest: u8) -> FileFacts {
    FileFacts {
        len,
        sha256: [digest; 32],
        sha1: Some([digest; 20]),
    }
}

/// All members of a package, in archives or not.
pub fn members(package: &Package) -> impl Iterator<Item = &Member> {
    package.files.iter().flat_map(|file| match file {
        PackageFile::Plain(member) => std::slice::from_ref(member),
        PackageFile::Archive(archive) => &archive.members,
    })
}

/// The text of the file whose name ends so.
pub fn text_of(package: &Package, ending: &str) -> String {
    let rendered = render(package, 1234);
    let parts = rendered.split("---- ").skip(1);
    let mut found = parts.filter_map(|part| {
        let (name, text) = part.split_once('\n')?;
        name.ends_with(ending).then(|| text.to_owned())
    });
    found.next().expect("there is such a file")
}
