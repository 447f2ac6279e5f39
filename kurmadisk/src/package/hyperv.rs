//! Microsoft Hyper-V: a VHDX and a script that makes a machine of it, zipped.
//!
//! Hyper-V takes no disk whose file has holes on the host: what comes out of a zip archive has none.

use std::fmt::Write as _;

use kurmadisk_formats::image::ImageFormat;

use super::Context;
use super::model::{Member, Package};
use crate::spec::{Firmware, MacAddress, Wrap};

/// What PowerShell 5 knows UTF-8 by.
const BYTE_ORDER_MARK: &str = "\u{FEFF}";

/// The package for `context`.
pub(super) fn package(context: &Context) -> Package {
    let folder = context.folder();
    let name = context.plain_name();
    let disk = format!("{name}.vhdx");
    let mut members = vec![
        Member::text(format!("{folder}/New-{name}.ps1"), script(context, &disk)),
        context.disk(format!("{folder}/{disk}"), ImageFormat::Vhdx),
    ];
    members.extend(context.license(&folder));
    Package::wrapped(context, Wrap::Zip, members)
}

/// The script, with line ends as Windows has them.
fn script(context: &Context, disk: &str) -> String {
    let mut script = Script::default();
    let machine = &context.machine;
    let (name, disk) = (quoted(&machine.name), quoted(disk));
    script.line("# Makes a virtual machine of the disk beside this script. Run it as an administrator of Hyper-V:");
    script.line("# powershell -ExecutionPolicy Bypass -File THIS-SCRIPT");
    script.line("[CmdletBinding()]");
    script.line("param(");
    script.line(format!("    [string] $Name = {name},"));
    script.line("    [string] $SwitchName = 'Default Switch'");
    script.line(")");
    script.line("$ErrorActionPreference = 'Stop'");
    script.line(format!(
        "$disk = Join-Path -Path $PSScriptRoot -ChildPath {disk}"
    ));
    let generation = match machine.firmware {
        Firmware::Bios => 1,
        Firmware::Efi => 2,
    };
    script.line(format!(
        "$vm = New-VM -Name $Name -Generation {generation} -MemoryStartupBytes {}MB -VHDPath $disk",
        machine.memory
    ));
    script.line("Set-VMMemory -VM $vm -DynamicMemoryEnabled $false");
    script.line(format!("Set-VMProcessor -VM $vm -Count {}", machine.cpus));
    if machine.firmware == Firmware::Efi {
        script.line("Set-VMFirmware -VM $vm -EnableSecureBoot Off");
    }
    script.line("Get-VMNetworkAdapter -VM $vm | Remove-VMNetworkAdapter");
    for (number, card) in machine.nics.iter().enumerate() {
        let number = number + 1;
        let mac = card
            .mac
            .map(|mac| format!(" -StaticMacAddress '{}'", digits(mac)));
        script.line(format!(
            "Add-VMNetworkAdapter -VM $vm -Name 'Network {number}' -SwitchName $SwitchName{}",
            mac.unwrap_or_default()
        ));
    }
    if machine.serial {
        script.line("Set-VMComPort -VM $vm -Number 1 -Path \"\\\\.\\pipe\\$Name\"");
    }
    if let Some(description) = &machine.description {
        script.line(format!("Set-VM -VM $vm -Notes {}", quoted(description)));
    }
    script.line("$vm");
    script.text
}

/// The lines of a script.
struct Script {
    text: String,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            text: BYTE_ORDER_MARK.to_owned(),
        }
    }
}

impl Script {
    fn line(&mut self, line: impl AsRef<str>) {
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{}\r\n", line.as_ref());
    }
}

/// A text in which PowerShell finds nothing to replace. It takes typographic single quotes for plain ones.
fn quoted(text: &str) -> String {
    let mut quoted = "'".to_owned();
    for c in text.chars() {
        if matches!(c, '\'' | '\u{2018}'..='\u{201B}') {
            quoted.push(c);
        }
        match c {
            '\n' => quoted.push_str("\r\n"),
            c => quoted.push(c),
        }
    }
    quoted + "'"
}

fn digits(mac: MacAddress) -> String {
    data_encoding::HEXUPPER.encode(&mac.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quoted("it's ‘so’\n$x"), "'it''s ‘‘so’’\r\n$x'");
    }
}
