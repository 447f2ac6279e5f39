//! What is set against what, and what is wanted of it.

use super::timing::Timing;

/// Jobs set against each other, by their names; times of several are added.
#[derive(Debug, Clone)]
pub(super) struct Comparison {
    /// The task that both do; comparisons of one title are shown together.
    pub(super) title: String,
    pub(super) ours: Vec<String>,
    pub(super) others: Vec<String>,
    pub(super) measure: Measure,
    pub(super) target: Option<Target>,
}

/// What of two jobs is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Time,
    /// Length of what they make.
    Length,
}

/// What a comparison is to show.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    /// Ours takes at most so many times what the others take.
    AtMost(f64),
    /// The others take at least so many times what ours takes.
    Faster(f64),
}

impl Comparison {
    /// Our job beside another one, by time.
    pub(super) fn new(
        title: &str,
        ours: &str,
        other: &str,
        target: impl Into<Option<Target>>,
    ) -> Self {
        Self {
            title: title.to_owned(),
            ours: vec![ours.to_owned()],
            others: vec![other.to_owned()],
            measure: Measure::Time,
            target: target.into(),
        }
    }

    /// The same two by the length of what they make, of which ours is to be no longer.
    pub(super) fn no_longer(self) -> Self {
        Self {
            measure: Measure::Length,
            target: Some(Target::AtMost(1.0)),
            ..self
        }
    }
}

impl Target {
    pub(super) fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(most) => ratio <= most,
            Self::Faster(least) => ratio >= least,
        }
    }

    pub(super) fn text(self) -> String {
        match self {
            Self::AtMost(most) => format!("at most {most}"),
            Self::Faster(least) => format!("at least {least}"),
        }
    }
}

/// What one of our jobs may take.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    pub(super) job: String,
    /// A job whose time is taken off.
    pub(super) beyond: Option<String>,
    pub(super) most: Most,
}

/// So much at most.
#[derive(Debug, Clone, Copy)]
pub(super) enum Most {
    Seconds(f64),
    /// Bytes of memory resident at once.
    Resident(u64),
}

impl Limit {
    pub(super) fn seconds(job: &str, most: f64) -> Self {
        Self {
            job: job.to_owned(),
            beyond: None,
            most: Most::Seconds(most),
        }
    }

    pub(super) fn resident(job: &str, most: u64) -> Self {
        Self {
            job: job.to_owned(),
            beyond: None,
            most: Most::Resident(most),
        }
    }
}

/// A comparison's or a limit's outcome, as it is shown.
#[derive(Debug, PartialEq)]
pub(super) struct Verdict {
    /// The number, or why there is none.
    pub(super) found: Result<f64, String>,
    /// How the number is shown.
    pub(super) shown: String,
    pub(super) wanted: Option<String>,
    pub(super) met: Option<bool>,
}

impl Comparison {
    /// Compares; none when one of the jobs was not run.
    pub(super) fn judge(&self, timings: &[Timing]) -> Option<Verdict> {
        let (ours, others) = (all(&self.ours, timings)?, all(&self.others, timings)?);
        let found = match self.measure {
            Measure::Length => Ok(length(&ours) / length(&others)),
            Measure::Time if ours.iter().any(|timing| timing.given_up) => {
                Err("ours was given up".to_owned())
            }
            Measure::Time => seconds(&ours).and_then(|ours| {
                let others = seconds(&others)?;
                Ok(match self.target {
                    Some(Target::Faster(_)) => others / ours,
                    Some(Target::AtMost(_)) | None => ours / others,
                })
            }),
        };
        // Of who was given up it is only known that it takes longer: what is met, is met by more.
        let bound = others.iter().any(|timing| timing.given_up);
        let shown = match (&found, self.target) {
            (Ok(ratio), Some(Target::Faster(_))) if bound => format!("more than {ratio:.2}"),
            (Ok(ratio), _) if bound => format!("less than {ratio:.2}"),
            (Ok(ratio), _) => format!("{ratio:.2}"),
            (Err(reason), _) => format!("not compared: {reason}"),
        };
        let met = self
            .target
            .and_then(|target| Some(target.is_met(*found.as_ref().ok()?)))
            .filter(|met| *met || !bound);
        let wanted = self.target.map(Target::text);
        Some(Verdict {
            found,
            shown,
            wanted,
            met,
        })
    }

    /// What is divided by what.
    pub(super) fn terms(&self) -> String {
        let (ours, others) = (self.ours.join(" + "), self.others.join(" + "));
        match (self.measure, self.target) {
            (Measure::Length, _) => format!("length: {ours} ÷ {others}"),
            (Measure::Time, Some(Target::Faster(_))) => format!("{others} ÷ {ours}"),
            (Measure::Time, _) => format!("{ours} ÷ {others}"),
        }
    }
}

impl Limit {
    /// Judges; none when the job was not run.
    pub(super) fn judge(&self, timings: &[Timing]) -> Option<Verdict> {
        let job = find(&self.job, timings)?;
        let beyond = match &self.beyond {
            Some(name) => vec![find(name, timings)?],
            None => Vec::new(),
        };
        Some(match self.most {
            Most::Seconds(most) => {
                let taken_off = seconds(&beyond);
                let found = seconds(&[job]).and_then(|seconds| Ok(seconds - taken_off?));
                Verdict {
                    shown: found.clone().map_or_else(
                        |reason| format!("not known: {reason}"),
                        |seconds| format!("{seconds:.3} s"),
                    ),
                    wanted: Some(format!("at most {most} s")),
                    met: found.as_ref().ok().map(|seconds| *seconds <= most),
                    found,
                }
            }
            Most::Resident(most) => {
                let found = job.resident.ok_or_else(|| "not measured".to_owned());
                Verdict {
                    shown: found
                        .clone()
                        .map_or_else(|reason| reason, |bytes| format!("{} MB", bytes / 1_000_000)),
                    wanted: Some(format!("at most {} MB resident", most / 1_000_000)),
                    met: found.as_ref().ok().map(|bytes| *bytes <= most),
                    found: found.map(as_number),
                }
            }
        })
    }

    pub(super) fn terms(&self) -> String {
        match &self.beyond {
            Some(beyond) => format!("{} − {beyond}", self.job),
            None => self.job.clone(),
        }
    }
}

pub(super) fn find<'t>(name: &str, timings: &'t [Timing]) -> Option<&'t Timing> {
    timings.iter().find(|timing| timing.name == name)
}

fn all<'t>(names: &[String], timings: &'t [Timing]) -> Option<Vec<&'t Timing>> {
    names.iter().map(|name| find(name, timings)).collect()
}

/// The sum of the medians, unless one of them varied too much to have one.
fn seconds(timings: &[&Timing]) -> Result<f64, String> {
    timings.iter().map(|timing| timing.steady_median()).sum()
}

fn length(timings: &[&Timing]) -> f64 {
    as_number(timings.iter().map(|timing| timing.output.length).sum())
}

#[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
fn as_number(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::timing::tests::timing;

    fn timings() -> Vec<Timing> {
        let mut long = timing("long", &[8.0, 8.0, 9.0]);
        (long.output.length, long.resident) = (300, Some(5_000_000));
        let mut short = timing("short", &[2.0, 1.9, 2.1]);
        short.output.length = 100;
        vec![long, short, timing("unsteady", &[1.0, 1.0, 3.0])]
    }

    #[test]
    fn ratios_stand_as_their_targets_say() {
        let judge =
            |ours, other, target| Comparison::new("t", ours, other, target).judge(&timings());
        let faster = judge("short", "long", Target::Faster(4.0)).unwrap();
        assert_eq!((faster.shown.as_str(), faster.met), ("4.00", Some(true)));
        let most = judge("short", "long", Target::AtMost(0.2)).unwrap();
        assert_eq!((most.shown.as_str(), most.met), ("0.25", Some(false)));
        assert_eq!(judge("short", "absent", Target::AtMost(1.0)), None);
        let longer = Comparison::new("t", "long", "short", None).no_longer();
        let longer = longer.judge(&timings()).unwrap();
        assert_eq!((longer.shown.as_str(), longer.met), ("3.00", Some(false)));
    }

    #[test]
    fn times_of_several_jobs_are_added() {
        let mut sum = Comparison::new("t", "long", "long", None);
        sum.others.push("short".to_owned());
        assert_eq!(sum.judge(&timings()).unwrap().shown, "0.80");
        assert_eq!(sum.terms(), "long ÷ long + short");
    }

    #[test]
    fn who_was_given_up_took_longer_than_that() {
        let mut timings = timings();
        timings[0].given_up = true;
        let judge = |ours, other, target| Comparison::new("t", ours, other, target).judge(&timings);
        let enough = judge("short", "long", Target::Faster(4.0)).unwrap();
        assert_eq!(
            (enough.shown.as_str(), enough.met),
            ("more than 4.00", Some(true))
        );
        let more = judge("short", "long", Target::Faster(5.0)).unwrap();
        assert_eq!((more.shown.as_str(), more.met), ("more than 4.00", None));
        let less = judge("short", "long", Target::AtMost(0.2)).unwrap();
        assert_eq!((less.shown.as_str(), less.met), ("less than 0.25", None));
        assert_eq!(
            judge("long", "short", Target::AtMost(9.0)).unwrap().met,
            None
        );
    }

    #[test]
    fn unsteady_jobs_are_not_compared() {
        let unsteady = Comparison::new("t", "unsteady", "long", Target::AtMost(9.0));
        let verdict = unsteady.judge(&timings()).unwrap();
        assert!(
            verdict.shown.contains("unsteady varied by 3.00"),
            "{}",
            verdict.shown
        );
        assert_eq!(verdict.met, None);
    }

    #[test]
    fn limits_are_of_time_beyond_another_or_of_memory() {
        let beyond = Limit {
            beyond: Some("short".to_owned()),
            ..Limit::seconds("long", 5.0)
        };
        let verdict = beyond.judge(&timings()).unwrap();
        assert_eq!(
            (verdict.shown.as_str(), verdict.met),
            ("6.000 s", Some(false))
        );
        let resident = |job| Limit::resident(job, 5_000_000).judge(&timings()).unwrap();
        assert_eq!(resident("long").met, Some(true));
        assert_eq!(
            (resident("short").met, resident("short").shown.as_str()),
            (None, "not measured")
        );
    }
}
