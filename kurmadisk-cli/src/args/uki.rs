//! The arguments of `kurmadisk uki`.

use std::path::PathBuf;

use clap::Subcommand;
use kurmadisk::spec::EfiStub;

#[derive(Debug, Subcommand)]
pub enum UkiCommand {
    /// Build a unified kernel image: a stub, a kernel and what belongs to it in one EFI program
    Build(Box<UkiBuildArgs>),
    /// Tell what an EFI program holds: sections, sizes, digests, texts
    Inspect(UkiInspectArgs),
}

/// A text is given itself, or as `@FILE`.
#[derive(Debug, clap::Args)]
pub struct UkiBuildArgs {
    /// UEFI stub, such as systemd's linuxx64.efi.stub; without it, or with `kurmaboot`, kurmadisk's own
    #[arg(long, value_name = "PATH|kurmaboot")]
    pub efi_stub: Option<EfiStub>,
    /// Linux kernel
    #[arg(long, value_name = "BZIMAGE")]
    pub kernel: PathBuf,
    /// Initial RAM disk; given again, it follows those before
    #[arg(long, value_name = "INITRD")]
    pub initrd: Vec<PathBuf>,
    /// Kernel command line (.cmdline)
    #[arg(long, value_name = "TEXT|@FILE")]
    pub cmdline: Option<String>,
    /// What the system says of itself (.osrel); systemd-boot lists no image without it
    #[arg(long, value_name = "TEXT|@FILE")]
    pub os_release: Option<String>,
    /// The kernel's release (.uname); without it, what the kernel says
    #[arg(long, value_name = "TEXT")]
    pub uname: Option<String>,
    /// A picture to show (.splash), a BMP
    #[arg(long, value_name = "FILE")]
    pub splash: Option<PathBuf>,
    /// A device tree (.dtb)
    #[arg(long, value_name = "FILE")]
    pub devicetree: Option<PathBuf>,
    /// An initrd with microcode (.ucode)
    #[arg(long, value_name = "FILE")]
    pub microcode: Option<PathBuf>,
    /// The public key of signed PCR values (.pcrpkey)
    #[arg(long, value_name = "PEM")]
    pub pcrpkey: Option<PathBuf>,
    /// Which profile the image is (.profile): lines of ID= and TITLE=. Given again, the image has several profiles,
    /// of which the first is started unless another one is asked for
    #[arg(long, value_name = "TEXT|@FILE")]
    pub profile: Vec<String>,
    /// A section of one of several profiles, which are counted from 0: `1:.cmdline:quiet`; may be given several times
    #[arg(long, value_name = "N:NAME:TEXT|N:NAME:@FILE")]
    pub profile_section: Vec<String>,
    /// Generations for revocation (.sbat), added to those of stub and kernel
    #[arg(long, value_name = "TEXT|@FILE")]
    pub sbat: Option<String>,
    /// Any other section; may be given several times
    #[arg(long, value_name = "NAME:TEXT|NAME:@FILE")]
    pub section: Vec<String>,
    /// Private key (RSA, PEM) that signs the image
    #[arg(long, value_name = "PEM", requires = "sign_certificate")]
    pub sign_key: Option<PathBuf>,
    /// Its certificate (X.509, PEM)
    #[arg(long, value_name = "PEM", requires = "sign_key")]
    pub sign_certificate: Option<PathBuf>,
    /// The image's file
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct UkiInspectArgs {
    /// The EFI program
    pub image: PathBuf,
    /// Fail unless there is a sound signature by the key of this certificate (X.509, PEM)
    #[arg(long, value_name = "PEM")]
    pub certificate: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
}
