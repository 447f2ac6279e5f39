//! Disks made of our tables and loaders and of other people's FAT, and what is said when they are started.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use kurmadisk::boot::kurmaboot::{BiosLoader, bios_loader, uefi_loader};
use kurmadisk::layout::{
    Attributes, DiskLayout, GptScheme, LayoutRequest, PartitionRequest, PartitionSize,
    PartitionType, SchemeRequest, SectorSize,
};
use kurmadisk::table;
use kurmadisk_fixtures::oracle::{self, GptPartition};
use kurmadisk_fixtures::qemu::{Drive, Firmware, Interface, Machine};
use kurmadisk_fixtures::{demo, oracle::mkfs_fat};
use kurmadisk_formats::map::{DiskMap, Source};
use tempfile::TempDir;
use uuid::Uuid;

pub const COMMAND_LINE: &str = "root=LABEL=ROOT kurma.test=1 ro";
const MIB: u64 = 1 << 20;

/// How the disk is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// A GPT with two slots, whose attributes these are.
    Slots(&'static str, &'static str),
    /// A GPT without slots.
    Gpt,
    /// An MBR with an active boot partition.
    Mbr,
}

/// What a disk is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    pub table: Table,
    pub sector_size: SectorSize,
    /// Length of the boot partition.
    pub boot_mib: u64,
    /// How `mkfs.fat` makes its file system.
    pub fat: Vec<&'static str>,
    /// Files of `/kurmaos`.
    pub files: Vec<(&'static str, Vec<u8>)>,
}

impl Parts {
    /// Kernel, initrd and command line of slot a.
    pub fn new(table: Table) -> Self {
        Self {
            table,
            sector_size: SectorSize::B512,
            boot_mib: 40,
            fat: vec!["-F", "32", "-s", "1"],
            files: vec![
                ("vmlinuz-a", demo::bz_image().unwrap()),
                ("initrd-a", initrd(300_001)),
                ("cmdline", format!("{COMMAND_LINE}\n").into_bytes()),
            ],
        }
    }

    pub fn fat(mut self, boot_mib: u64, options: &[&'static str]) -> Self {
        self.boot_mib = boot_mib;
        self.fat = options.to_vec();
        self
    }

    /// With this file, or without it if there is no content.
    pub fn file(mut self, name: &'static str, content: Option<Vec<u8>>) -> Self {
        self.files.retain(|(other, _)| *other != name);
        self.files.extend(content.map(|content| (name, content)));
        self
    }

    pub fn layout(&self) -> DiskLayout {
        let sectors = |mib: u64| mib * MIB / self.sector_size.bytes();
        let partition = |number: u32, label: &str, kind, mib| PartitionRequest {
            number,
            label: label.to_owned(),
            kind,
            guid: Uuid::from_u128(0xb000 + u128::from(number)),
            first: None,
            size: PartitionSize::Sectors(sectors(mib)),
            attributes: Attributes::NONE,
            active: false,
        };
        let slot = |number, label, attributes: &str| PartitionRequest {
            attributes: attributes.parse().unwrap(),
            ..partition(number, label, PartitionType::KURMAOS_SLOT, 1)
        };
        let mut partitions = vec![partition(1, "BOOT", PartitionType::ESP, self.boot_mib)];
        match self.table {
            Table::Mbr => {
                partitions[0] = PartitionRequest {
                    active: true,
                    ..partition(1, "", PartitionType::ESP, self.boot_mib)
                }
            }
            Table::Gpt | Table::Slots(..) => {
                partitions.push(partition(2, "BIOS-BOOT", PartitionType::BIOS_BOOT, 1));
            }
        }
        if let Table::Slots(a, b) = self.table {
            partitions.extend([slot(3, "KURMA-A", a), slot(4, "KURMA-B", b)]);
        }
        let request = LayoutRequest {
            sector_size: self.sector_size,
            scheme: match self.table {
                Table::Mbr => SchemeRequest::Mbr {
                    signature: 0x4b75_726d,
                },
                _ => SchemeRequest::Gpt(GptScheme::new(Uuid::from_u128(0xb0))),
            },
            partition_alignment: sectors(1),
            disk_alignment: sectors(1),
            disk_sectors: None,
            partitions,
        };
        request.arrange().unwrap()
    }

    pub fn build(&self) -> Disk {
        self.build_with(|_, _| ())
    }

    /// The same, with the volume changed before it is put into its place; a folder is there for other files.
    pub fn build_with(&self, change: impl FnOnce(&Path, &Path)) -> Disk {
        let layout = self.layout();
        let folder = TempDir::new().unwrap();
        let disk = Disk { folder, layout };
        let lba = disk.stage2_lba();
        let loader = bios_loader(lba).unwrap();
        let BiosLoader { boot_code, stage2 } = &loader;
        let map = table::build(&disk.layout, Some(boot_code)).unwrap();
        let file = File::create(disk.path()).unwrap();
        file.set_len(map.len()).unwrap();
        write(&file, &map);
        file.write_all_at(stage2, lba * 512).unwrap();
        self.volume(&disk, &file, change);
        disk
    }

    /// The boot partition, made and filled by others' programs.
    fn volume(&self, disk: &Disk, file: &File, change: impl FnOnce(&Path, &Path)) {
        let range = disk.layout.byte_range(&disk.layout.partitions[0]);
        let volume = disk.folder.path().join("volume");
        let size = File::create(&volume).unwrap();
        size.set_len(range.end - range.start).unwrap();
        let sector = self.sector_size.bytes().to_string();
        let options: Vec<_> = self.fat.iter().copied().chain(["-S", &sector]).collect();
        mkfs_fat(&volume, &options).unwrap();
        let volume_arg = volume.to_str().unwrap();
        run(
            "mmd",
            &["-i", volume_arg, "::/kurmaos", "::/EFI", "::/EFI/BOOT"],
        );
        put(
            disk.folder.path(),
            &volume,
            "../EFI/BOOT/BOOTX64.EFI",
            &uefi_loader().unwrap(),
        );
        for (name, content) in &self.files {
            put(disk.folder.path(), &volume, name, content);
        }
        change(disk.folder.path(), &volume);
        copy_data(&File::open(&volume).unwrap(), file, range.start);
        fs::remove_file(volume).unwrap();
    }
}

/// Puts a file into `/kurmaos` of a volume.
pub fn put(folder: &Path, volume: &Path, name: &str, content: &[u8]) {
    let host = folder.join("content");
    fs::write(&host, content).unwrap();
    run(
        "mcopy",
        &[
            "-o",
            "-i",
            volume.to_str().unwrap(),
            host.to_str().unwrap(),
            &format!("::/kurmaos/{name}"),
        ],
    );
}

/// Copies what is not zero.
fn copy_data(from: &File, to: &File, offset: u64) {
    // Compared as a whole: a test's own loops over bytes are not optimised.
    let (mut buffer, zeros) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let len = from.metadata().unwrap().len();
    for start in (0..len).step_by(1 << 20) {
        let part = usize::try_from((len - start).min(1 << 20)).unwrap();
        from.read_exact_at(&mut buffer[..part], start).unwrap();
        if buffer[..part] != zeros[..part] {
            to.write_all_at(&buffer[..part], offset + start).unwrap();
        }
    }
}

fn write(file: &File, map: &DiskMap) {
    for extent in map.extents() {
        let Source::Bytes(bytes) = &extent.source else {
            panic!("a table is bytes in memory")
        };
        file.write_all_at(bytes, extent.start).unwrap();
    }
}

pub fn run(program: &str, arguments: &[&str]) {
    let mut command: Command = oracle::tool(program).unwrap().command().unwrap();
    let output = command.args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
}

/// Content whose every part is different.
pub fn initrd(len: usize) -> Vec<u8> {
    let words = (0..u32::MAX).flat_map(|n| {
        n.wrapping_mul(0x9e37_79b1)
            .rotate_left(n % 31)
            .to_le_bytes()
    });
    words.take(len).collect()
}

/// An image in a folder of its own.
pub struct Disk {
    pub folder: TempDir,
    pub layout: DiskLayout,
}

impl Disk {
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk.raw")
    }

    pub fn stage2_lba(&self) -> u64 {
        let place = self
            .layout
            .partitions
            .iter()
            .find(|p| p.kind == PartitionType::BIOS_BOOT);
        place.map_or(1, |p| p.first.0)
    }

    pub fn drive(&self, interface: Interface) -> Drive {
        let size = u32::try_from(self.layout.sector_size.bytes()).unwrap();
        Drive::new(self.path(), "raw", interface).sector_size(size)
    }

    pub fn machine(&self, firmware: Firmware) -> Machine {
        Machine::new(firmware).drive(self.drive(Interface::Virtio).keep_writes())
    }

    /// Overwrites bytes of the image.
    pub fn patch(&self, offset: u64, bytes: &[u8]) {
        let file = File::options().write(true).open(self.path()).unwrap();
        file.write_all_at(bytes, offset).unwrap();
    }

    /// The slots as sgdisk sees them, once it finds nothing wrong.
    pub fn slots(&self) -> [GptPartition; 2] {
        oracle::sgdisk_verify(&self.path()).unwrap();
        let disk = oracle::sgdisk_print(&self.path()).unwrap();
        [3, 4].map(|number| disk.partition(number).unwrap().clone())
    }
}

/// Which of the lines that are expected were not said, in their order.
#[track_caller]
pub fn said(serial: &str, lines: &[&str]) {
    let mut rest = serial.lines().map(str::trim);
    for line in lines {
        assert!(
            rest.any(|other| other.ends_with(line)),
            "no line {line:?} (in order) in:\n{serial}"
        );
    }
}

/// The demonstration kernel reports that all arrived.
#[track_caller]
pub fn boots(serial: &str, entered: &str, cmdline: &str, initrd: &[u8]) {
    let (len, crc) = (initrd.len(), crc32fast::hash(initrd));
    said(
        serial,
        &[
            &format!("kurmadisk demo: entered by {entered}"),
            &format!("command line: {cmdline}"),
            &format!("initrd: {len} bytes, CRC-32 {crc:08x}"),
            demo::DONE,
        ],
    );
}

/// The sector that begins with this.
pub fn sector_with(disk: &Disk, start: &[u8]) -> u32 {
    let bytes = fs::read(disk.path()).unwrap();
    let found = bytes
        .chunks_exact(512)
        .position(|sector| sector.starts_with(start));
    u32::try_from(found.unwrap()).unwrap()
}

/// Has `SeaBIOS` repeat what is on the screen on the second serial port; and where that is written to.
pub fn with_screen(machine: Machine, folder: &Path) -> (Machine, PathBuf) {
    let (port, screen) = (folder.join("port"), folder.join("screen"));
    fs::write(&port, 0x2f8_u32.to_le_bytes()).unwrap();
    let serial = format!("file:{}", screen.display());
    let setting = format!("name=etc/sercon-port,file={}", port.display());
    let machine = machine.arguments(["-serial", &serial, "-fw_cfg", &setting]);
    (machine, screen)
}

/// Waits until the screen says it.
#[track_caller]
pub fn shows(screen: &Path, line: &str) {
    let said = || String::from_utf8_lossy(&fs::read(screen).unwrap_or_default()).into_owned();
    let end = Instant::now() + Duration::from_mins(1);
    while !said().contains(line) {
        assert!(
            Instant::now() < end,
            "no {line:?} on the screen:\n{}",
            said()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
