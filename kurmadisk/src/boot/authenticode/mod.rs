//! Signatures of EFI programs, by which firmware with Secure Boot tells whose they are (feature `secure-boot`).
//!
//! A signature is a CMS message (RFC 5652) behind the program's own bytes. It signs a digest of these, which leaves
//! out what signing changes. The formats are those of Microsoft's "Windows Authenticode Portable Executable
//! Signature Format" and of the UEFI specification 2.10, §32.5.
//!
//! [`Signer`] signs with RSA and SHA-256, which all firmware knows. It writes no time: the same program, key and
//! certificate give the same bytes. [`signatures`] reads signatures back and verifies them.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | the structures on disk and in ASN.1 |
//! | `digest` | the digest of a program |
//! | `sign` | [`Signer`] |
//! | `verify` | [`signatures`], [`SignatureReport`] |
//! | `error` | [`SigningError`] |

mod digest;
mod error;
mod sign;
mod spec;
mod verify;

pub use error::SigningError;
pub use sign::Signer;
pub use verify::{SignatureReport, TrustedCertificate, signatures};
