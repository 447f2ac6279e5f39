//! Rules: what is known of a platform's demands.

use super::{Platform, Severity};

/// Something that platforms refuse or misread.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, which stays what it is.
    pub name: &'static str,
    /// The platforms that refuse it.
    pub refused: &'static [Platform],
    /// The platforms for which it is a drawback.
    pub warned: &'static [Platform],
    /// Why.
    pub why: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

impl Rule {
    /// How firmly `platform` stands against it; `None` when it does not care.
    #[must_use]
    pub fn severity(&self, platform: Platform) -> Option<Severity> {
        if self.refused.contains(&platform) {
            Some(Severity::Refused)
        } else if self.warned.contains(&platform) {
            Some(Severity::Warning)
        } else {
            None
        }
    }
}

/// Makes a constant of each rule, and `RULES` of all of them.
#[doc(hidden)]
#[macro_export]
macro_rules! lint_rules {
    ($($id:ident = $name:literal, refused $refused:tt, warned $warned:tt, $why:literal, $advice:literal;)*) => {
        $(pub(crate) const $id: &$crate::lint::Rule = &$crate::lint::Rule {
            name: $name,
            refused: $crate::lint_rules!(@ $refused),
            warned: $crate::lint_rules!(@ $warned),
            why: $why,
            advice: $advice,
        };)*
        /// All of them, as they are listed.
        pub(crate) const RULES: &[&$crate::lint::Rule] = &[$($id),*];
    };
    (@ [all]) => { $crate::lint::Platform::ALL };
    (@ [$($platform:ident)*]) => { &[$($crate::lint::Platform::$platform),*] };
}
