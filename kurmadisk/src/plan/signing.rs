//! EFI programs signed, once they are where firmware or a boot manager finds them.

use std::path::PathBuf;

use super::error::PlanError;
use crate::boot::BootSummary;
use crate::spec::{ImageSpec, Located};
use crate::tree::Tree;

/// What signs.
#[cfg(feature = "secure-boot")]
#[derive(Debug)]
pub(super) struct ProgramSigner {
    signer: crate::boot::authenticode::Signer,
}

/// Nothing signs.
#[cfg(not(feature = "secure-boot"))]
#[derive(Debug)]
pub(super) enum ProgramSigner {}

/// The key and the certificate that a description names; none of nothing.
pub(super) fn signer(spec: &ImageSpec) -> Result<Option<ProgramSigner>, PlanError> {
    let secure_boot = &spec.secure_boot;
    match (&secure_boot.key, &secure_boot.certificate) {
        (None, None) => Ok(None),
        (Some(key), Some(certificate)) => read(key, certificate).map(Some),
        (Some(key), None) => Err(alone(key, "key", "certificate")),
        (None, Some(certificate)) => Err(alone(certificate, "certificate", "key")),
    }
}

fn alone(given: &Located<PathBuf>, field: &str, other: &str) -> PlanError {
    let reason =
        format!("signing needs a {other} too; give --sign-{other} or `secure-boot.{other}`");
    PlanError::Value(reason).at(given, field)
}

#[cfg(feature = "secure-boot")]
fn read(
    key: &Located<PathBuf>,
    certificate: &Located<PathBuf>,
) -> Result<ProgramSigner, PlanError> {
    use crate::boot::authenticode::{Signer, SigningError};

    let text = |path, field| super::contents::host_text(path, field, "a PEM file");
    let signer = Signer::from_pem(&text(key, "key")?, &text(certificate, "certificate")?);
    let signer = signer.map_err(|error| {
        let is_of_key = matches!(error, SigningError::Key { .. });
        let error = PlanError::Signing(error);
        if is_of_key {
            error.at(key, "key")
        } else {
            error.at(certificate, "certificate")
        }
    })?;
    Ok(ProgramSigner { signer })
}

#[cfg(not(feature = "secure-boot"))]
fn read(key: &Located<PathBuf>, _: &Located<PathBuf>) -> Result<ProgramSigner, PlanError> {
    let reason = "this build of kurmadisk cannot sign: it lacks the feature secure-boot";
    Err(PlanError::Value(reason.to_owned()).at(key, "key"))
}

impl ProgramSigner {
    /// Signs every EFI program among the boot files that were put into `tree`; gives how many.
    #[cfg(feature = "secure-boot")]
    pub fn sign(&self, tree: &mut Tree, boot: &mut BootSummary) -> Result<usize, PlanError> {
        use crate::boot::pe;
        use crate::tree::NodeKind;

        let mut signed_ones = 0;
        for staged in &mut boot.files {
            let path = staged.path.as_bytes();
            let Some(id) = tree.lookup(path) else {
                continue;
            };
            let node = tree.node(id);
            let NodeKind::File(content) = &node.kind else {
                continue;
            };
            if !pe::is_program(&content.reader()) {
                continue;
            }
            let signed = self
                .signer
                .sign(content)
                .map_err(|source| PlanError::SigningFile {
                    path: staged.path.clone(),
                    source,
                })?;
            staged.len = signed.len();
            let meta = node.meta.clone();
            tree.place_file(path, meta, signed)?;
            signed_ones += 1;
        }
        Ok(signed_ones)
    }

    #[cfg(not(feature = "secure-boot"))]
    pub fn sign(&self, _: &mut Tree, _: &mut BootSummary) -> Result<usize, PlanError> {
        match *self {}
    }
}
