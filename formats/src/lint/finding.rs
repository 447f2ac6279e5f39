//! What was seen, and what it means to whom.

use std::fmt;

use super::{Platform, Rule, Severity};

/// Where in a file something is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file it is in, where that isn't the one that was asked for: a member of an archive, or a file beside.
    pub file: Option<String>,
    /// The field or part, in the format's own terms.
    pub field: String,
    /// Its offset in the file in bytes.
    pub offset: Option<u64>,
}

impl Place {
    /// A field at an offset.
    pub fn at(field: impl Into<String>, offset: u64) -> Self {
        Self {
            file: None,
            field: field.into(),
            offset: Some(offset),
        }
    }

    /// A field of text, or the file as a whole.
    pub fn of(field: impl Into<String>) -> Self {
        Self {
            file: None,
            field: field.into(),
            offset: None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}, ")?;
        }
        f.write_str(&self.field)?;
        match self.offset {
            Some(offset) => write!(f, " at byte {offset}"),
            None => Ok(()),
        }
    }
}

/// A rule that something breaks.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The rule.
    pub rule: &'static Rule,
    /// The one platform that it is about, where the rule alone doesn't tell.
    pub only: Option<Platform>,
    /// Where it was seen first.
    pub place: Place,
    /// What was seen there.
    pub what: String,
    /// How many further places break the same rule.
    pub more: u64,
}

/// All that was seen in a file: of each rule the first place.
#[derive(Clone, Debug, Default)]
pub struct Observations(Vec<Observation>);

impl Observations {
    /// Adds what breaks `rule`.
    pub fn add(&mut self, rule: &'static Rule, place: Place, what: impl FnOnce() -> String) {
        self.insert(rule, None, place, what);
    }

    /// Adds what breaks `rule`, and concerns `platform` alone.
    pub fn add_for(
        &mut self,
        platform: Platform,
        rule: &'static Rule,
        place: Place,
        what: impl FnOnce() -> String,
    ) {
        self.insert(rule, Some(platform), place, what);
    }

    /// Whether anything was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `rule` was broken.
    #[must_use]
    pub fn has(&self, rule: &Rule) -> bool {
        self.0.iter().any(|seen| seen.rule.name == rule.name)
    }

    /// What was seen, in the order in which it was.
    pub fn iter(&self) -> impl Iterator<Item = &Observation> {
        self.0.iter()
    }

    /// Adds what was seen in `file`, a part of what is looked at.
    pub fn extend_from(&mut self, file: &str, others: Self) {
        for mut seen in others.0 {
            seen.place.file.get_or_insert_with(|| file.to_owned());
            self.0.push(seen);
        }
    }

    /// Leaves out what `keep` doesn't want.
    pub fn retain(&mut self, keep: impl FnMut(&Observation) -> bool) {
        self.0.retain(keep);
    }

    fn insert(
        &mut self,
        rule: &'static Rule,
        only: Option<Platform>,
        place: Place,
        what: impl FnOnce() -> String,
    ) {
        let same = |seen: &&mut Observation| seen.rule.name == rule.name && seen.only == only;
        if let Some(seen) = self.0.iter_mut().find(same) {
            seen.more = seen.more.saturating_add(1);
            return;
        }
        self.0.push(Observation {
            rule,
            only,
            place,
            what: what(),
            more: 0,
        });
    }
}

/// What a file has that platforms stand against.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule that it breaks.
    pub rule: &'static Rule,
    /// How firmly they stand against it.
    pub severity: Severity,
    /// The platforms, of those that were asked for.
    pub platforms: Vec<Platform>,
    /// Where it was seen first.
    pub place: Place,
    /// What was seen there.
    pub what: String,
    /// How many further places break the same rule.
    pub more: u64,
}

/// What the observations mean to `platforms`; what is refused comes first.
#[must_use]
pub fn judge(observations: &Observations, platforms: &[Platform]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for severity in [Severity::Refused, Severity::Warning] {
        for seen in observations.iter() {
            let concerned = platforms.iter().copied().filter(|platform| {
                seen.only.is_none_or(|only| only == *platform)
                    && seen.rule.severity(*platform) == Some(severity)
            });
            let platforms: Vec<_> = concerned.collect();
            if platforms.is_empty() {
                continue;
            }
            findings.push(Finding {
                rule: seen.rule,
                severity,
                platforms,
                place: seen.place.clone(),
                what: seen.what.clone(),
                more: seen.more,
            });
        }
    }
    findings
}
