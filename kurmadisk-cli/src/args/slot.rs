//! The arguments of `kurmadisk slot`.

use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct SlotArgs {
    /// The image, or a block device; one that is changed is raw
    pub image: PathBuf,
    /// The slot that is changed, by the letter its label ends in
    #[arg(long, value_name = "LETTER", requires = "change")]
    pub slot: Option<char>,
    #[command(flatten)]
    pub change: SlotChange,
    /// Print the slots as JSON
    #[arg(long)]
    pub json: bool,
}

/// What becomes of a slot.
#[derive(Debug, clap::Args)]
#[group(id = "change", multiple = true, requires = "slot")]
pub struct SlotChange {
    /// Put a kernel and its initrd, if it has one, into the boot partition for the slot; then the slot has the highest
    /// priority, three tries and no success yet, unless the other options say otherwise
    #[arg(long, num_args = 1..=2, value_names = ["KERNEL", "INITRD"])]
    pub install: Vec<PathBuf>,
    /// The slot with the highest priority is tried first, one with 0 never; up to 15
    #[arg(long, value_name = "N")]
    pub set_priority: Option<u8>,
    /// How often it is tried, unless it is successful; up to 15
    #[arg(long, value_name = "N")]
    pub set_tries: Option<u8>,
    /// It has worked: its tries don't count any more
    #[arg(long)]
    pub mark_successful: bool,
    /// It has not worked yet: its tries count
    #[arg(long, conflicts_with = "mark_successful")]
    pub clear_successful: bool,
}
