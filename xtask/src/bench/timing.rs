//! Times of one job over the rounds.

use super::job::Sizes;

/// Beyond this ratio of the slowest to the fastest round, a job's median means nothing.
pub(super) const WIDEST_SPREAD: f64 = 2.0;

/// One job's rounds.
#[derive(Debug, Clone)]
pub(super) struct Timing {
    pub(super) name: String,
    pub(super) seconds: Vec<f64>,
    pub(super) output: Sizes,
    /// Bytes of memory resident at once, if the job is one process.
    pub(super) resident: Option<u64>,
    /// Whether it was ended after its only time, which is less than it would have taken.
    pub(super) given_up: bool,
}

impl Timing {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            seconds: Vec::new(),
            output: Sizes::default(),
            resident: None,
            given_up: false,
        }
    }

    /// The middle time, or the mean of the two in the middle.
    pub(super) fn median(&self) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            length if length % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        }
    }

    /// The median, or why it means nothing.
    pub(super) fn steady_median(&self) -> Result<f64, String> {
        if self.is_steady() {
            return Ok(self.median());
        }
        let (name, spread) = (&self.name, self.spread());
        Err(format!(
            "{name} varied by {spread:.2}, more than {WIDEST_SPREAD}"
        ))
    }

    pub(super) fn fastest(&self) -> f64 {
        self.seconds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(super) fn slowest(&self) -> f64 {
        self.seconds.iter().copied().fold(0.0, f64::max)
    }

    /// Slowest ÷ fastest.
    pub(super) fn spread(&self) -> f64 {
        self.slowest() / self.fastest()
    }

    /// Whether its median may be compared with others.
    pub(super) fn is_steady(&self) -> bool {
        !self.seconds.is_empty() && self.spread() <= WIDEST_SPREAD
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::bench) fn timing(name: &str, seconds: &[f64]) -> Timing {
        Timing {
            seconds: seconds.to_vec(),
            ..Timing::new(name)
        }
    }

    #[test]
    fn medians_and_spreads() {
        let odd = timing("odd", &[3.0, 1.0, 2.0]);
        assert!((odd.median() - 2.0).abs() < 1e-9);
        assert!((odd.spread() - 3.0).abs() < 1e-9 && !odd.is_steady());
        let even = timing("even", &[4.0, 3.0, 2.0, 3.0]);
        assert!((even.median() - 3.0).abs() < 1e-9 && even.is_steady());
        assert!(!timing("none", &[]).is_steady());
    }
}
