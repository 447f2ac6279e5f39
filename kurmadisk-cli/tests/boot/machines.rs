//! Machines, of which a few run at a time.

use std::path::Path;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use kurmadisk_fixtures::qemu::{Drive, Firmware, Interface, Machine, QemuError};

/// Emulated machines at a time: each takes a processor, whatever the number of tests.
const MACHINES: usize = 2;
/// An emulated Debian takes a minute to its prompt on an idle processor.
const DEADLINE: Duration = Duration::from_mins(7);

static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// A place among the running machines, given back when dropped.
pub struct Turn;

impl Turn {
    pub fn take() -> Self {
        let running = RUNNING.lock().expect("nothing panics with the lock held");
        let mut running = ENDED
            .wait_while(running, |running| *running >= MACHINES)
            .expect("nothing panics with the lock held");
        *running += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().expect("nothing panics with the lock held") -= 1;
        ENDED.notify_one();
    }
}

/// A machine with this image, in QEMU's name for its format.
pub fn machine(image: &Path, format: &str, interface: Interface, firmware: Firmware) -> Machine {
    Machine::new(firmware)
        .drive(Drive::new(image, format, interface))
        .deadline(DEADLINE)
}

#[track_caller]
pub fn went<T>(outcome: Result<T, QemuError>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
