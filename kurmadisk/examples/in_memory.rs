//! A bootable image whose root filesystem is a tree made in memory:
//! `cargo run --package kurmadisk --example in_memory -- demo.vdi`

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;

use kurmadisk::formats::map::DiskMap;
use kurmadisk::tree::{Metadata, Tree};
use kurmadisk::{Builder, ImageFormat};

/// Writes the image to `out`, with the demonstration kernel, which reports on the serial port.
pub fn build(out: &Path) -> Result<(), Box<dyn Error>> {
    let mode = |mode| Metadata {
        mode,
        ..Metadata::default()
    };
    let text = "Made in memory.\n";
    let mut content = DiskMap::new(text.len() as u64);
    content.insert_bytes(0, text)?;
    let mut root = Tree::new(mode(0o755));
    root.place_file(b"/etc/motd", mode(0o644), content)?;

    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/demo");
    let plan = Builder::new("in-memory")
        .layout("kurmaos")
        .kernel(demo.join("bzImage"))
        .initrd(demo.join("initrd"))
        .cmdline("console=ttyS0")
        .root_tree(root)
        .plan()?;
    plan.write(ImageFormat::Vdi, out, &mut |_progress| {
        ControlFlow::Continue(())
    })?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let out = std::env::args_os().nth(1);
    build(Path::new(&out.ok_or("name the image to be written")?))
}
