//! Why a program can't be signed.

use kurmadisk_formats::error::MapError;
use thiserror::Error;

use super::super::pe::PeFault;

/// A program cannot be signed, or a key not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The key is none that can be used.
    #[error("the key (--sign-key): {problem}")]
    Key {
        /// What is wrong with it, and what to do.
        problem: &'static str,
    },
    /// The certificate is none that can be used.
    #[error("the certificate (--sign-certificate): {problem}")]
    Certificate {
        /// What is wrong with it, and what to do.
        problem: &'static str,
    },
    /// The program is none that can be signed.
    #[error("the program cannot be signed")]
    Program(#[from] PeFault),
    /// The program's certificate table is not where it should be.
    #[error("the program has a certificate table that does not end it; strip its signatures first")]
    Table,
    /// The program would be too large.
    #[error("the program would be larger than 4 GiB with its signature")]
    TooLarge,
    /// A structure of the signature cannot be encoded: a fault of the certificate, or of this crate.
    #[error("the signature cannot be encoded")]
    Encoding(#[from] der::Error),
    /// The key refuses.
    #[error("the key cannot sign")]
    Rsa(#[source] rsa::Error),
    /// The parts of the program collide: a fault of this crate's own arithmetic.
    #[error("the parts of the program do not fit together")]
    Map(#[from] MapError),
}
