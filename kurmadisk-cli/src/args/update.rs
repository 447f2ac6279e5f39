//! Options of `build` that take what the last build left.

/// How an image that is there is brought up to date.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct UpdateArgs {
    /// Write only what changed since the last build, of which OUT.plan tells; without it, or when OUT is not what that
    /// build left, the whole image. OUT is changed in a copy by reference, which XFS and btrfs have
    #[arg(long, help_heading = "Update", conflicts_with = "package")]
    pub update: bool,
    /// Change OUT where it is: whatever stops that leaves an incomplete image, made whole by the next update
    #[arg(long, help_heading = "Update", requires = "update")]
    pub in_place: bool,
    /// Write OUT.plan for a later --update, which leaves one anyway
    #[arg(long, help_heading = "Update", conflicts_with = "package")]
    pub save_plan: bool,
    /// Write OUT.bmap, a block map for bmaptool: of all that is there, or with --update of what changed. For raw and
    /// raw-fixed
    #[arg(long, help_heading = "Update", conflicts_with = "package")]
    pub bmap: bool,
}

impl UpdateArgs {
    /// Whether any of it was asked for.
    pub fn is_asked(&self) -> bool {
        self.update || self.save_plan || self.bmap
    }
}
