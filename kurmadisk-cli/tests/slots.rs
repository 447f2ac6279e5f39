//! The story of an update: a bad slot B, a good one, and power cuts, in machines that run Debian's kernel.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{demo_kernel, gpt, json, judged, kurmadisk, labelled};
use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::initramfs::Initramfs;
use kurmadisk_fixtures::oracle;
use kurmadisk_fixtures::qemu::{Drive, Firmware, Interface, Machine};
use serde_json::Value;
use tempfile::TempDir;

/// Timers are checked by counting them, which fails where an emulated processor gets no time.
const CMDLINE: &str = "console=ttyS0 quiet no_timer_check panic=-1";
/// Where on the second disk the initrd lies that is installed, behind the kernel.
const INITRD_AT: usize = 32 << 20;

fn initrd(script: &str, with_kurmadisk: bool) -> Vec<u8> {
    let modules = [
        "virtio_pci",
        "virtio_blk",
        "nls_cp437",
        "nls_ascii",
        "nls_utf8",
        "vfat",
    ];
    let initrd = Initramfs::new(debian_root(), script).modules(&modules);
    let initrd = if with_kurmadisk {
        initrd.program_at(env!("CARGO_BIN_EXE_kurmadisk"))
    } else {
        initrd
    };
    judged(initrd.archive())
}

/// A disk with files of slot A, and what else is needed.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new(kernel: &Path, initrd: &[u8]) -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::write(bench.path("initrd-a"), initrd).unwrap();
        let mut build = kurmadisk(bench.folder.path());
        build.args(["build", "--layout", "kurmaos", "--format", "raw"]);
        build.args(["-o", "disk.raw", "--cmdline", CMDLINE]);
        build.args(["--initrd", "initrd-a", "--kernel"]);
        build.arg(kernel).assert().success();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn disk(&self) -> PathBuf {
        self.path("disk.raw")
    }

    fn machine(&self, firmware: Firmware) -> Machine {
        let drive = Drive::new(self.disk(), "raw", Interface::Virtio);
        Machine::new(firmware).drive(drive.keep_writes())
    }

    #[track_caller]
    fn says(&self, firmware: Firmware, part: &str) {
        let said = self.machine(firmware).run_to_end().unwrap();
        assert!(said.contains(part), "no {part:?} in:\n{said}");
    }

    /// Installs Debian's kernel with this initrd into slot B.
    fn install(&self, initrd: &[u8]) {
        fs::write(self.path("initrd-b"), initrd).unwrap();
        let mut install = kurmadisk(self.folder.path());
        install.args(["slot", "disk.raw", "--slot", "b", "--install"]);
        install.arg(&debian_root().kernel).arg("initrd-b");
        install.assert().success();
        assert_eq!(self.slot('b'), [2, 3, 0]);
        self.is_sound();
    }

    fn is_sound(&self) {
        let esp = labelled(&gpt(&self.disk()), "EFI-SYSTEM").offset();
        judged(oracle::fsck_fat_clean(&self.disk(), esp));
    }

    fn give_up_b(&self) {
        let mut slot = kurmadisk(self.folder.path());
        slot.args(["slot", "disk.raw", "--slot", "b", "--set-tries", "0"]);
        slot.assert().success();
    }

    fn slots(&self) -> Vec<Value> {
        let mut slot = kurmadisk(self.folder.path());
        let shown = json(slot.args(["slot", "disk.raw", "--json"]));
        shown.as_array().unwrap().clone()
    }

    /// Priority, tries and success of a slot.
    fn slot(&self, letter: char) -> [u64; 3] {
        let slots = self.slots();
        let slot = slots
            .iter()
            .find(|slot| slot["letter"] == letter.to_string());
        let slot = slot.unwrap();
        let successful = slot["successful"].as_bool().unwrap();
        [
            slot["priority"].as_u64().unwrap(),
            slot["tries"].as_u64().unwrap(),
            u64::from(successful),
        ]
    }
}

/// Its end makes the kernel panic, and that restarts the machine.
const PANICS: &str = "
echo B ends
";
const GOOD_B: &str = "
until [ -e /dev/vda4 ]; do usleep 100000; done
kurmadisk slot /dev/vda --slot b --mark-successful
echo \"B runs: $(cat /proc/cmdline)\"
poweroff -f
";

fn bad_and_good(firmware: Firmware, good_boots: u32) {
    // It tells what it was given, and turns the machine off.
    let bench = Bench::new(&demo_kernel(), b"initrd of A");
    bench.install(&initrd(PANICS, false));
    for left in [2, 1, 0] {
        bench.says(firmware, "Attempted to kill init");
        assert_eq!(bench.slot('b'), [2, left, 0]);
    }
    let told = format!("command line: {CMDLINE} kurma.booted=PARTLABEL=KURMA-A");
    bench.says(firmware, &told);
    assert_eq!((bench.slot('a'), bench.slot('b')), ([1, 0, 1], [2, 0, 0]));

    bench.install(&initrd(GOOD_B, true));
    for _ in 0..good_boots {
        let told = format!("B runs: {CMDLINE} kurma.booted=PARTLABEL=KURMA-B");
        bench.says(firmware, &told);
        assert_eq!(bench.slot('b'), [2, 2, 1]);
    }
    bench.is_sound();
}

#[test]
fn by_bios_a_bad_slot_is_given_up_and_a_good_one_stays() {
    bad_and_good(Firmware::Bios, 2);
}

#[test]
fn by_uefi_a_bad_slot_is_given_up_and_a_good_one_stays() {
    // That a successful slot is booted again without a try spent is the same code, and shown by BIOS.
    bad_and_good(Firmware::Uefi, 1);
}

/// Installs slot B from the second disk; not while the boot partition is mounted.
const INSTALLS: &str = "
until [ -e /dev/vda4 ] && [ -e /dev/vdb ]; do usleep 100000; done
dd if=/dev/vdb bs=1M count=32 | head -c LENGTH > /k
dd if=/dev/vdb of=/i bs=1M skip=32
mount -t vfat -o ro /dev/vda1 /root
kurmadisk slot /dev/vda --slot b --install /k
umount /root
echo A installs
kurmadisk slot /dev/vda --slot b --install /k /i && echo A has installed
mount -t vfat -o ro /dev/vda1 /root
cmp /root/kurmaos/vmlinuz-b /k && cmp /root/kurmaos/initrd-b /i && echo Linux reads them
poweroff -f
";
const RUNS_B: &str = "
echo B runs
poweroff -f
";

/// A machine whose slot A installs slot B, which runs three times and is not content; then it begins anew. It is
/// started again and again, and its power is cut.
struct Cuts {
    bench: Bench,
    firmware: Firmware,
    /// Numbers of no order, the same at each run.
    random: u64,
}

impl Cuts {
    fn new(firmware: Firmware) -> Self {
        let kernel = &debian_root().kernel;
        let mut files = fs::read(kernel).unwrap();
        let script = INSTALLS.replace("LENGTH", &files.len().to_string());
        let bench = Bench::new(kernel, &initrd(&script, true));
        files.resize(INITRD_AT, 0);
        files.extend(initrd(RUNS_B, false));
        files.resize(files.len().next_multiple_of(1 << 20), 0);
        fs::write(bench.path("files"), files).unwrap();
        Self {
            bench,
            firmware,
            random: 1,
        }
    }

    fn machine(&self) -> Machine {
        let files = Drive::new(self.bench.path("files"), "raw", Interface::Virtio);
        self.bench.machine(self.firmware).drive(files)
    }

    fn below(&mut self, limit: u64) -> Duration {
        self.random = self.random * 48_271 % 0x7fff_ffff;
        Duration::from_millis(self.random % limit)
    }

    /// Cuts the power so long after it is switched on, or after this was said.
    fn cut(&mut self, after: Option<&str>, milliseconds: u64) {
        let moment = self.below(milliseconds);
        let mut running = self.machine().start().unwrap();
        if let Some(said) = after {
            running.wait_for(said).unwrap();
        }
        std::thread::sleep(moment);
        drop(running);
        let slots = self.bench.slots();
        let is_bootable = |slot: &Value| {
            slot["priority"] != 0 && (slot["successful"] == true || slot["tries"] != 0)
        };
        assert!(slots.iter().any(is_bootable), "{slots:?}");
    }

    /// The machine runs to its end, and what it leaves is sound. Whether A ran.
    fn runs(&self) -> bool {
        let said = self.machine().run_to_end().unwrap();
        let installed = said.contains("A has installed");
        assert!(installed || said.contains("B runs"), "{said}");
        judged(oracle::sgdisk_verify(&self.bench.disk()));
        if installed {
            assert!(said.contains("is mounted or in use otherwise"), "{said}");
            assert!(said.contains("Linux reads them"), "{said}");
            assert_eq!(self.bench.slot('b'), [2, 3, 0]);
            self.bench.is_sound();
        }
        installed
    }
}

#[test]
fn power_cuts_while_a_slot_is_installed_leave_a_bootable_disk() {
    let mut cuts = Cuts::new(Firmware::Bios);
    for _ in 0..3 {
        cuts.cut(Some("A installs"), 1_500);
        // A runs again, though the cut may have come when all was done.
        cuts.bench.give_up_b();
    }
    assert!(cuts.runs());
}

#[test]
#[ignore = "cargo xtask boot-matrix"]
fn a_hundred_power_cuts_in_the_story_of_an_update_leave_a_bootable_disk() {
    for (firmware, length) in [(Firmware::Bios, 5_000), (Firmware::Uefi, 9_000)] {
        let mut cuts = Cuts::new(firmware);
        for cut in 0..50 {
            // Every other one while files are written, if A happens to run.
            let after = (cut % 2 == 0 && cuts.bench.slot('b')[1] == 0).then_some("A installs");
            cuts.cut(after, if after.is_some() { 1_500 } else { length });
            if cut % 4 == 3 {
                cuts.runs();
            }
        }
    }
}
