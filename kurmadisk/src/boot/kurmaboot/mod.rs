//! kurmaboot: a boot loader of our own, assembled when an image is made, on any host.
//!
//! It starts a Linux kernel from files on a FAT volume, which an updater may rewrite in place:
//! `/kurmaos/vmlinuz-a`, `/kurmaos/initrd-a` and `/kurmaos/cmdline` of the boot partition. Where the disk has
//! slots, the attributes of their partitions say which one it is (`slots`). [`bios_loader`] is for BIOS
//! machines, [`uefi_loader`] for UEFI firmware; they say what goes wrong on the console. [`uefi_stub`] starts what
//! lies in the sections of its own image, a Unified Kernel Image.
//!
//! `docs/boot.md` tells what an updater may do, and the messages.
//!
//! | file | holds |
//! |---|---|
//! | `asm` | assembling for two processor modes |
//! | `vars` | the variables that both loaders have |
//! | `console` | texts and numbers said |
//! | `gpt` | the partition table read and rewritten |
//! | `slots` | the slot chosen, the command line finished |
//! | `bios` | the loader for BIOS machines |
//! | `uefi` | the loader and the stub for UEFI firmware |

mod asm;
mod bios;
mod console;
mod gpt;
mod slots;
mod uefi;
mod vars;

use iced_x86::IcedError;
use thiserror::Error;

pub(in crate::boot) use bios::OLDEST_PROTOCOL;
pub use bios::{BiosLoader, bios_loader};
pub(in crate::boot) use slots::MAX_APPENDED;
pub use uefi::{uefi_loader, uefi_stub};
pub use vars::MAX_ENTRIES as MAX_GPT_ENTRIES;

asm::labels! {
    /// Routines that both loaders have, or that each has its own of. Each keeps every register but EAX.
    Shared {
        /// The loader's course; entered by a jump. Never returns.
        course,
        /// The same for a disk without slots, with the volume open; entered by a jump. Never returns.
        without_slots,
        /// Of each platform: ends it all. Entered by a jump.
        stop,
        /// Of each platform: opens the volume of the boot files, or says what is wrong and stops.
        open_volume,
        /// Of each platform: boots the slot that was chosen; returns when it said what is wrong.
        boot,
        /// Of each platform: says AL.
        put_char,
        /// Says the text at ESI (RSI in long mode), up to its NUL. Does not keep it.
        print,
        /// Says EAX in decimal.
        put_decimal,
        /// Of each platform: reads ECX blocks from EDX:EAX on to EDI: EAX 0 when that went well.
        read_blocks,
        /// Of each platform: writes ECX blocks from EDI to EDX:EAX on: EAX 0 when that went well.
        write_blocks,
        /// Reads the partition table: EAX says what there is.
        load_table,
        /// Writes both copies of the partition table: EAX 0 when that went well.
        save_table,
        /// CRC-32 of ECX bytes, not 0, at ESI: EAX.
        crc32,
        /// Makes the command line of what was read of its file: EAX is not 0 when it is too long.
        finish_cmdline,
    }
}

/// The loader could not be assembled: a fault of this crate.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KurmabootError {
    /// An instruction has no encoding.
    #[error("the {part} of the boot loader does not assemble; report it")]
    Assemble {
        /// The part of the loader.
        part: &'static str,
        /// What the assembler said.
        #[source]
        source: IcedError,
    },
    /// A part outgrew its place.
    #[error("the {part} of the boot loader is too large; report it")]
    TooLarge {
        /// The part of the loader.
        part: &'static str,
    },
}

impl KurmabootError {
    /// Names the part that did not assemble.
    fn in_part(part: &'static str) -> impl FnOnce(IcedError) -> Self {
        move |source| Self::Assemble { part, source }
    }
}
