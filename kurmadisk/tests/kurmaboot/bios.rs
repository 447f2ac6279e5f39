//! The BIOS loader.

use kurmadisk_fixtures::qemu::Firmware;

use crate::support::{COMMAND_LINE, Parts, Table, initrd, report, said};

#[test]
fn a_slot_boots() {
    let disk = Parts::new(Table::Slots("priority=1,successful", "")).build();
    let serial = disk.machine(Firmware::Bios).run_to_end().unwrap();
    let cmdline = format!("{COMMAND_LINE} kurma.booted=PARTLABEL=KURMA-A");
    let report = report("the boot protocol, 32-bit", &cmdline, &initrd(300_001));
    let lines: Vec<_> = report.iter().map(String::as_str).collect();
    println!("{serial}");
    said(&serial, &lines);
}
