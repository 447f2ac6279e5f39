//! What can be wrong with `file_contexts`.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::place::Place;

/// Rules for labels can't be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileContextsError {
    /// The file can't be read, or is no text.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is wrong.
    #[error("{place}: {fault}")]
    Line {
        /// Where.
        place: Place,
        /// What is wrong there.
        fault: FileContextsFault,
    },
}

/// What is wrong in a line of `file_contexts`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FileContextsFault {
    /// It has too few or too many fields.
    #[error("a rule is an expression, maybe a type, and a context: {fields} fields are no rule")]
    Fields {
        /// How many it has.
        fields: usize,
    },
    /// The type is none.
    #[error("{text:?} is no type of file; it must be one of -- -d -l -c -b -p -s")]
    Type {
        /// The text.
        text: String,
    },
    /// The context is none.
    #[error(
        "{text:?} is no context; write user:role:type, with :range behind it if the policy has any, or <<none>>"
    )]
    Context {
        /// The text.
        text: String,
    },
    /// The expression can't be used.
    #[error("{text:?} cannot be used as an expression: {reason}")]
    Expression {
        /// The expression.
        text: String,
        /// Why.
        reason: String,
    },
    /// Two rules contradict one another.
    #[error(
        "{text:?} has the context {context:?} here and {other:?} in line {line}; remove one of the two"
    )]
    Contradiction {
        /// The expression.
        text: String,
        /// Its context here.
        context: String,
        /// Its other context.
        other: String,
        /// Where it has that one.
        line: usize,
    },
    /// A substitution is incomplete.
    #[error(
        "a substitution is two absolute paths: the beginning of a path, and what stands for it"
    )]
    Substitution,
}
