//! `kurmadisk uki`: Unified Kernel Images on their own.

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use kurmadisk::boot::authenticode::{SignatureReport, Signer, TrustedCertificate};
use kurmadisk::boot::uki::{self, ExtraSection, ImageReport, Profile, SectionReport, UkiParts};
use kurmadisk::formats::emit::write_map;
use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::output::NewFile;
use kurmadisk::host_file;
use kurmadisk::spec::EfiStub;

use crate::args::{UkiBuildArgs, UkiCommand, UkiInspectArgs};
use crate::inputs::Inputs;
use crate::text::{self, Table};

/// The most bytes of a text that is read from a file.
const MAX_TEXT: u64 = 1 << 20;

pub fn run(command: &UkiCommand) -> Result<String, Box<dyn Error>> {
    match command {
        UkiCommand::Build(args) => build(args),
        UkiCommand::Inspect(args) => inspect(args),
    }
}

fn build(args: &UkiBuildArgs) -> Result<String, Box<dyn Error>> {
    Inputs::files(files(args).into_iter()).check(&args.output)?;
    let stub = match &args.efi_stub {
        Some(EfiStub::File(path)) => host_file(path)?,
        Some(EfiStub::Kurmaboot) | None => uki::own_stub()?,
    };
    let kernel = host_file(&args.kernel)?;
    let initrds = args.initrd.iter().map(|path| host_file(path));
    let initrds = initrds.collect::<Result<Vec<_>, _>>()?;
    let initrd = match initrds.as_slice() {
        [] => None,
        initrds => Some(uki::joined(initrds)?),
    };
    let cmdline = args.cmdline.as_deref().map(given_text).transpose()?;
    let os_release = args.os_release.as_deref().map(given_text).transpose()?;
    let image = uki::build_with(
        &UkiParts {
            stub: &stub,
            kernel: &kernel,
            initrd: initrd.as_ref(),
            // A file's last line ends, and a command line doesn't.
            cmdline: cmdline.as_deref().unwrap_or_default().trim_end(),
            os_release: os_release.as_deref(),
            uname: args.uname.as_deref(),
        },
        &extra(args)?,
        &profiles(args)?,
    )?;
    let image = match (&args.sign_key, &args.sign_certificate) {
        (Some(key), Some(certificate)) => {
            let signer = Signer::from_pem(&text_of(key)?, &text_of(certificate)?)?;
            signer.sign(&image)?
        }
        _ => image,
    };
    write(&image, &args.output)?;
    let size = text::size(image.len());
    let name = args.output.to_string_lossy();
    Ok(format!("{}: {size}\n", text::shown(&name)))
}

/// The sections that are given besides kernel, initrd and their texts.
fn extra(args: &UkiBuildArgs) -> Result<Vec<ExtraSection>, Box<dyn Error>> {
    let mut extra = Vec::new();
    for (name, path) in [
        (".dtb", &args.devicetree),
        (".splash", &args.splash),
        (".ucode", &args.microcode),
        (".pcrpkey", &args.pcrpkey),
    ] {
        if let Some(path) = path {
            let name = name.to_owned();
            let content = host_file(path)?;
            extra.push(ExtraSection { name, content });
        }
    }
    let profile = args.profile.first().filter(|_| !has_profiles(args));
    for (name, text) in [(".profile", profile), (".sbat", args.sbat.as_ref())] {
        if let Some(text) = text {
            extra.push(uki::text_section(name, &given_text(text)?)?);
        }
    }
    for text in &args.section {
        let section = section(text)?;
        extra.push(
            section.ok_or_else(|| format!("--section {text}: it is NAME:TEXT or NAME:@FILE"))?,
        );
    }
    Ok(extra)
}

/// Whether there are sections that all profiles have in common. One profile alone has all sections.
fn has_profiles(args: &UkiBuildArgs) -> bool {
    args.profile.len() > 1 || !args.profile_section.is_empty()
}

/// The profiles, where there are several.
fn profiles(args: &UkiBuildArgs) -> Result<Vec<Profile>, Box<dyn Error>> {
    if !has_profiles(args) {
        return Ok(Vec::new());
    }
    let profiles = args.profile.iter().map(|text| {
        Ok::<_, Box<dyn Error>>(Profile {
            description: given_text(text)?,
            sections: Vec::new(),
        })
    });
    let mut profiles = profiles.collect::<Result<Vec<_>, _>>()?;
    for text in &args.profile_section {
        let parts = text
            .split_once(':')
            .and_then(|(number, rest)| Some((number.parse::<usize>().ok()?, rest)));
        let form = || format!("--profile-section {text}: it is N:NAME:TEXT or N:NAME:@FILE");
        let (number, rest) = parts.ok_or_else(form)?;
        let section = section(rest)?.ok_or_else(form)?;
        let count = profiles.len();
        let profile = profiles.get_mut(number).ok_or_else(|| {
            format!(
                "--profile-section {text}: {count} profiles are given by --profile, counted from 0"
            )
        })?;
        profile.sections.push(section);
    }
    Ok(profiles)
}

/// The section that `NAME:TEXT` or `NAME:@FILE` says; none of what says neither.
fn section(text: &str) -> Result<Option<ExtraSection>, Box<dyn Error>> {
    let Some((name, content)) = text.split_once(':') else {
        return Ok(None);
    };
    Ok(Some(match content.strip_prefix('@') {
        Some(path) => ExtraSection {
            name: name.to_owned(),
            content: host_file(Path::new(path))?,
        },
        None => uki::text_section(name, content)?,
    }))
}

/// Everything that is read, which the image must not replace.
fn files(args: &UkiBuildArgs) -> Vec<&Path> {
    let options = [
        &args.devicetree,
        &args.splash,
        &args.microcode,
        &args.pcrpkey,
        &args.sign_key,
        &args.sign_certificate,
    ];
    let paths = options.into_iter().flatten().chain(&args.initrd);
    let paths = paths.chain([&args.kernel]).map(PathBuf::as_path);
    let stub = args.efi_stub.iter().filter_map(EfiStub::path);
    let texts = [&args.cmdline, &args.os_release, &args.sbat];
    let texts = texts
        .into_iter()
        .flatten()
        .chain(&args.profile)
        .map(String::as_str);
    let of_profiles = args
        .profile_section
        .iter()
        .filter_map(|text| text.split_once(':'));
    let of_profiles = of_profiles.map(|(_, section)| section);
    let sections = args.section.iter().map(String::as_str).chain(of_profiles);
    let sections = sections.filter_map(|section| Some(section.split_once(':')?.1));
    let named = texts
        .chain(sections)
        .filter_map(|text| text.strip_prefix('@'));
    paths.chain(stub).chain(named.map(Path::new)).collect()
}

/// A text of an option, or that of the file it names with `@`.
fn given_text(text: &str) -> Result<String, Box<dyn Error>> {
    match text.strip_prefix('@') {
        Some(path) => text_of(Path::new(path)),
        None => Ok(text.to_owned()),
    }
}

/// The text of a file.
fn text_of(path: &Path) -> Result<String, Box<dyn Error>> {
    let name = text::shown(&path.to_string_lossy());
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_TEXT + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot read {name}: {error}"))?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(format!("{name} has more bytes than such a text has").into());
    }
    Ok(String::from_utf8(bytes).map_err(|_| format!("{name} is no text in UTF-8"))?)
}

/// Writes an image, which appears when it is complete.
pub fn write(image: &DiskMap, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut file = NewFile::create(path)?;
    write_map(&image.clone().filled(), &mut file, &mut |_| {
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(file.commit()?)
}

fn inspect(args: &UkiInspectArgs) -> Result<String, Box<dyn Error>> {
    let image = host_file(&args.image)?;
    let name = args.image.to_string_lossy();
    let report = uki::inspect(&image.reader());
    let report = report.map_err(|error| {
        let reason = kurmadisk::formats::error::chain(&error);
        format!("{name}: {reason}")
    })?;
    if let Some(certificate) = &args.certificate {
        let trusted = TrustedCertificate::from_pem(&text_of(certificate)?)?;
        if !trusted.signed(&report.signatures) {
            let certificate = certificate.display();
            let found: Vec<_> = report.signatures.iter().map(describe_signature).collect();
            let found = match found.as_slice() {
                [] => "it has no signature".to_owned(),
                found => format!("its signatures: {}", found.join("; ")),
            };
            return Err(
                format!("{name} is not signed by the key of {certificate}: {found}").into(),
            );
        }
    }
    if args.json {
        return Ok(serde_json::to_string_pretty(&report)? + "\n");
    }
    Ok(describe(&text::shown(&name), &report)?)
}

fn describe(name: &str, report: &ImageReport) -> Result<String, std::fmt::Error> {
    let kind = if report.unified {
        "a unified kernel image"
    } else {
        "an EFI program"
    };
    let last = report
        .sections
        .iter()
        .filter_map(|section| section.profile)
        .max();
    let profiles = last.map_or(0, |last| last + 1);
    let mut said = format!("{name}: {kind} of {}\n", text::size(report.size));
    let mut table = Table::new(["section", "address", "offset", "bytes", "memory", "sha256"]);
    for section in &report.sections {
        table.row([
            titled(section, profiles),
            format!("{:#x}", section.address),
            format!("{:#x}", section.offset),
            section.size.to_string(),
            section.memory.to_string(),
            section.sha256.clone(),
        ]);
    }
    write!(said, "{table}")?;
    for signature in &report.signatures {
        writeln!(said, "signature: {}", describe_signature(signature))?;
    }
    if report.signatures.is_empty() {
        writeln!(said, "no signature")?;
    }
    for section in &report.sections {
        let Some(text) = &section.text else { continue };
        writeln!(said, "\n{}:", titled(section, profiles))?;
        for line in text.lines() {
            writeln!(said, "  {}", text::shown(line))?;
        }
    }
    Ok(said)
}

/// A section's name, and which of `profiles` it belongs to.
fn titled(section: &SectionReport, profiles: usize) -> String {
    let number = section.profile.filter(|_| profiles > 1);
    let profile = number.map_or_else(String::new, |number| format!(" @{number}"));
    format!("{}{profile}", section.name)
}

/// A signature in a line.
fn describe_signature(signature: &SignatureReport) -> String {
    let subject = signature.subject.as_deref().unwrap_or("nobody known");
    let subject = text::shown(subject);
    match &signature.problem {
        None => format!("sound, by {subject}"),
        Some(problem) => format!("not sound, by {subject}: {}", text::shown(problem)),
    }
}
