//! Where each step's outputs are, as paths in the output folder.

use std::collections::BTreeSet;

/// The kernel's folder.
pub(super) const KERNEL: &str = "kernel";
/// The kernel itself.
pub(super) const BZ_IMAGE: &str = "kernel/bzImage";
/// The initial RAM filesystem.
pub(super) const INITRD: &str = "initrd";
/// The folder of records of the base's images.
pub(super) const BASE: &str = "base";
/// The folder of components.
pub(super) const COMPONENTS: &str = "components";
/// The folder of application container images.
pub(super) const ACIS: &str = "aci";
/// What the archive of kernel and initrd is called without a name of its own.
const BUNDLE: &str = "kurma-init";

/// What the places depend on.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// The application container images that are OCI's.
    oci: BTreeSet<String>,
    /// The name of the archive of kernel and initrd.
    pub bundle: String,
}

impl Places {
    /// Those of a manifest that says this.
    pub fn new(tables: &toml::Table) -> Self {
        let text = |table: &toml::Value, key: &str| table.get(key)?.as_str().map(str::to_owned);
        let acis = tables.get("aci").and_then(toml::Value::as_array);
        let oci = acis.into_iter().flatten();
        let oci = oci.filter(|aci| text(aci, "format").as_deref() == Some("oci"));
        let bundle = tables.get("bundle").and_then(|table| text(table, "name"));
        Self {
            oci: oci.filter_map(|aci| text(aci, "name")).collect(),
            bundle: bundle.unwrap_or_else(|| BUNDLE.to_owned()),
        }
    }

    /// The image of an application container.
    pub fn aci(&self, name: &str) -> String {
        let ending = if self.oci.contains(name) {
            "oci.tar"
        } else {
            "aci"
        };
        format!("{ACIS}/{name}.{ending}")
    }

    /// The archive of kernel and initrd.
    pub fn bundle_file(&self) -> String {
        format!("{}.tar.gz", self.bundle)
    }

    /// The path that a reference stands for, without its `@`.
    pub fn of_reference(&self, reference: &str) -> Option<String> {
        let (step, file) = match reference.split_once('/') {
            Some((step, file)) => (step, Some(file)),
            None => (reference, None),
        };
        match (step.split_once(':'), step, file) {
            (None, "kernel", None) => Some(BZ_IMAGE.to_owned()),
            (None, "kernel", Some(file)) => Some(format!("{KERNEL}/{file}")),
            (None, "initrd", None) => Some(INITRD.to_owned()),
            (None, "bundle", None) => Some(self.bundle_file()),
            (Some(("component", name)), _, Some(file)) if !name.is_empty() => {
                Some(format!("{COMPONENTS}/{name}/{file}"))
            }
            (Some(("aci", name)), _, None) if !name.is_empty() => Some(self.aci(name)),
            _ => None,
        }
    }

    /// The step that makes the file at this path in the output folder.
    pub fn maker(&self, path: &str) -> Option<String> {
        if path == self.bundle_file() {
            return Some(self.bundle.clone());
        }
        let mut parts = path.split('/');
        match (parts.next()?, parts.next()) {
            (KERNEL, _) => Some("kernel".to_owned()),
            (INITRD, None) => Some("initrd".to_owned()),
            (COMPONENTS, Some(name)) => Some(format!("component:{name}")),
            (ACIS, Some(file)) => {
                let name = file
                    .strip_suffix(".aci")
                    .or_else(|| file.strip_suffix(".oci.tar"))?;
                Some(format!("aci:{name}"))
            }
            _ => None,
        }
    }
}
