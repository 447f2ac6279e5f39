//! What an ELF file says of itself (System V ABI, chapters 4 and 5).

use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::read_at::{ReadAt, SeekReader};
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{Dyn, FileHeader, NoteIterator, ProgramHeader};
use object::{Endianness, ReadCache, ReadRef};
use serde::Deserialize;

/// The longest text of a string table, and the most of them that are looked at.
const LONGEST: u64 = 4096;
const MOST: usize = 4096;

/// The most bytes of a segment that is read whole.
const LARGEST: u64 = 16 << 20;

/// What programs and libraries that can be loaded together have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) is_64: bool,
    pub(super) is_little_endian: bool,
    /// `e_machine`.
    pub(super) number: u16,
}

/// An ELF file.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) machine: Machine,
    /// The loader that runs it (`PT_INTERP`).
    pub(super) interpreter: Option<Vec<u8>>,
    /// `DT_NEEDED`, in their order.
    pub(super) needed: Vec<Vec<u8>>,
    /// `DT_RPATH`, which counts only where there is no `DT_RUNPATH`.
    pub(super) rpath: Option<Vec<u8>>,
    pub(super) runpath: Option<Vec<u8>>,
    pub(super) soname: Option<Vec<u8>>,
    /// `DF_1_NODEFLIB`: the loader's own folders don't count.
    pub(super) no_default: bool,
    /// Libraries that it opens while it runs (`.note.dlopen`), each with names of which one is enough.
    pub(super) opened: Vec<Vec<String>>,
}

/// An ELF file can't be read.
pub(super) type Fault = String;

/// The file in `content`; nothing if it is no ELF file.
pub(super) fn read(content: &DiskMap) -> Result<Option<Object>, Fault> {
    let reader = content.reader();
    let mut start = [0; 6];
    if content.len() < 64 {
        return Ok(None);
    }
    let read = reader.read_exact_at(0, &mut start);
    read.map_err(|error| kurmadisk::formats::error::chain(&error))?;
    if start[..4] != elf::ELFMAG {
        return Ok(None);
    }
    let cache = ReadCache::new(SeekReader::new(reader));
    let object = match start[4] {
        elf::ELFCLASS32 => object_of::<FileHeader32<Endianness>, _>(&cache),
        elf::ELFCLASS64 => object_of::<FileHeader64<Endianness>, _>(&cache),
        other => Err(format!(
            "its class {other} is neither that of 32 nor of 64 bits"
        )),
    };
    object.map(Some)
}

fn fault(error: object::Error) -> Fault {
    error.to_string()
}

fn object_of<'data, E, R>(data: R) -> Result<Object, Fault>
where
    E: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let header = E::parse(data).map_err(fault)?;
    let endian = header.endian().map_err(fault)?;
    let segments = header.program_headers(endian, data).map_err(fault)?;
    let mut object = Object {
        machine: Machine {
            is_64: header.is_type_64(),
            is_little_endian: header.is_little_endian(),
            number: header.e_machine(endian),
        },
        interpreter: None,
        needed: Vec::new(),
        rpath: None,
        runpath: None,
        soname: None,
        no_default: false,
        opened: Vec::new(),
    };
    for segment in segments {
        let is_read = matches!(
            segment.p_type(endian),
            elf::PT_INTERP | elf::PT_DYNAMIC | elf::PT_NOTE
        );
        let len: u64 = segment.p_filesz(endian).into();
        if is_read && len > LARGEST {
            return Err(format!(
                "one of its segments has {len} bytes; of that kind {LARGEST} are read at most"
            ));
        }
        let interpreter = segment.interpreter(endian, data).map_err(fault)?;
        if let Some(interpreter) = interpreter {
            object.interpreter = Some(interpreter.to_vec());
        }
        if let Some(entries) = segment.dynamic(endian, data).map_err(fault)? {
            dynamic::<E, R>(entries, segments, endian, data, &mut object)?;
        }
        // What can't be read of a note names nothing to be taken along.
        if let Ok(Some(notes)) = segment.notes(endian, data) {
            object.opened.extend(opened(notes, endian));
        }
    }
    if object.runpath.is_some() {
        object.rpath = None;
    }
    Ok(object)
}

/// The dynamic section, whose texts lie where `DT_STRTAB` says, as an address in memory.
fn dynamic<'data, E, R>(
    entries: &[E::Dyn],
    segments: &[E::ProgramHeader],
    endian: Endianness,
    data: R,
    object: &mut Object,
) -> Result<(), Fault>
where
    E: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let mut table = None;
    let mut end = None;
    let mut texts = Vec::new();
    for entry in entries {
        let (tag, value): (u64, u64) = (entry.d_tag(endian).into(), entry.d_val(endian).into());
        let Ok(tag) = u32::try_from(tag) else {
            continue;
        };
        match tag {
            elf::DT_NULL => break,
            elf::DT_STRTAB => table = Some(value),
            elf::DT_STRSZ => end = Some(value),
            elf::DT_NEEDED | elf::DT_RPATH | elf::DT_RUNPATH | elf::DT_SONAME => {
                texts.push((tag, value));
            }
            elf::DT_FLAGS_1 => object.no_default = value & u64::from(elf::DF_1_NODEFLIB) != 0,
            _ => {}
        }
    }
    if texts.len() > MOST {
        return Err(format!(
            "it has more than {MOST} names in its dynamic section"
        ));
    }
    if texts.is_empty() {
        return Ok(());
    }
    let (Some(table), Some(len)) = (table, end) else {
        return Err("its dynamic section has names and no table of strings".to_owned());
    };
    let offset = file_offset::<E>(segments, endian, table)
        .ok_or("its table of strings lies in no segment")?;
    for (tag, at) in texts {
        let text = text(data, offset, len, at).ok_or("a name of its dynamic section has no end")?;
        match tag {
            elf::DT_NEEDED => object.needed.push(text),
            elf::DT_RPATH => object.rpath = Some(text),
            elf::DT_RUNPATH => object.runpath = Some(text),
            _ => object.soname = Some(text),
        }
    }
    Ok(())
}

/// Where in the file that lies what is loaded to an address.
fn file_offset<E>(segments: &[E::ProgramHeader], endian: Endianness, address: u64) -> Option<u64>
where
    E: FileHeader<Endian = Endianness>,
{
    segments.iter().find_map(|segment| {
        let start: u64 = segment.p_vaddr(endian).into();
        let len: u64 = segment.p_filesz(endian).into();
        let within = address.checked_sub(start).filter(|within| *within < len)?;
        let is_loaded = segment.p_type(endian) == elf::PT_LOAD;
        let offset: u64 = segment.p_offset(endian).into();
        is_loaded.then(|| offset.checked_add(within))?
    })
}

/// The text at `at` of the table of `len` bytes at `offset`.
fn text<'data>(data: impl ReadRef<'data>, offset: u64, len: u64, at: u64) -> Option<Vec<u8>> {
    let room = len.checked_sub(at)?.min(LONGEST);
    let start = offset.checked_add(at)?;
    let end = start.checked_add(room)?;
    data.read_bytes_at_until(start..end, 0)
        .ok()
        .map(<[u8]>::to_vec)
}

/// The owner of notes on what is opened later, and their type; from systemd's "ELF `dlopen()` metadata".
const DLOPEN_OWNER: &[u8] = b"FDO";
const DLOPEN_TYPE: u32 = 0x407c_0c0a;

/// An entry of such a note.
#[derive(Deserialize)]
struct Opened {
    #[serde(default)]
    soname: Vec<String>,
    #[serde(default)]
    priority: Option<String>,
}

fn opened<E>(mut notes: NoteIterator<'_, E>, endian: Endianness) -> Vec<Vec<String>>
where
    E: FileHeader<Endian = Endianness>,
{
    let mut all = Vec::new();
    while let Ok(Some(note)) = notes.next() {
        if note.name() != DLOPEN_OWNER || note.n_type(endian) != DLOPEN_TYPE {
            continue;
        }
        let text = note.desc();
        let end = text
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(text.len());
        let entries: Vec<Opened> = serde_json::from_slice(&text[..end]).unwrap_or_default();
        // What is only suggested stays out, as packages do it.
        let wanted = entries
            .into_iter()
            .filter(|entry| entry.priority.as_deref() != Some("suggested"));
        all.extend(wanted.map(|entry| entry.soname));
    }
    all
}
