//! The comparison as text.

use std::fmt::Write;

use kurmadisk_fixtures::nasty::THEMES;

use super::builders::{Builder, Source};
use super::fidelity::Kept;
use super::speed::Speed;
use crate::Outcome;

/// Examples are no longer than this, in characters.
const LONGEST: usize = 160;

/// `docs/comparison.md`.
pub(super) fn markdown(builders: &[Builder], kept: &[Kept], speeds: &[Speed]) -> Outcome<String> {
    let mut text = String::new();
    text.push_str(
        "# Comparison\n\n\
         What programs keep of a tree of cases that are known to be spoiled (`fixtures/src/nasty`), by\n\
         `cargo xtask compare --write`, which made this file. Each gets the cases in groups, as a folder or as a PAX\n\
         archive, and by itself what it refuses in a group. A case is intact if the Linux kernel, which mounts what was\n\
         made, finds its name, type, mode, owner, time to the nanosecond, hard links, content, holes, attributes and\n\
         flags as they were. Archives have no sockets; those cases are asked of no program that reads one. A second\n\
         mke2fs is compared with `--mke2fs PROGRAM`.\n\n",
    );
    for builder in builders {
        writeln!(text, "- **{}**: {}", builder.name, builder.version)?;
    }
    text.push_str(&archives(builders));
    text.push_str(
        "- systemd-repart (`CopyFiles=`), mkosi and genimage run `mke2fs -d` on a folder: its column is theirs.\n\n\
         ## Cases intact\n\n",
    );
    heading(&mut text, "cases", builders)?;
    for theme in THEMES {
        write!(text, "| {theme} |")?;
        for kept in kept {
            let (intact, all) = kept.themes.get(theme).copied().unwrap_or_default();
            cell(&mut text, intact, all)?;
        }
        text.push('\n');
    }
    write!(text, "| **all** |")?;
    for kept in kept {
        let sum = |part: fn(&(usize, usize)) -> usize| kept.themes.values().map(part).sum();
        cell(&mut text, sum(|pair| pair.0), sum(|pair| pair.1))?;
    }
    write!(text, "\n| e2fsck finds faults |")?;
    for kept in kept {
        write!(text, " {} of {} |", kept.faulty.len(), kept.made)?;
    }
    text.push_str("\n\n## What is lost\n\nHow many cases, and the first of them.\n");
    for (builder, kept) in builders.iter().zip(kept) {
        losses(&mut text, builder, kept)?;
    }
    speed(&mut text, builders, speeds)?;
    Ok(text)
}

fn archives(builders: &[Builder]) -> String {
    let is = |builder: &&Builder| {
        builder.name.starts_with("mke2fs") && builder.source == Source::Archive
    };
    if builders.iter().any(|builder| is(&builder)) {
        return String::new();
    }
    "- mke2fs with an archive (`-d FILE.tar`, from 1.47.1 on where it was built with libarchive) is missing: this \
     machine's can't.\n"
        .to_owned()
}

fn heading(text: &mut String, first: &str, builders: &[Builder]) -> Outcome {
    let names: Vec<_> = builders.iter().map(|builder| &*builder.name).collect();
    writeln!(text, "| {first} | {} |", names.join(" | "))?;
    writeln!(text, "|---|{}", "---|".repeat(names.len()))?;
    Ok(())
}

fn cell(text: &mut String, intact: usize, all: usize) -> Outcome {
    if intact == all {
        write!(text, " all {all} |")?;
    } else {
        write!(text, " {intact} of {all} |")?;
    }
    Ok(())
}

fn losses(text: &mut String, builder: &Builder, kept: &Kept) -> Outcome {
    writeln!(text, "\n**{}**", builder.name)?;
    if kept.lost.is_empty() && kept.refused.is_empty() && kept.faulty.is_empty() {
        writeln!(text, "\nNothing.")?;
        return Ok(());
    }
    text.push('\n');
    for (aspect, (count, example)) in &kept.lost {
        writeln!(text, "- {aspect}: {count}; `{}`", short(example))?;
    }
    for (said, (count, example)) in &kept.refused {
        writeln!(
            text,
            "- refused: {count}, `{}`; `{}`",
            short(said),
            short(example)
        )?;
    }
    if let Some(first) = kept.faulty.first() {
        writeln!(
            text,
            "- e2fsck: {} filesystems; `{}`",
            kept.faulty.len(),
            short(first)
        )?;
    }
    Ok(())
}

/// Text for a line of its own, in the type of code.
fn short(text: &str) -> String {
    let clean = text.replace('`', "'");
    let mut shown: String = clean.chars().take(LONGEST).collect();
    if shown.len() < clean.len() {
        shown.push('…');
    }
    shown
}

fn speed(text: &mut String, builders: &[Builder], speeds: &[Speed]) -> Outcome {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    writeln!(
        text,
        "\n## A Debian root\n\nThe tree of [performance.md](performance.md), median of three runs after one, on {cores} \
         cores with Linux {}. Only kurmadisk finds the size by itself.\n",
        kernel.trim()
    )?;
    text.push_str("| program | seconds | image MB | on disk MB |\n|---|---|---|---|\n");
    for (builder, speed) in builders.iter().zip(speeds) {
        match speed {
            Speed::Refused(said) => {
                writeln!(text, "| {} | refused: {} | | |", builder.name, short(said))?;
            }
            Speed::Made {
                seconds,
                length,
                allocated,
            } => {
                let megabytes = |bytes: &u64| bytes.div_ceil(1_000_000);
                let sizes = [megabytes(length), megabytes(allocated)];
                writeln!(
                    text,
                    "| {} | {seconds:.2} | {} | {} |",
                    builder.name, sizes[0], sizes[1]
                )?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_short_and_end_no_code() {
        assert_eq!(short("a`b"), "a'b");
        assert_eq!(short(&"ä".repeat(200)), format!("{}…", "ä".repeat(160)));
    }

    #[test]
    fn a_cell_says_whether_anything_is_lost() {
        let mut text = String::new();
        cell(&mut text, 3, 3).unwrap();
        cell(&mut text, 2, 3).unwrap();
        assert_eq!(text, " all 3 | 2 of 3 |");
    }
}
