//! Options, environment and configuration file as one description.

use std::error::Error;
use std::path::{Path, PathBuf};

use kurmadisk::spec::{ImageSpec, Located, Place};
use kurmadisk::{Builder, ImageFormat, Plan};

use crate::args::ImageArgs;
use crate::inputs::Inputs;

/// The configuration file that is read when none is named.
const DEFAULT_CONFIG: &str = "kurmadisk.toml";

/// What is to be made.
pub struct Described {
    pub plan: Plan,
    /// The format, when one was named.
    pub format: Option<ImageFormat>,
    /// The image's path, when the description names one.
    output: Option<PathBuf>,
    /// What it is made from.
    pub inputs: Inputs,
}

impl Described {
    /// Reads everything there is to read and decides the disk.
    pub fn new(args: &ImageArgs) -> Result<Self, Box<dyn Error>> {
        let below = match &args.config {
            Some(path) => ImageSpec::from_file(path)?,
            None if Path::new(DEFAULT_CONFIG).is_file() => {
                ImageSpec::from_file(Path::new(DEFAULT_CONFIG))?
            }
            None => ImageSpec::default(),
        };
        let spec = options(args)?.over(below).with_layout()?;
        let format = match (args.format, &spec.format) {
            (Some(format), _) => Some(format),
            (None, Some(name)) => {
                let format = name.value.parse::<ImageFormat>();
                Some(format.map_err(|error| format!("{}: format: {error}", name.place))?)
            }
            (None, None) => None,
        };
        let output = spec.output.as_ref().map(|path| path.value.clone());
        let inputs = Inputs::of(&spec);
        let plan = Builder::from_spec(spec).plan()?;
        Ok(Self {
            plan,
            format,
            output,
            inputs,
        })
    }

    /// Where the image goes: as the option says, else as the description does, else by its name.
    pub fn output(&self, option: Option<&Path>, format: ImageFormat) -> PathBuf {
        option
            .or(self.output.as_deref())
            .map_or_else(|| self.default_output(format), Path::to_path_buf)
    }

    fn default_output(&self, format: ImageFormat) -> PathBuf {
        PathBuf::from(format!("{}.{}", self.plan.name(), format.extension()))
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
        size: args.size.map(|size| Located::by_option("--size", size)),
        seed: text("--seed", &args.seed),
        source_date_epoch: source_date_epoch()?,
        kernel: path("--kernel", &args.kernel),
        initrd: path("--initrd", &args.initrd),
        cmdline: text("--cmdline", &args.cmdline),
        root: path("--root", &args.root),
        oem: path("--oem", &args.oem),
        efi_stub: path("--efi-stub", &args.efi_stub),
        systemd_boot: path("--systemd-boot", &args.systemd_boot),
        ..ImageSpec::default()
    })
}

/// The time that reproducible builds agree on, if the environment gives one.
fn source_date_epoch() -> Result<Option<Located<i64>>, Box<dyn Error>> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    let Some(text) = std::env::var_os(NAME) else {
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
