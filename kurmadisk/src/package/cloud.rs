//! What descriptions for clouds tell of a disk.

use super::error::PackageError;
use super::{Context, Located};

/// What stands for the bucket that nobody named: no bucket can be called so.
const BUCKET: &str = "YOUR-BUCKET";

impl Context {
    /// The disk's length in GiB, rounded up.
    pub(super) fn disk_gib(&self) -> u64 {
        self.disk_len.div_ceil(1 << 30)
    }

    /// What is in the machine, with its version: the product's name, or the machine's.
    pub(super) fn title(&self) -> String {
        let machine = &self.machine;
        let name = machine.product.as_ref().unwrap_or(&machine.name);
        match &machine.version {
            Some(version) => format!("{name} {version}"),
            None => name.clone(),
        }
    }

    /// The bucket that the image is uploaded to.
    pub(super) fn bucket(&self) -> Result<&str, PackageError> {
        let Some(Located { value, .. }) = &self.options.bucket else {
            return Ok(BUCKET);
        };
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        if !value.is_empty() && value.chars().all(allowed) {
            return Ok(value);
        }
        let reason =
            format!("{value:?} is no bucket's name: small letters, digits, \"-\", \"_\" and \".\"");
        Err(PackageError::Value(reason).near(self.options.bucket.as_ref(), "bucket"))
    }
}
