//! How long a program takes for a real system, and how large what it makes is.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use kurmadisk_fixtures::debian::prepare_debian_root;

use super::builders::{Builder, Job, Source};
use crate::Outcome;
use crate::bench::job::{quietly, tool};

/// Runs that count; the first one doesn't.
const RUNS: usize = 3;

const LIMIT: Duration = Duration::from_mins(2);

/// Room besides the content, for those that have to be told a size, in bytes.
const SPARE: u64 = 128 << 20;

/// What a program took, if it made the system at all.
pub(super) enum Speed {
    Refused(String),
    Made {
        /// The median.
        seconds: f64,
        /// Bytes of the image, and those that it occupies.
        length: u64,
        allocated: u64,
    },
}

/// Has every program make the Debian root.
pub(super) fn measure(builders: &[Builder], work: &Path) -> Outcome<Vec<Speed>> {
    let root = prepare_debian_root()?;
    let archive = work.join("debian.tar");
    let mut tar = tool("tar")?;
    tar.args([
        "--create",
        "--format=pax",
        "--numeric-owner",
        "--xattrs",
        "--xattrs-include=*",
        "--file",
    ]);
    quietly(
        tar.arg(&archive)
            .arg("--directory")
            .arg(&root.tree)
            .arg("."),
    )?;
    let size = (fs::metadata(&archive)?.len() + SPARE).next_multiple_of(1 << 20);
    let image = work.join("debian.image");
    let mut all = Vec::new();
    for builder in builders {
        let tree = match builder.source {
            Source::Folder => &root.tree,
            Source::Archive => &archive,
        };
        let job = Job {
            tree,
            image: &image,
            size,
            inodes: 20_000,
        };
        all.push(timed(builder, &job)?);
        eprintln!("timed {}", builder.name);
    }
    fs::remove_file(&archive)?;
    Ok(all)
}

fn timed(builder: &Builder, job: &Job<'_>) -> Outcome<Speed> {
    let mut seconds = Vec::new();
    for round in 0..=RUNS {
        rustix::fs::sync();
        let start = Instant::now();
        if let Err(said) = builder.build(job, LIMIT)? {
            return Ok(Speed::Refused(said));
        }
        if round > 0 {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    let data = fs::metadata(job.image)?;
    fs::remove_file(job.image)?;
    Ok(Speed::Made {
        seconds: seconds[RUNS / 2],
        length: data.len(),
        allocated: data.blocks() * 512,
    })
}
