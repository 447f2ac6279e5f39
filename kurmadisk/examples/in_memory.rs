//! A bootable image whose root filesystem is a tree made in memory:
//! `cargo run -p kurmadisk --example in_memory -- fixtures/demo/bzImage fixtures/demo/initrd demo.vdi`

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;

use kurmadisk::formats::map::DiskMap;
use kurmadisk::tree::{Metadata, Tree};
use kurmadisk::{Builder, ImageFormat};

/// Writes the image to `out`.
pub fn build(kernel: &Path, initrd: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let mode = |mode| Metadata {
        mode,
        ..Metadata::default()
    };
    let text = "Made in memory.\n";
    let mut content = DiskMap::new(text.len() as u64);
    content.insert_bytes(0, text)?;
    let mut root = Tree::new(mode(0o755));
    root.place_file(b"/etc/motd", mode(0o644), content)?;

    let plan = Builder::new("in-memory")
        .layout("kurmaos")
        .kernel(kernel)
        .initrd(initrd)
        .cmdline("console=ttyS0")
        .root_tree(root)
        .plan()?;
    plan.write(ImageFormat::Vdi, out, &mut |_progress| {
        ControlFlow::Continue(())
    })?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<_> = std::env::args_os().skip(1).collect();
    let [kernel, initrd, out] = &paths[..] else {
        return Err("usage: in_memory KERNEL INITRD IMAGE".into());
    };
    build(Path::new(kernel), Path::new(initrd), Path::new(out))
}
