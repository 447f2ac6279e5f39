//! `--grub` and `--grub-config`.

use kurmadisk_fixtures::oracle;

use crate::Bench;
use crate::common::{demo_kernel, json, judged};

fn bench() -> Bench {
    let bench = Bench::new();
    let kernel = demo_kernel();
    let config = format!("layout = \"kurmaos\"\nkernel = \"{}\"\n", kernel.display());
    bench.write("kurmadisk.toml", &config);
    bench
}

#[test]
fn a_plan_tells_that_grub_starts_the_disk() {
    let bench = bench();
    let folder = judged(oracle::grub_folder());
    let options = ["plan", "--grub", folder.to_str().unwrap()];
    let output = bench.run(options).assert().success();
    let said = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert!(said.contains("boot: by UEFI GRUB, by BIOS GRUB"), "{said}");
    let plan = json(&mut bench.run(options.into_iter().chain(["--json"])));
    assert_eq!(plan["boot"], "grub");
    assert_eq!(plan["bios-loader"], "grub");
    assert_eq!(plan["boot-by-bios"], true);
}

#[test]
fn options_of_grub_are_named_when_they_are_wrong() {
    let bench = bench();
    bench.write("own.cfg", "set timeout=3\n");
    bench.refuses(
        ["--grub-config", "own.cfg"],
        &["--grub-config: this is for GRUB, and there is none; give its folder"],
    );
    bench.refuses(
        ["--grub", "nowhere"],
        &["--grub: nowhere has no folder i386-pc, x86_64-efi"],
    );
    bench.refuses(["--grub", "tree"], &["--grub: tree has no folder"]);
    let folder = judged(oracle::grub_folder());
    bench.refuses(
        [
            "--grub",
            folder.to_str().unwrap(),
            "--grub-config",
            "own.cfg",
            "-o",
            "own.cfg",
            "--format",
            "raw",
        ],
        &["own.cfg is an input of the image"],
    );
}
