//! What the specification asks of an image, its dependencies and annotations: "Image Manifest Schema".

use super::app;
use super::checker::{At, Checker, NO_IDENTIFIER};
use super::{Checked, Dependency, ImageId, ImageManifest, NameValue, Node, Origin, types};

/// The kind of an image's manifest.
const KIND: &str = "ImageManifest";

/// Checks a manifest as a whole.
#[must_use]
pub fn check(node: &Node, origin: Origin) -> Checked {
    let mut checker = Checker::new(origin);
    let manifest = manifest(&At::top(node), &mut checker);
    let Checker { faults, notes, .. } = checker;
    Checked {
        manifest: manifest.filter(|_| faults.is_empty()),
        faults,
        notes,
    }
}

fn manifest(at: &At<'_>, checker: &mut Checker) -> Option<ImageManifest> {
    let mut fields = checker.fields(at)?;
    let ac_kind = match checker.origin {
        Origin::Description => fields.optional("acKind"),
        Origin::Image => fields.required("acKind", checker),
    };
    if let Some(at) = &ac_kind {
        let what = "not the kind of an image's manifest, which is \"ImageManifest\"";
        checker.text_that(at, |kind| kind == KIND, what);
    }
    let ac_version = match checker.origin {
        Origin::Description => fields.optional("acVersion"),
        Origin::Image => fields.required("acVersion", checker),
    };
    let ac_version = ac_version.as_ref().and_then(|at| version(at, checker));
    let name = fields.required("name", checker);
    let name = name.as_ref().and_then(|at| checker.identifier(at));
    let labels = fields.optional("labels");
    let labels = labels.map_or_else(Vec::new, |at| labels_of(&at, checker));
    let app = fields.optional("app");
    let app = app.map(|at| app::check(&at, checker));
    let dependencies = fields.optional("dependencies");
    let dependencies = dependencies.map_or_else(Vec::new, |at| all_dependencies(&at, checker));
    let path_whitelist = fields.optional("pathWhitelist");
    let path_whitelist = path_whitelist.map_or_else(Vec::new, |at| whitelist(&at, checker));
    let annotations = fields.optional("annotations");
    let annotations = annotations.map_or_else(Vec::new, |at| annotations_of(&at, checker));
    fields.done(checker);
    Some(ImageManifest {
        ac_kind: KIND.to_owned(),
        ac_version: ac_version.unwrap_or(types::VERSION).to_owned(),
        name: name?.to_owned(),
        labels,
        // One that is wrong has its fault.
        app: app.flatten(),
        dependencies,
        path_whitelist,
        annotations,
    })
}

/// The version of the specification: semantic, and of a series that is known here.
fn version<'n>(at: &At<'n>, checker: &mut Checker) -> Option<&'n str> {
    let what = "no version of the specification; write three numbers, such as \"0.8.11\"";
    let version = checker.text_that(at, types::is_version, what)?;
    if !version.starts_with("0.") {
        let reason = format!(
            "{version:?} is of a series that is not known here; the specification ended at {}",
            types::VERSION
        );
        checker.fault(at, reason);
    }
    Some(version)
}

/// Labels, with an operating system and processor that belong together.
fn labels_of(at: &At<'_>, checker: &mut Checker) -> Vec<NameValue> {
    let is_label = |name: &str| types::is_identifier(name) && name != "name";
    let what = "no label's name: \"name\" is the image's own, and others are small letters and digits, with \
                - . _ ~ / between them";
    let labels = checker.pairs(at, is_label, what);
    let value = |name: &str| {
        let found = labels.iter().find(|label| label.name == name);
        found.map(|label| label.value.as_str())
    };
    let Some(os) = value("os") else {
        if value("arch").is_some() {
            checker.note(at, "arch means nothing without os");
        }
        return labels;
    };
    let known = types::SYSTEMS.iter().find(|(name, _)| *name == os);
    match (known, value("arch")) {
        (None, _) => {
            let names = types::SYSTEMS.map(|(name, _)| name).join(", ");
            checker.fault(at, format!("os is {os:?}; there are: {names}"));
        }
        (Some((_, known)), Some(arch)) if !known.contains(&arch) => {
            let names = known.join(", ");
            checker.fault(at, format!("arch is {arch:?}; {os} has: {names}"));
        }
        _ => {}
    }
    labels
}

fn all_dependencies(at: &At<'_>, checker: &mut Checker) -> Vec<Dependency> {
    let items = checker.list(at);
    let all = items.iter().filter_map(|item| dependency(item, checker));
    all.collect()
}

fn dependency(at: &At<'_>, checker: &mut Checker) -> Option<Dependency> {
    let mut fields = checker.fields(at)?;
    let name = fields.required("imageName", checker);
    let name = name.as_ref().and_then(|at| checker.identifier(at));
    let image_id = fields.optional("imageID").and_then(|at| {
        let what = "no image id; write \"sha512-\" and the 128 hexadecimal digits of the \
                    uncompressed archive's SHA-512";
        let text = checker.text_that(&at, |text| ImageId::parse(text).is_some(), what)?;
        ImageId::parse(text)
    });
    let labels = fields.optional("labels");
    let labels = labels.map_or_else(Vec::new, |at| labels_of(&at, checker));
    let size = fields.optional("size");
    let size = size.and_then(|at| checker.integer(&at, 0, i64::MAX));
    fields.done(checker);
    Some(Dependency {
        image_name: name?.to_owned(),
        image_id,
        labels,
        // The specification's own programs write 0 for a size that is not known.
        size: size
            .and_then(|size| u64::try_from(size).ok())
            .filter(|size| *size > 0),
    })
}

fn whitelist(at: &At<'_>, checker: &mut Checker) -> Vec<String> {
    let items = checker.list(at);
    let paths = items.iter().filter_map(|item| checker.absolute(item));
    paths.map(str::to_owned).collect()
}

/// Annotations, of which some have a form of their own.
fn annotations_of(at: &At<'_>, checker: &mut Checker) -> Vec<NameValue> {
    let annotations = checker.pairs(at, types::is_identifier, NO_IDENTIFIER);
    for annotation in &annotations {
        let value = &annotation.value;
        let fault = match annotation.name.as_str() {
            "created" if !types::is_date_time(value) => {
                "no date and time of RFC 3339, such as 2014-10-27T19:32:27Z"
            }
            "homepage" | "documentation" if !types::is_http_url(value) => {
                "no address; begin it with http:// or https://"
            }
            _ => continue,
        };
        checker.fault(at, format!("{} is {value:?}, {fault}", annotation.name));
    }
    annotations
}
