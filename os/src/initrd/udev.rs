//! Rules of udev, and the programs that they run.

use std::path::Path;

use kurmadisk::host_file;
use kurmadisk::tree::NodeKind;

use super::error::{InitrdError, SysrootError};
use super::modules::matches;
use super::stage::{Stage, read_all, whole};
use super::sysroot::{FoundKind, join};

/// Where rules are, those that count most first.
const FOLDERS: [&[u8]; 3] = [
    b"etc/udev/rules.d",
    b"usr/lib/udev/rules.d",
    b"lib/udev/rules.d",
];

/// Where programs are that rules name without a path.
const PROGRAMS: [&str; 2] = ["usr/lib/udev", "lib/udev"];

/// Where rules of the host go.
const OWN: &[u8] = b"etc/udev/rules.d";

/// The most bytes of a file of rules.
const MAX_RULES: u64 = 4 << 20;

/// Takes rules along: the sysroot's of that name or pattern, or with a slash in it a file of the host.
pub(super) fn put(name: &str, stage: &mut Stage<'_>) -> Result<(), InitrdError> {
    if name.contains('/') {
        let path = Path::new(name);
        let content = host_file(path)?;
        if content.len() > MAX_RULES {
            let (sysroot, len) = ("the host".to_owned(), content.len());
            let path = name.to_owned();
            return Err(SysrootError::Long { path, sysroot, len }.into());
        }
        let text = read_all(&content).map_err(|error| SysrootError::read(path, error))?;
        let own = path.file_name().unwrap_or_default().as_encoded_bytes();
        stage.put(&join(OWN, own), stage.made(0o644), NodeKind::File(content))?;
        return programs(&text, stage);
    }
    let mut any = false;
    let mut seen: Vec<Vec<u8>> = Vec::new();
    for folder in FOLDERS {
        for rules in stage.sysroot.names(folder)? {
            let is_wanted = matches(name, &String::from_utf8_lossy(&rules));
            // One in /etc stands in for those below it.
            if !is_wanted || seen.contains(&rules) {
                continue;
            }
            let path = join(folder, &rules);
            if let Some(text) = whole(stage.sysroot, &path, MAX_RULES)? {
                stage.install(&path)?;
                programs(&text, stage)?;
                any = true;
            }
            seen.push(rules);
        }
    }
    if any {
        return Ok(());
    }
    let folders = FOLDERS.map(super::sysroot::shown).join(" or ");
    Err(SysrootError::Missing {
        path: format!("{folders}, file {name}"),
        sysroot: stage.sysroot.name().to_owned(),
    }
    .into())
}

/// Takes the programs along that rules run, as far as they are there: udev leaves out what is not.
fn programs(rules: &[u8], stage: &mut Stage<'_>) -> Result<(), InitrdError> {
    let text = String::from_utf8_lossy(rules).into_owned();
    for name in named(&text) {
        let paths: Vec<String> = if name.starts_with('/') {
            vec![name]
        } else {
            PROGRAMS
                .iter()
                .map(|folder| format!("{folder}/{name}"))
                .collect()
        };
        for path in paths {
            let found = stage.sysroot.find(path.as_bytes())?;
            if found.is_some_and(|found| found.kind == FoundKind::File) {
                stage.install_program(path.as_bytes(), &[])?;
                break;
            }
        }
    }
    Ok(())
}

/// The programs that rules name: the first words of what `PROGRAM`, `IMPORT{program}` and `RUN` run.
fn named(rules: &str) -> Vec<String> {
    let lines = rules
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let mut names = Vec::new();
    for line in lines {
        for key in ["PROGRAM", "IMPORT{program}", "RUN", "RUN{program}"] {
            for (at, _) in line.match_indices(key) {
                let rest = line[at + key.len()..].trim_start_matches([' ', '+', ':', '=', '!']);
                let value = rest
                    .strip_prefix('"')
                    .and_then(|rest| rest.split('"').next());
                let word = value.and_then(|value| value.split_whitespace().next());
                // What has a variable in it is known when it runs.
                names.extend(
                    word.filter(|word| !word.contains(['$', '%']))
                        .map(str::to_owned),
                );
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_the_first_words_of_what_rules_run() {
        let rules = r#"
            # RUN+="commented"
            KERNEL=="sr*", IMPORT{program}="cdrom_id --lock-media $devnode", RUN+="/usr/bin/touch /x"
            PROGRAM=="/lib/udev/check %k", RUN{builtin}+="kmod load x", RUN{program}+="own"
            RUN+="$env{X} y"
        "#;
        assert_eq!(
            named(rules),
            ["cdrom_id", "/usr/bin/touch", "/lib/udev/check", "own"]
        );
    }
}
