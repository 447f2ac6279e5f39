//! `grub.cfg`, which the core image has in its memory disk, and `menu.lst`, by which Xen's loaders find it.

use std::fmt::Write;

use super::{Folder, GPTPRIO, Grub, GrubError, Platform, XEN_PATH};
use crate::boot::MAX_COMMAND_LINE;
use crate::boot::kurmaboot::MAX_APPENDED;

/// Seconds that the menu is shown.
const TIMEOUT: u32 = 1;
/// Kernels and initrds on the boot partition; a slot's letter follows.
const KERNEL: &str = "/kurmaos/vmlinuz-";
const INITRD: &str = "/kurmaos/initrd-";
/// What is on every command line that GRUB makes, with the kernel's path behind it.
const BOOT_IMAGE: &str = "BOOT_IMAGE=";
/// The files of a disk without slots.
const FIRST_LETTER: char = 'a';

/// A slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    label: String,
    letter: char,
    /// Number of its partition.
    partition: u32,
}

impl Slot {
    /// That of a partition with this label: ASCII without spaces, and a letter at its end, which names its files;
    /// none for another one.
    #[must_use]
    pub fn new(label: &str, partition: u32) -> Option<Self> {
        let letter = label
            .chars()
            .next_back()
            .filter(char::is_ascii_alphabetic)?;
        let is_plain = label.chars().all(|char| char.is_ascii_graphic());
        is_plain.then(|| Self {
            label: label.to_owned(),
            letter: letter.to_ascii_lowercase(),
            partition,
        })
    }
}

/// What the menu's entries start.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    title: &'a str,
    /// The parameters of the command line, without quotes.
    parameters: Vec<String>,
}

impl<'a> Entries<'a> {
    /// Entries with this title, for kernels with this command line; with slots, whose names come behind it.
    pub fn new(title: &'a str, cmdline: &str, slots: bool) -> Result<Self, GrubError> {
        // GRUB puts a backslash in front of them, which the kernel takes for itself.
        if let Some(character) = cmdline.chars().find(|char| ['\\', '\''].contains(char)) {
            return Err(GrubError::CommandLine { character });
        }
        let appended = if slots { MAX_APPENDED } else { 0 };
        let len = BOOT_IMAGE.len() + KERNEL.len() + 1 + " ".len() + cmdline.len() + appended;
        if len > MAX_COMMAND_LINE {
            let most = MAX_COMMAND_LINE;
            return Err(GrubError::CommandLineTooLong { len, most });
        }
        let parameters = parameters(cmdline);
        Ok(Self { title, parameters })
    }
}

/// The parameters as the kernel divides them: at spaces, but for those in double quotes, which GRUB puts around a
/// parameter with a space itself.
fn parameters(cmdline: &str) -> Vec<String> {
    let mut quoted = false;
    let words = cmdline.split(|char: char| {
        quoted ^= char == '"';
        !quoted && [' ', '\t'].contains(&char)
    });
    let words = words.filter(|word| !word.is_empty());
    words.map(|word| word.replace('"', "")).collect()
}

/// A text in the quotes in which GRUB's shell changes nothing.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The configuration for this platform's core image.
pub(super) fn text(grub: &Grub, folder: &Folder, entries: &Entries<'_>) -> String {
    let mut text = String::from("# Made with the disk; in the memory disk of GRUB's core image.\n");
    text += &places(grub, folder);
    if folder.platform() == Platform::I386Pc {
        text += SERIAL;
    }
    let _ = writeln!(text, "set timeout={TIMEOUT}");
    if let Some(oem) = grub.oem_partition.map(|number| grub.partition(number)) {
        let _ = write!(
            text,
            "set oem=\"$disk,{oem}\"\n\
             if [ -f \"($oem)/grub.cfg\" ]; then\n  source \"($oem)/grub.cfg\"\nfi\n"
        );
    }
    if grub.slots.is_empty() {
        let title = quoted(entries.title);
        text += &entry(&title, "linux", &FIRST_LETTER.to_string(), "", entries);
        return text;
    }
    if folder.has(GPTPRIO) {
        text += &chosen(grub, entries);
    }
    for slot in &grub.slots {
        let title = quoted(&format!("{} ({})", entries.title, slot.label));
        let id = format!("slot-{}", slot.letter);
        let booted = format!("kurma.booted=PARTLABEL={}", quoted(&slot.label));
        let entry = entry(&title, &id, &slot.letter.to_string(), &booted, entries);
        let kernel = format!("{KERNEL}{}", slot.letter);
        let _ = write!(text, "if [ -f {kernel} ]; then\n{entry}fi\n");
    }
    text
}

/// Finds the boot partition: first where GRUB itself was started from.
fn places(grub: &Grub, folder: &Folder) -> String {
    let (prefix, platform) = (&grub.prefix, folder.platform().name());
    let boot = grub.partition(grub.boot_partition);
    let marker = quoted(&format!("{prefix}/{platform}/moddep.lst"));
    let prefix = quoted(prefix);
    format!(
        "regexp --set=1:disk '^\\(([^,)]*)' \"$cmdpath\"\n\
         search --no-floppy --set=root --hint=\"$disk,{boot}\" --file {marker}\n\
         regexp --set=1:disk '^([^,]*)' \"$root\"\n\
         set prefix=\"($root)\"{prefix}\n"
    )
}

/// The first serial port of a PC beside screen and keyboard; UEFI firmware and Xen have their own console.
const SERIAL: &str = "\
if serial --unit=0 --speed=115200; then
  terminal_input --append serial
  terminal_output --append serial
fi
";

/// An entry that takes the slot which the partition table says, and one of its tries.
fn chosen(grub: &Grub, entries: &Entries<'_>) -> String {
    let mut choice = String::from("  gptprio.next -d slot_device -u slot_uuid\n");
    for slot in &grub.slots {
        let _ = write!(
            choice,
            "  if [ \"$slot_device\" = \"$disk,{}\" ]; then\n    set slot={}\n    set slot_label={}\n  fi\n",
            grub.partition(slot.partition),
            slot.letter,
            quoted(&slot.label)
        );
    }
    let booted = "kurma.booted=PARTLABEL=\"$slot_label\"";
    let entry = entry(&quoted(entries.title), "chosen", "$slot", booted, entries);
    let (head, body) = entry.split_once('\n').unwrap_or_default();
    format!("{head}\n{choice}{body}")
}

fn entry(title: &str, id: &str, letter: &str, booted: &str, entries: &Entries<'_>) -> String {
    let parameters: Vec<String> = entries.parameters.iter().map(|each| quoted(each)).collect();
    let parameters = parameters.join(" ");
    let (kernel, initrd) = (format!("{KERNEL}{letter}"), format!("{INITRD}{letter}"));
    let words = ["linux", &kernel, &parameters, "$linux_append", booted];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    format!(
        "menuentry {title} --id={id} {{\n  {}\n  if [ -f {initrd} ]; then\n    initrd {initrd}\n  fi\n}}\n",
        words.join(" ")
    )
}

/// What Xen's own loaders read: the core image, on the partition of this number.
pub(in crate::boot) fn menu_lst(title: &str, partition: u32) -> String {
    let index = partition.saturating_sub(1);
    format!("timeout 0\ntitle {title}\nroot (hd0,{index})\nkernel {XEN_PATH}\n")
}
