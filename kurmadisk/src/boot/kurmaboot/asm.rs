//! Assembling for both processor modes of the loader.
//!
//! What both loaders do (choosing a slot, rewriting the partition table, making the command line) is
//! written once and assembled twice, for 32-bit protected mode and for long mode. Such code computes in
//! 32-bit registers, and all it reads and writes lies below 4 GiB: an address in a 32-bit register means
//! the same in both modes. EBP holds the address of the [`vars`](super::vars) throughout.
//!
//! A routine keeps every register but EAX and those it says; the direction flag is always clear.

use iced_x86::code_asm::{
    AsmMemoryOperand, AsmRegister32, AsmRegister64, CodeAssembler, CodeLabel, dword_ptr, eax, ebp,
    ebx, ecx, edi, edx, esi, ptr, rax, rbx, rcx, rdi, rdx, rsi,
};
use iced_x86::{BlockEncoderOptions, IcedError};

/// What emitting code gives.
pub(super) type Asm<T = ()> = Result<T, IcedError>;

/// The mode of the code being assembled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// 32-bit protected mode.
    Protected,
    /// Long mode.
    Long,
}

/// A register as it is pushed: 32 or 64 bits of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reg {
    Ax,
    Bx,
    Cx,
    Dx,
    Si,
    Di,
}

impl Reg {
    fn both(self) -> (AsmRegister32, AsmRegister64) {
        match self {
            Self::Ax => (eax, rax),
            Self::Bx => (ebx, rbx),
            Self::Cx => (ecx, rcx),
            Self::Dx => (edx, rdx),
            Self::Si => (esi, rsi),
            Self::Di => (edi, rdi),
        }
    }
}

/// Every register but EAX.
pub(super) const ALL: [Reg; 5] = [Reg::Bx, Reg::Cx, Reg::Dx, Reg::Si, Reg::Di];

/// Declares a struct of labels, all of them made at once.
macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$label_doc:meta])* $label:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(in crate::boot::kurmaboot) struct $name {
            $($(#[$label_doc])* pub $label: iced_x86::code_asm::CodeLabel,)*
        }

        impl $name {
            /// New labels, each to be set once.
            pub fn declare(a: &mut iced_x86::code_asm::CodeAssembler) -> Self {
                Self { $($label: a.create_label(),)* }
            }
        }
    };
}
pub(super) use labels;

/// An assembler that knows its mode.
pub(super) struct Emitter {
    /// The assembler, for everything that reads the same in both modes.
    pub a: CodeAssembler,
    mode: Mode,
}

impl Emitter {
    /// An empty program.
    pub fn new(mode: Mode) -> Asm<Self> {
        let a = CodeAssembler::new(match mode {
            Mode::Protected => 32,
            Mode::Long => 64,
        })?;
        Ok(Self { a, mode })
    }

    /// Pushes whole registers in this order.
    pub fn save(&mut self, regs: &[Reg]) -> Asm {
        regs.iter().try_for_each(|reg| {
            let (narrow, wide) = reg.both();
            match self.mode {
                Mode::Protected => self.a.push(narrow),
                Mode::Long => self.a.push(wide),
            }
        })
    }

    /// Pops what [`save`](Self::save) pushed, given the same list.
    pub fn restore(&mut self, regs: &[Reg]) -> Asm {
        regs.iter().rev().try_for_each(|reg| {
            let (narrow, wide) = reg.both();
            match self.mode {
                Mode::Protected => self.a.pop(narrow),
                Mode::Long => self.a.pop(wide),
            }
        })
    }

    /// New labels, each to be set once.
    pub fn labels<const N: usize>(&mut self) -> [CodeLabel; N] {
        std::array::from_fn(|_| self.a.create_label())
    }

    /// A new label, set here.
    pub fn here(&mut self) -> Asm<CodeLabel> {
        here(&mut self.a)
    }

    /// Sets a label declared earlier to here.
    pub fn place(&mut self, label: CodeLabel) -> Asm {
        place(&mut self.a, label)
    }

    /// Sets ESI (RSI in long mode) to the address of `bytes`, which lie in the code.
    pub fn point_at(&mut self, bytes: &[u8]) -> Asm {
        let behind = self.a.create_label();
        match self.mode {
            Mode::Protected => {
                self.a.call(behind)?;
                self.a.db(bytes)?;
                self.place(behind)?;
                self.a.pop(esi)
            }
            Mode::Long => {
                let mut data = self.a.create_label();
                self.a.jmp(behind)?;
                self.a.set_label(&mut data)?;
                self.a.db(bytes)?;
                self.place(behind)?;
                self.a.lea(rsi, ptr(data))
            }
        }
    }

    /// Leaves a routine with this in EAX.
    pub fn answer(&mut self, value: u32) -> Asm {
        self.a.mov(eax, value)?;
        self.a.ret()
    }

    /// The program's machine code for this address, and the addresses of chosen labels in it.
    pub fn finish<const N: usize>(
        mut self,
        address: u64,
        labels: [CodeLabel; N],
    ) -> Asm<(Vec<u8>, [u64; N])> {
        encode(&mut self.a, address, labels)
    }
}

/// A new label, set here.
pub(super) fn here(a: &mut CodeAssembler) -> Asm<CodeLabel> {
    let mut label = a.create_label();
    a.set_label(&mut label)?;
    a.zero_bytes()?;
    Ok(label)
}

/// Sets a label declared earlier to here; several may be set to one place.
pub(super) fn place(a: &mut CodeAssembler, mut label: CodeLabel) -> Asm {
    a.set_label(&mut label)?;
    a.zero_bytes()
}

/// Machine code for this address, and the addresses of chosen labels in it.
pub(super) fn encode<const N: usize>(
    a: &mut CodeAssembler,
    address: u64,
    labels: [CodeLabel; N],
) -> Asm<(Vec<u8>, [u64; N])> {
    let options = BlockEncoderOptions::RETURN_NEW_INSTRUCTION_OFFSETS;
    let result = a.assemble_options(address, options)?;
    let mut addresses = [0; N];
    for (address, label) in addresses.iter_mut().zip(&labels) {
        *address = result.label_ip(label)?;
    }
    Ok((result.inner.code_buffer, addresses))
}

/// A 32-bit variable, by its offset in the [`vars`](super::vars).
pub(super) fn var(offset: u32) -> AsmMemoryOperand {
    dword_ptr(ebp + offset)
}
