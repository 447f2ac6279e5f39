//! Documents in JSON, their keys in the order of the structs.

use serde::Serialize;

use super::error::PackageError;

/// The document, in lines.
pub(super) fn document(told: &impl Serialize) -> Result<String, PackageError> {
    let text = serde_json::to_string_pretty(told);
    let text = text.map_err(|error| PackageError::Value(error.to_string()))?;
    Ok(text + "\n")
}
