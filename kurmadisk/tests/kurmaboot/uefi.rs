//! The UEFI loader: from every kind of disk.

use kurmadisk::layout::SectorSize;
use kurmadisk_fixtures::qemu::{Firmware, Interface, Machine};

use crate::support::{COMMAND_LINE, Parts, Table, boots, initrd, said};

pub const ENTERED: &str = "UEFI";
const BOOTED_A: &str = "root=LABEL=ROOT kurma.test=1 ro kurma.booted=PARTLABEL=KURMA-A";
const SLOT_A: Table = Table::Slots("priority=1,successful", "");

#[test]
fn a_slot_boots() {
    let disk = Parts::new(SLOT_A).build();
    let serial = disk.machine(Firmware::Uefi).run_to_end().unwrap();
    println!("{serial}");
    said(&serial, &["slot KURMA-A", "starting Linux", "initrd source: LoadFile2"]);
    boots(&serial, ENTERED, BOOTED_A, &initrd(300_001));
}
