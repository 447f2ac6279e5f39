//! `kurmadisk inspect`.

use std::error::Error;

use crate::args::InspectArgs;

pub fn run(args: &InspectArgs) -> Result<(), Box<dyn Error>> {
    Err(format!("{}: {}", args.image.display(), args.json).into())
}
