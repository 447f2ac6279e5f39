//! What is told while steps run.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use kurmadisk_os::chain::Event;

use crate::text;

/// What happens, for somebody who looks on: lines that stay, and what runs at the moment below them.
pub struct Screen {
    quiet: bool,
    began: Instant,
    bars: MultiProgress,
    running: Mutex<Vec<(String, ProgressBar)>>,
}

impl Screen {
    pub fn new(quiet: bool) -> Self {
        Self {
            quiet,
            began: Instant::now(),
            bars: MultiProgress::new(),
            running: Mutex::default(),
        }
    }

    pub fn tell(&self, event: Event<'_>) {
        if self.quiet {
            return;
        }
        let Ok(mut running) = self.running.lock() else {
            return;
        };
        match event {
            Event::Begins { step, why } => {
                let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}");
                let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
                let bar = self.bars.add(ProgressBar::new_spinner().with_style(style));
                bar.set_prefix(step.to_owned());
                bar.enable_steady_tick(Duration::from_millis(200));
                running.push((step.to_owned(), bar));
                self.say(&format!("{step}: begins, {why}"));
            }
            Event::Line { step, line } => {
                let line = text::shown(line);
                match running.iter().find(|(name, _)| name == step) {
                    Some((_, bar)) if !bar.is_hidden() => bar.set_message(line),
                    _ => self.say(&format!("{step}: {line}")),
                }
            }
            Event::Done { step, done, of } => self.ended(
                &mut running,
                step,
                &format!("{step}: done ({done} of {of})"),
            ),
            Event::Kept { step, done, of } => {
                self.say(&format!("{step}: made already ({done} of {of})"));
            }
            Event::Failed { step } => self.ended(&mut running, step, &format!("{step}: failed")),
        }
    }

    fn ended(&self, running: &mut Vec<(String, ProgressBar)>, step: &str, said: &str) {
        running.retain(|(name, bar)| {
            if name == step {
                bar.finish_and_clear();
            }
            name != step
        });
        self.say(said);
    }

    /// A line that stays.
    fn say(&self, line: &str) {
        let line = format!("[{:>6.1}] {line}", self.began.elapsed().as_secs_f32());
        self.bars.suspend(|| eprintln!("{line}"));
    }

    pub fn clear(&self) {
        // What was drawn for somebody is gone, or nobody was there.
        let _ = self.bars.clear();
    }
}
