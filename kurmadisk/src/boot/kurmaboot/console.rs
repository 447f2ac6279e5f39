//! What the loader says: texts and numbers, character by character.

use iced_x86::code_asm::{al, eax, ebx, ecx, edx};

use super::Shared;
use super::asm::{Asm, Emitter, Reg};

/// What every line begins with.
const PREFIX: &str = "kurmaboot: ";

/// What is said of a command line that the kernel would cut.
pub(super) const TOO_LONG: &str = "/kurmaos/cmdline is too long for the kernel";

/// Says a text. Keeps every register but EAX.
pub(super) fn say(e: &mut Emitter, shared: Shared, text: &str) -> Asm {
    e.save(&[Reg::Si])?;
    e.point_at(&[text.as_bytes(), &[0]].concat())?;
    e.a.call(shared.print)?;
    e.restore(&[Reg::Si])
}

/// Says a line of its own. Keeps every register but EAX.
pub(super) fn say_line(e: &mut Emitter, shared: Shared, text: &str) -> Asm {
    say(e, shared, &format!("{PREFIX}{text}\r\n"))
}

/// Begins a line. Keeps every register but EAX.
pub(super) fn say_begin(e: &mut Emitter, shared: Shared, text: &str) -> Asm {
    say(e, shared, &format!("{PREFIX}{text}"))
}

/// Emits the routines.
pub(super) fn emit(e: &mut Emitter, shared: Shared) -> Asm {
    print(e, shared)?;
    put_decimal(e, shared)
}

/// The text at ESI (RSI in long mode), up to its NUL. Keeps no ESI.
fn print(e: &mut Emitter, shared: Shared) -> Asm {
    let end = e.a.create_label();
    e.place(shared.print)?;
    let next = e.here()?;
    e.a.lodsb()?;
    e.a.test(al, al)?;
    e.a.jz(end)?;
    e.a.call(shared.put_char)?;
    e.a.jmp(next)?;
    e.place(end)?;
    e.a.ret()
}

/// The number in EAX.
fn put_decimal(e: &mut Emitter, shared: Shared) -> Asm {
    const KEPT: [Reg; 3] = [Reg::Bx, Reg::Cx, Reg::Dx];
    e.place(shared.put_decimal)?;
    e.save(&KEPT)?;
    e.a.xor(ecx, ecx)?;
    e.a.mov(ebx, 10)?;
    let divide = e.here()?;
    e.a.xor(edx, edx)?;
    e.a.div(ebx)?;
    e.save(&[Reg::Dx])?;
    e.a.inc(ecx)?;
    e.a.test(eax, eax)?;
    e.a.jnz(divide)?;
    let digit = e.here()?;
    e.restore(&[Reg::Ax])?;
    e.a.add(al, u32::from(b'0'))?;
    e.a.call(shared.put_char)?;
    e.a.dec(ecx)?;
    e.a.jnz(digit)?;
    e.restore(&KEPT)?;
    e.a.ret()
}
