//! `kurmadisk verify`.

use std::error::Error;
use std::fmt::Write;

use kurmadisk::verify::{self, Finding, Platform, Severity, Verified};
use serde_json::{Value, json};

use crate::args::VerifyArgs;
use crate::text;

/// What is said, and whether nothing is refused.
pub fn run(args: &VerifyArgs) -> Result<(String, bool), Box<dyn Error>> {
    let verified = verify::file(&args.file)?;
    let mut platforms = args.platforms.clone();
    platforms.sort_unstable();
    platforms.dedup();
    let findings = verify::judge(&verified.observations, &platforms);
    let good = findings
        .iter()
        .all(|finding| finding.severity < Severity::Refused);
    let name = args.file.to_string_lossy();
    let said = if args.quiet {
        String::new()
    } else if args.json {
        serde_json::to_string_pretty(&report(&name, &verified, &platforms, &findings))? + "\n"
    } else {
        describe(&name, &verified, &platforms, &findings)?
    };
    Ok((said, good))
}

fn describe(
    name: &str,
    verified: &Verified,
    platforms: &[Platform],
    findings: &[Finding],
) -> Result<String, std::fmt::Error> {
    let mut out = format!("{}: {}", text::shown(name), verified.kind);
    for disk in &verified.disks {
        match disk.size {
            Some(size) => write!(out, ", a disk of {}", text::size(size))?,
            None => out.push_str(", a disk that can't be read"),
        }
    }
    out.push('\n');
    for finding in findings {
        let by = names(&finding.platforms);
        match finding.severity {
            Severity::Refused => write!(out, "\nrefused by {by}")?,
            Severity::Warning => write!(out, "\nwarning for {by}")?,
        }
        write!(
            out,
            ": {} ({})",
            finding.rule.name,
            text::shown(&finding.place.to_string())
        )?;
        if finding.more > 0 {
            write!(out, " and {} more", finding.more)?;
        }
        writeln!(out, "\n  {}", text::shown(&finding.what))?;
        writeln!(out, "  why: {}", finding.rule.why)?;
        writeln!(out, "  do: {}", finding.rule.advice)?;
    }
    let fine: Vec<_> = platforms
        .iter()
        .copied()
        .filter(|platform| !is_refused(*platform, findings))
        .collect();
    if !fine.is_empty() {
        let gap = if findings.is_empty() { "" } else { "\n" };
        writeln!(out, "{gap}nothing is refused by {}", names(&fine))?;
    }
    Ok(out)
}

fn is_refused(platform: Platform, findings: &[Finding]) -> bool {
    findings.iter().any(|finding| {
        finding.severity == Severity::Refused && finding.platforms.contains(&platform)
    })
}

fn names(platforms: &[Platform]) -> String {
    let names: Vec<_> = platforms.iter().map(|platform| platform.name()).collect();
    names.join(", ")
}

fn report(name: &str, verified: &Verified, platforms: &[Platform], findings: &[Finding]) -> Value {
    let disks = verified
        .disks
        .iter()
        .map(|disk| json!({ "file": disk.file, "format": disk.format, "size": disk.size }));
    let verdicts = platforms.iter().map(|platform| {
        let refused = is_refused(*platform, findings);
        json!({ "platform": platform.name(), "refused": refused })
    });
    let findings = findings.iter().map(|finding| {
        let platforms: Vec<_> = finding
            .platforms
            .iter()
            .map(|platform| platform.name())
            .collect();
        json!({
            "rule": finding.rule.name,
            "severity": finding.severity.name(),
            "platforms": platforms,
            "file": finding.place.file,
            "field": finding.place.field,
            "offset": finding.place.offset,
            "what": finding.what,
            "more": finding.more,
            "why": finding.rule.why,
            "advice": finding.rule.advice,
        })
    });
    json!({
        "file": name,
        "kind": verified.kind,
        "disks": disks.collect::<Vec<_>>(),
        "platforms": verdicts.collect::<Vec<_>>(),
        "findings": findings.collect::<Vec<_>>(),
    })
}
