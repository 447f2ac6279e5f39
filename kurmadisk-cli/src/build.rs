//! `kurmadisk build`.

use std::error::Error;
use std::io::IsTerminal;
use std::ops::ControlFlow;

use indicatif::{ProgressBar, ProgressStyle};
use kurmadisk::{ImageFormat, Progress};
use serde_json::json;

use crate::args::BuildArgs;
use crate::describe::Described;
use crate::text;

pub fn run(args: &BuildArgs) -> Result<String, Box<dyn Error>> {
    let described = Described::new(&args.image)?;
    let format = described.format.ok_or_else(|| {
        let names: Vec<_> = ImageFormat::ALL
            .iter()
            .map(|format| format.name())
            .collect();
        format!("no format; name one by --format: {}", names.join(", "))
    })?;
    let path = described.output(args.output.as_deref(), format);
    if path.as_os_str() == "-" {
        return Err("images go to files; the standard output can't be one yet".into());
    }
    described.inputs.check(&path)?;
    let plan = &described.plan;
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut options = plan.image_options(&file_name);
    if let Some(threads) = args.threads {
        options.threads = threads;
    }
    let bar = bar(args);
    let mut progress = |now: Progress| {
        if let Some(bar) = &bar {
            bar.set_length(now.total);
            bar.set_position(now.done);
        }
        ControlFlow::Continue(())
    };
    plan.write_with(format, &options, &path, &mut progress)?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    if args.quiet {
        return Ok(String::new());
    }
    let size = std::fs::metadata(&path)
        .map_err(|error| format!("{}: {error}", path.display()))?
        .len();
    if args.json {
        let made = json!({
            "output": path.to_string_lossy(),
            "format": format.name(),
            "size": size,
            "plan": plan.report(false),
        });
        return Ok(serde_json::to_string_pretty(&made)? + "\n");
    }
    Ok(format!(
        "{}: {format}, {} (a disk of {})\n",
        text::shown(&path.to_string_lossy()),
        text::size(size),
        text::size(plan.layout().len_bytes()),
    ))
}

/// A bar where somebody sees it.
fn bar(args: &BuildArgs) -> Option<ProgressBar> {
    if args.quiet || !std::io::stderr().is_terminal() {
        return None;
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec}");
    Some(ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
}
