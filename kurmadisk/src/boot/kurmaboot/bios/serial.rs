//! The first serial port: 115200 baud, 8 data bits, no parity, 1 stop bit. For 16-bit and 32-bit code.

use iced_x86::code_asm::{CodeAssembler, al, ax, cx, dx};

use super::super::asm::{Asm, here, place};

/// First port of the first serial port, a 16550 or like one, and its registers.
const COM1: u32 = 0x3f8;
const INTERRUPT_ENABLE: u32 = COM1 + 1;
const FIFO_CONTROL: u32 = COM1 + 2;
const LINE_CONTROL: u32 = COM1 + 3;
const MODEM_CONTROL: u32 = COM1 + 4;
const LINE_STATUS: u32 = COM1 + 5;
/// Line status: room for a character. An absent port reads as all ones.
const TRANSMITTER_READY: u32 = 0x20;

const SETUP: [(u32, u32); 7] = [
    (INTERRUPT_ENABLE, 0x00),
    // The divisor of the 115200 Hz clock, low and high byte, is behind the latch.
    (LINE_CONTROL, 0x80),
    (COM1, 1),
    (INTERRUPT_ENABLE, 0),
    (LINE_CONTROL, 0x03),
    (FIFO_CONTROL, 0xc7),
    (MODEM_CONTROL, 0x03),
];

/// Sets the port up. Clobbers AL and DX.
pub(super) fn init(a: &mut CodeAssembler) -> Asm {
    for (port, value) in SETUP {
        a.mov(dx, port)?;
        a.mov(al, value)?;
        a.out(dx, al)?;
    }
    Ok(())
}

/// Sends AL, or drops it when the port is not ready in time. Clobbers CX and DX.
pub(super) fn put_char(a: &mut CodeAssembler) -> Asm {
    let ready = a.create_label();
    a.push(ax)?;
    a.mov(dx, LINE_STATUS)?;
    a.xor(cx, cx)?;
    let wait = here(a)?;
    a.in_(al, dx)?;
    a.test(al, TRANSMITTER_READY)?;
    a.jnz(ready)?;
    a.dec(cx)?;
    a.jnz(wait)?;
    place(a, ready)?;
    a.pop(ax)?;
    a.mov(dx, COM1)?;
    a.out(dx, al)
}
