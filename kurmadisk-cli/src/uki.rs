//! `kurmadisk uki`: Unified Kernel Images on their own.

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use kurmadisk::boot::authenticode::{SignatureReport, Signer, TrustedCertificate};
use kurmadisk::boot::uki::{self, ExtraSection, ImageReport, UkiParts};
use kurmadisk::formats::emit::write_map;
use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::output::NewFile;
use kurmadisk::host_file;

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
    let stub = host_file(&args.efi_stub)?;
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
    )?;
    let image = match (&args.sign_key, &args.sign_certificate) {
        (Some(key), Some(certificate)) => {
            let signer = Signer::from_pem(&pem(key)?, &pem(certificate)?)?;
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
    for (name, text) in [(".profile", &args.profile), (".sbat", &args.sbat)] {
        if let Some(text) = text {
            extra.push(uki::text_section(name, &given_text(text)?)?);
        }
    }
    for section in &args.section {
        let Some((name, content)) = section.split_once(':') else {
            return Err(format!("--section {section}: it is NAME:TEXT or NAME:@FILE").into());
        };
        extra.push(match content.strip_prefix('@') {
            Some(path) => ExtraSection {
                name: name.to_owned(),
                content: host_file(Path::new(path))?,
            },
            None => uki::text_section(name, content)?,
        });
    }
    Ok(extra)
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
    let paths = paths.chain([&args.efi_stub, &args.kernel]);
    let texts = [&args.cmdline, &args.os_release, &args.profile, &args.sbat];
    let texts = texts.into_iter().flatten().map(String::as_str);
    let sections = args.section.iter().filter_map(|section| {
        let (_, content) = section.split_once(':')?;
        Some(content)
    });
    let named = texts
        .chain(sections)
        .filter_map(|text| text.strip_prefix('@'));
    paths
        .map(PathBuf::as_path)
        .chain(named.map(Path::new))
        .collect()
}

/// The text of a key's or certificate's file.
fn pem(path: &Path) -> Result<String, Box<dyn Error>> {
    given_text(&format!("@{}", path.to_str().ok_or("a path is not UTF-8")?))
}

/// A text of an option, or that of the file it names with `@`.
fn given_text(text: &str) -> Result<String, Box<dyn Error>> {
    let Some(path) = text.strip_prefix('@') else {
        return Ok(text.to_owned());
    };
    let cannot = |error| format!("cannot read {path}: {error}");
    let len = fs::metadata(path).map_err(cannot)?.len();
    if len > MAX_TEXT {
        return Err(format!("{path} has {len} bytes, more than such a text has").into());
    }
    Ok(fs::read_to_string(path).map_err(cannot)?)
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
        let trusted = TrustedCertificate::from_pem(&pem(certificate)?)?;
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
    let mut said = format!("{name}: {kind} of {}\n", text::size(report.size));
    let mut table = Table::new(["section", "address", "offset", "bytes", "memory", "sha256"]);
    for section in &report.sections {
        table.row([
            section.name.clone(),
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
        writeln!(said, "\n{}:", section.name)?;
        for line in text.lines() {
            writeln!(said, "  {}", text::shown(line))?;
        }
    }
    Ok(said)
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
