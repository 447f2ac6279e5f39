//! Where something is written, in a description or in any other text.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Set by the program that uses the library.
    Caller,
    /// An option of a command line, such as `--size`.
    Option(&'static str),
    /// A configuration file.
    File {
        /// The file, as it was named.
        name: Arc<str>,
        /// Line, from 1 on.
        line: usize,
        /// Column in characters, from 1 on.
        column: usize,
    },
    /// Bytes of a document that was not named yet.
    Span(Range<usize>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller => f.write_str("given by the caller"),
            Self::Option(name) => f.write_str(name),
            Self::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Self::Span(span) => write!(f, "byte {}", span.start),
        }
    }
}
