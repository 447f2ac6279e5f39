//! The report as a picture: for each task a bar for ours and one for whatever it is set against.

use std::fmt::Write as _;

use super::comparison::{Measure, find};
use super::report::Report;

// All in pixels.
const WIDTH: f64 = 960.0;
/// Where bars begin: left of it are their names.
const LEFT: f64 = 360.0;
/// The longest bar: right of it is its time.
const LONGEST: f64 = 500.0;
const BAR: f64 = 16.0;
const TITLE: f64 = 34.0;

const STYLE: &str = "text{font:12px sans-serif;fill:#222}.t{font-weight:bold;font-size:14px}.n{text-anchor:end}\
                     .ours{fill:#d9480f}.other{fill:#868e96}.spread{stroke:#222}";

/// A bar: what it stands for, and times in seconds.
struct Bar {
    name: String,
    ours: bool,
    median: f64,
    fastest: f64,
    slowest: f64,
}

/// The picture, as SVG.
pub(super) fn svg(report: &Report) -> String {
    let tasks = tasks(report);
    let bars: usize = tasks.iter().map(|(_, bars)| bars.len()).sum();
    let height = as_number(tasks.len()) * TITLE + as_number(bars) * BAR + 20.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\">\n\
         <style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let mut top = 0.0;
    for (title, bars) in &tasks {
        top += TITLE;
        // Writing to a String cannot fail.
        let _ = writeln!(
            svg,
            "<text class=\"t\" x=\"10\" y=\"{}\">{}</text>",
            top - 8.0,
            escaped(title)
        );
        let longest = bars
            .iter()
            .map(|bar| bar.slowest)
            .fold(f64::MIN_POSITIVE, f64::max);
        for bar in bars {
            draw(&mut svg, bar, top, LONGEST / longest);
            top += BAR;
        }
    }
    svg + "</svg>\n"
}

/// Draws a bar as long as its median, and a line from its fastest to its slowest round.
fn draw(svg: &mut String, bar: &Bar, top: f64, scale: f64) {
    let class = if bar.ours { "ours" } else { "other" };
    let (middle, base) = (top + BAR / 2.0 - 1.0, top + BAR - 4.0);
    let [length, from, to] = [bar.median, bar.fastest, bar.slowest].map(|seconds| seconds * scale);
    let _ = writeln!(
        svg,
        "<text class=\"n\" x=\"{:.1}\" y=\"{base:.1}\">{}</text>\
         <rect class=\"{class}\" x=\"{LEFT:.1}\" y=\"{top:.1}\" width=\"{length:.1}\" height=\"{:.1}\"/>\
         <line class=\"spread\" x1=\"{:.1}\" y1=\"{middle:.1}\" x2=\"{:.1}\" y2=\"{middle:.1}\"/>\
         <text x=\"{:.1}\" y=\"{base:.1}\">{:.3} s</text>",
        LEFT - 8.0,
        escaped(&bar.name),
        BAR - 3.0,
        LEFT + from,
        LEFT + to,
        LEFT + to + 8.0,
        bar.median,
    );
}

/// The tasks in their order, each with its bars, ours first; every job once.
fn tasks(report: &Report) -> Vec<(String, Vec<Bar>)> {
    let mut tasks: Vec<(String, Vec<Bar>)> = Vec::new();
    let timed = report
        .compared
        .iter()
        .filter(|(comparison, _)| comparison.measure == Measure::Time);
    for (comparison, _) in timed {
        if !tasks.iter().any(|(title, _)| *title == comparison.title) {
            tasks.push((comparison.title.clone(), Vec::new()));
        }
        let bars = tasks
            .iter_mut()
            .find(|(title, _)| *title == comparison.title);
        let Some((_, bars)) = bars else { continue };
        for (names, ours) in [(&comparison.ours, true), (&comparison.others, false)] {
            let bar = bar(report, names, ours);
            if !bars.iter().any(|there| there.name == bar.name) {
                bars.push(bar);
            }
        }
    }
    tasks
}

fn bar(report: &Report, names: &[String], ours: bool) -> Bar {
    let timings: Vec<_> = names
        .iter()
        .filter_map(|name| find(name, &report.timings))
        .collect();
    Bar {
        name: match names {
            [name] => name.clone(),
            [first, .., last] => format!("{first} … {last}"),
            [] => String::new(),
        },
        ours,
        median: timings.iter().map(|timing| timing.median()).sum(),
        fastest: timings.iter().map(|timing| timing.fastest()).sum(),
        slowest: timings.iter().map(|timing| timing.slowest()).sum(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[expect(clippy::cast_precision_loss, reason = "a few bars")]
fn as_number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::tests::report;

    #[test]
    fn each_job_of_a_task_has_one_bar() {
        let svg = svg(&report(&[2.0, 1.9, 2.1]));
        assert_eq!(svg.matches("a task").count(), 1);
        assert_eq!(svg.matches("class=\"ours\"").count(), 1);
        assert_eq!(svg.matches("class=\"other\"").count(), 1);
        // 8.0 of 9.0 s are the slow one's bar.
        assert!(svg.contains("width=\"444.4\""), "{svg}");
        assert!(svg.contains("8.000 s"), "{svg}");
    }

    #[test]
    fn names_cannot_end_an_element() {
        assert_eq!(escaped("a<b & c"), "a&lt;b &amp; c");
    }
}
