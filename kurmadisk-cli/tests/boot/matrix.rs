//! Every loader, from every kind of container, with both kernels: down to userspace, or to the demonstration kernel's
//! report. `cargo xtask boot-matrix` runs all of it; the tests always run some that have each loader.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::oracle::{self, grub_folder};
use kurmadisk_fixtures::qemu::{Firmware, Interface};
use kurmadisk_fixtures::{demo, qemu::QemuError};

use crate::common::{demo_initrd, demo_kernel, efi_stub, judged, kurmadisk};
use crate::machines::{Turn, machine};

/// What starts the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loader {
    KurmabootBios,
    KurmabootUefi,
    SystemdBoot,
    UkiSystemd,
    UkiKurmaboot,
    GrubBios,
    GrubUefi,
}

/// Those next to each other whose disks are the same are built once.
const LOADERS: [Loader; 7] = [
    Loader::KurmabootBios,
    Loader::KurmabootUefi,
    Loader::SystemdBoot,
    Loader::UkiSystemd,
    Loader::UkiKurmaboot,
    Loader::GrubBios,
    Loader::GrubUefi,
];

impl Loader {
    fn name(self) -> &'static str {
        match self {
            Self::KurmabootBios => "kurmaboot, BIOS",
            Self::KurmabootUefi => "kurmaboot, UEFI",
            Self::SystemdBoot => "systemd-boot",
            Self::UkiSystemd => "UKI, systemd's stub",
            Self::UkiKurmaboot => "UKI, kurmaboot's stub",
            Self::GrubBios => "GRUB, BIOS",
            Self::GrubUefi => "GRUB, UEFI",
        }
    }

    fn firmware(self) -> Firmware {
        match self {
            Self::KurmabootBios | Self::GrubBios => Firmware::Bios,
            _ => Firmware::Uefi,
        }
    }

    /// Options of the command.
    fn options(self) -> Vec<PathBuf> {
        match self {
            Self::KurmabootBios | Self::KurmabootUefi => Vec::new(),
            Self::SystemdBoot => vec![
                "--systemd-boot".into(),
                judged(oracle::SYSTEMD_BOOT.require()).into(),
            ],
            Self::UkiSystemd => vec!["--efi-stub".into(), efi_stub().into()],
            Self::UkiKurmaboot => vec!["--efi-stub".into(), "kurmaboot".into()],
            Self::GrubBios | Self::GrubUefi => vec!["--grub".into(), judged(grub_folder())],
        }
    }

    /// The slot that the kernel is told, by those that know slots.
    fn slot(self) -> Option<&'static str> {
        match self {
            Self::KurmabootBios | Self::KurmabootUefi | Self::GrubBios | Self::GrubUefi => {
                Some("KURMA-A")
            }
            Self::SystemdBoot | Self::UkiSystemd | Self::UkiKurmaboot => None,
        }
    }
}

/// What is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum System {
    /// Debian's kernel with its initramfs and root.
    Debian,
    /// The demonstration kernel.
    Demo,
}

const SYSTEMS: [System; 2] = [System::Demo, System::Debian];

/// Containers, and QEMU's names for them.
const CONTAINERS: [(&str, &str); 6] = [
    ("raw", "raw"),
    ("vdi", "vdi"),
    ("vmdk", "vmdk"),
    ("qcow2", "qcow2"),
    ("vhd", "vpc"),
    ("vhdx", "vhdx"),
];

/// Debian's first program here, which shows where it is and turns the machine off.
const MARKER: &str = "/sbin/kurma-marker";
const MARKER_SCRIPT: &str = "#!/bin/sh
echo \"marker: root $(blkid -o value -s LABEL \"$(findmnt -no SOURCE /)\")\"
echo \"marker: system $(. /etc/os-release; echo $ID)\"
echo \"marker: cmdline $(cat /proc/cmdline)\"
echo marker: end
echo o > /proc/sysrq-trigger
sleep 60
";

impl System {
    fn cmdline(self) -> String {
        match self {
            Self::Debian => {
                format!(
                    "root=LABEL=ROOT rw quiet console=ttyS0 no_timer_check panic=-1 init={MARKER}"
                )
            }
            Self::Demo => "root=LABEL=ROOT console=ttyS0 kurmadisk.demo=1".to_owned(),
        }
    }

    /// Images of this system with this loader, one of each format.
    fn build(self, folder: &Path, loader: Loader, formats: &[&str]) {
        let mut build = kurmadisk(folder);
        build.args([
            "build", "--layout", "kurmaos", "--name", "matrix", "-o", "images/",
        ]);
        build
            .args(["--format", &formats.join(",")])
            .args(loader.options());
        build.args(["--cmdline", &self.cmdline()]);
        match self {
            Self::Debian => {
                let marker = folder.join(format!("overlay{MARKER}"));
                fs::create_dir_all(marker.parent().unwrap()).unwrap();
                fs::write(&marker, MARKER_SCRIPT).unwrap();
                let debian = debian_root();
                build.arg("--kernel").arg(&debian.kernel);
                build.arg("--initrd").arg(&debian.initrd);
                build.arg("--root").arg(&debian.tree);
                build.args(["--root", "overlay", "--keep-directories", "--follow-links"]);
                fs::set_permissions(marker, std::os::unix::fs::PermissionsExt::from_mode(0o755))
                    .unwrap();
            }
            Self::Demo => {
                build.arg("--kernel").arg(demo_kernel());
                build.arg("--initrd").arg(demo_initrd());
            }
        }
        build.assert().success();
    }

    /// Why the report is not that of this system, started by this loader.
    fn fault(self, loader: Loader, report: &str) -> Option<String> {
        let mut expected = match self {
            Self::Debian => vec![
                "marker: root ROOT".to_owned(),
                "marker: system debian".to_owned(),
                "marker: end".to_owned(),
            ],
            Self::Demo => {
                let initrd = fs::read(demo_initrd()).unwrap();
                let (len, crc) = (initrd.len(), crc32fast::hash(&initrd));
                vec![
                    format!("initrd: {len} bytes, CRC-32 {crc:08x}"),
                    demo::DONE.to_owned(),
                ]
            }
        };
        let label = match self {
            Self::Debian => "marker: cmdline ",
            Self::Demo => "command line: ",
        };
        let lines = || report.lines().map(str::trim);
        let slot = loader
            .slot()
            .map(|slot| format!(" kurma.booted=PARTLABEL={slot}"));
        let cmdline = self.cmdline() + &slot.unwrap_or_default();
        // GRUB and systemd-boot put the names of kernel or initrd in front.
        let told = lines().find_map(|line| Some(line.split_once(label)?.1));
        if !told.is_some_and(|told| told == cmdline || told.ends_with(&format!(" {cmdline}"))) {
            return Some(format!("the command line is {told:?}, not {cmdline:?}"));
        }
        expected.retain(|line| !lines().any(|said| said == line));
        let missing = expected.first()?;
        Some(format!("no line {missing:?}"))
    }
}

/// Starts one of the images: nothing, or why it is not well.
fn start(
    folder: &Path,
    loader: Loader,
    system: System,
    format: (&str, &str),
) -> Result<(), String> {
    let image = folder.join(format!("images/matrix.{}", format.0));
    let _turn = Turn::take();
    let machine = machine(&image, format.1, Interface::Virtio, loader.firmware());
    let report = machine
        .run_to_end()
        .map_err(|error: QemuError| error.to_string())?;
    match system.fault(loader, &report) {
        None => Ok(()),
        Some(fault) => Err(format!("{fault} in:\n{report}")),
    }
}

/// One of each loader, with one container and kernel each.
#[track_caller]
fn one(loader: Loader, system: System, format: &str) {
    let folder = tempfile::tempdir().unwrap();
    let container = CONTAINERS.into_iter().find(|(name, _)| *name == format);
    system.build(folder.path(), loader, &[format]);
    if let Err(fault) = start(folder.path(), loader, system, container.unwrap()) {
        panic!("{}: {fault}", loader.name());
    }
}

#[test]
fn kurmaboot_starts_debian_by_bios() {
    one(Loader::KurmabootBios, System::Debian, "vhd");
}

#[test]
fn kurmaboot_starts_by_uefi() {
    one(Loader::KurmabootUefi, System::Demo, "qcow2");
}

#[test]
fn systemd_boot_starts_an_entry() {
    one(Loader::SystemdBoot, System::Demo, "vmdk");
}

#[test]
fn systemds_stub_starts_its_image() {
    one(Loader::UkiSystemd, System::Demo, "vdi");
}

#[test]
fn kurmaboots_stub_starts_debian() {
    one(Loader::UkiKurmaboot, System::Debian, "vhdx");
}

#[test]
fn grub_starts_by_bios() {
    one(Loader::GrubBios, System::Demo, "raw");
}

#[test]
fn grub_starts_by_uefi() {
    one(Loader::GrubUefi, System::Demo, "qcow2");
}

/// All of them, told as a table with the seconds of each.
#[test]
#[ignore = "cargo xtask boot-matrix"]
fn every_loader_starts_every_system_from_every_container() {
    let mut faults = String::new();
    for system in SYSTEMS {
        println!("\n{system:?}");
        print!("{:24}", "");
        for (format, _) in CONTAINERS {
            print!("{format:>16}");
        }
        println!();
        let mut built: Option<(Vec<PathBuf>, tempfile::TempDir)> = None;
        for loader in LOADERS {
            let options = loader.options();
            if built.as_ref().is_none_or(|(of, _)| *of != options) {
                drop(built.take());
                let folder = tempfile::tempdir().unwrap();
                system.build(folder.path(), loader, &CONTAINERS.map(|(name, _)| name));
                built = Some((options, folder));
            }
            let Some((_, folder)) = &built else { continue };
            let mut row = format!("{:24}", loader.name());
            for container in CONTAINERS {
                let begin = Instant::now();
                let outcome = start(folder.path(), loader, system, container);
                let seconds = begin.elapsed().as_secs_f64();
                let word = if outcome.is_ok() { "passed" } else { "FAILED" };
                write!(row, "{:>16}", format!("{word} {seconds:.1} s")).unwrap();
                if let Err(fault) = outcome {
                    writeln!(
                        faults,
                        "{}, {}, {system:?}: {fault}",
                        loader.name(),
                        container.0
                    )
                    .unwrap();
                }
            }
            println!("{row}");
        }
    }
    assert!(faults.is_empty(), "{faults}");
}
