//! Options, environment and configuration file as one description.

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use kurmadisk::spec::{
    GrubSpec, IdRanges, ImageSpec, Located, Paths, Patterns, Place, SecureBootSpec, TreeChanges,
    TreeList, TreeSpec,
};
use kurmadisk::{Builder, FormatChoice, Plan};

use crate::args::{ImageArgs, TreeArgs};
use crate::inputs::Inputs;
use crate::output::{self, Destination};

/// The configuration file that is read when none is named.
const DEFAULT_CONFIG: &str = "kurmadisk.toml";

/// What the options, the environment and the configuration file say.
pub struct Description {
    pub spec: ImageSpec,
    /// The formats that were named.
    pub formats: Vec<FormatChoice>,
    /// The image's path, when it names one.
    pub output: Option<PathBuf>,
    /// What it is made from.
    pub inputs: Inputs,
}

/// What is to be made.
pub struct Described {
    pub plan: Plan,
    /// The formats that were named.
    pub formats: Vec<FormatChoice>,
    /// The image's path, when the description names one.
    output: Option<PathBuf>,
    /// What it is made from.
    pub inputs: Inputs,
}

impl Description {
    /// Reads what there is to read of descriptions.
    pub fn new(args: &ImageArgs) -> Result<Self, Box<dyn Error>> {
        let below = match &args.config {
            Some(path) => ImageSpec::from_file(path)?,
            None if Path::new(DEFAULT_CONFIG).is_file() => {
                ImageSpec::from_file(Path::new(DEFAULT_CONFIG))?
            }
            None => ImageSpec::default(),
        };
        let spec = options(args)?.over(below).with_layout()?.over(defaults());
        let named = spec.format.as_ref().map(|formats| formats.value.0.clone());
        let formats = match output::flat(&args.format) {
            none if none.is_empty() => named.unwrap_or_default(),
            formats => formats,
        };
        let output = spec.output.as_ref().map(|path| path.value.clone());
        let inputs = Inputs::of(&spec);
        Ok(Self {
            spec,
            formats,
            output,
            inputs,
        })
    }
}

impl Described {
    /// Reads everything there is to read and decides the disk.
    pub fn new(args: &ImageArgs) -> Result<Self, Box<dyn Error>> {
        let description = Description::new(args)?;
        Ok(Self {
            plan: Builder::from_spec(description.spec).plan()?,
            formats: description.formats,
            output: description.output,
            inputs: description.inputs,
        })
    }

    /// Where the images go: as the option says, else as the description does, else by the disk's name.
    pub fn destination(&self, option: Option<&Path>) -> Result<Destination, String> {
        self.destination_in(&self.formats, option)
    }

    /// Whether neither formats nor a file were named.
    pub fn is_open(&self, option: Option<&Path>) -> bool {
        self.formats.is_empty() && option.is_none() && self.output.is_none()
    }

    /// Where images in these formats would go.
    pub fn destination_in(
        &self,
        formats: &[FormatChoice],
        option: Option<&Path>,
    ) -> Result<Destination, String> {
        let output = option.or(self.output.as_deref());
        Destination::new(formats, output, self.plan.name())
    }
}

/// The options as the upper layer of the description.
fn options(args: &ImageArgs) -> Result<ImageSpec, Box<dyn Error>> {
    let path =
        |name, path: &Option<PathBuf>| path.clone().map(|path| Located::by_option(name, path));
    let text =
        |name, text: &Option<String>| text.clone().map(|text| Located::by_option(name, text));
    Ok(ImageSpec {
        name: text("--name", &args.name),
        layout: text("--layout", &args.layout),
        disk_layout: text("--disk-layout", &args.disk_layout),
        size: args.size.map(|size| Located::by_option("--size", size)),
        seed: text("--seed", &args.seed),
        source_date_epoch: source_date_epoch(args.trees.source_date_epoch)?,
        kernel: path("--kernel", &args.kernel),
        initrd: path("--initrd", &args.initrd),
        cmdline: text("--cmdline", &args.cmdline),
        root: trees("--root", &args.root),
        oem: trees("--oem", &args.oem),
        efi_stub: args
            .efi_stub
            .clone()
            .map(|stub| Located::by_option("--efi-stub", stub)),
        systemd_boot: path("--systemd-boot", &args.systemd_boot),
        grub: GrubSpec {
            folder: path("--grub", &args.grub),
            config: path("--grub-config", &args.grub_config),
            ..GrubSpec::default()
        },
        boot_tries: args
            .boot_tries
            .map(|tries| Located::by_option("--boot-tries", tries)),
        secure_boot: SecureBootSpec {
            key: path("--sign-key", &args.sign_key),
            certificate: path("--sign-certificate", &args.sign_certificate),
        },
        scratch: path("--scratch", &args.scratch),
        trees: tree_changes(&args.trees),
        overrides: some_of("--overrides", &args.trees.overrides).map(|all| all.map(Paths)),
        file_contexts: path("--file-contexts", &args.trees.file_contexts),
        ..ImageSpec::default()
    })
}

/// The trees that an option names.
pub fn trees(name: &'static str, trees: &[OsString]) -> TreeList {
    let place = Place::Option(name);
    let trees = trees.iter().map(|text| TreeSpec::from_text(text, &place));
    TreeList(trees.collect())
}

/// What the environment says where nothing else does.
fn defaults() -> ImageSpec {
    ImageSpec {
        scratch: Some(Located::by_option("TMPDIR", scratch_folder())),
        ..ImageSpec::default()
    }
}

/// The folder for what is only needed meanwhile, when none is named.
pub fn scratch_folder() -> PathBuf {
    const KEPT: &str = "/var/tmp";
    let kept = || Path::new(KEPT).is_dir().then(|| PathBuf::from(KEPT));
    let scratch = std::env::var_os("TMPDIR").map(PathBuf::from).or_else(kept);
    scratch.unwrap_or_else(std::env::temp_dir)
}

/// How the options change trees.
pub fn tree_changes(args: &TreeArgs) -> TreeChanges {
    let path = args.fakeroot.clone();
    let owner = args.owner.clone();
    TreeChanges {
        exclude: some_of("--exclude", &args.exclude).map(|all| all.map(Patterns)),
        include: some_of("--include", &args.include).map(|all| all.map(Patterns)),
        xattrs_exclude: some_of("--xattrs-exclude", &args.xattrs_exclude)
            .map(|all| all.map(Patterns)),
        fakeroot: path.map(|path| Located::by_option("--fakeroot", path)),
        map_uid: some_of("--map-uid", &args.map_uid).map(|all| all.map(IdRanges)),
        map_gid: some_of("--map-gid", &args.map_gid).map(|all| all.map(IdRanges)),
        owner: owner.map(|owner| Located::by_option("--owner", owner)),
        keep_directories: flag("--keep-directories", args.keep_directories),
        follow_links: flag("--follow-links", args.follow_links),
    }
}

/// An option without a value; nothing when it was not given.
fn flag(name: &'static str, given: bool) -> Option<Located<bool>> {
    given.then(|| Located::by_option(name, true))
}

/// The values of an option that may be given several times; nothing when it was not given.
pub fn some_of<T: Clone>(name: &'static str, values: &[T]) -> Option<Located<Vec<T>>> {
    (!values.is_empty()).then(|| Located::by_option(name, values.to_vec()))
}

/// The time that reproducible builds agree on: as the option says, or the environment.
pub fn source_date_epoch(option: Option<i64>) -> Result<Option<Located<i64>>, Box<dyn Error>> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    if let Some(seconds) = option {
        return Ok(Some(Located::by_option("--source-date-epoch", seconds)));
    }
    let Some(text) = std::env::var_os(NAME).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let seconds = text.to_str().and_then(|text| text.trim().parse().ok());
    let seconds =
        seconds.ok_or_else(|| format!("{NAME} is {}, not a number of seconds", text.display()))?;
    Ok(Some(Located {
        value: seconds,
        place: Place::Option(NAME),
    }))
}
