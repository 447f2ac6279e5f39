//! Where loaders look for libraries: names with variables in them, and folders that are built in.

use super::super::sysroot::split;
use super::object::Machine;

/// What glibc's loader has built in where that can't be found in it.
const USUAL: [&[u8]; 4] = [b"/lib64", b"/usr/lib64", b"/lib", b"/usr/lib"];

/// What musl's loader has built in.
pub(super) const MUSL: &[u8] = b"/lib:/usr/local/lib:/usr/lib";

/// The name of a machine in the paths of Debian's libraries, and in `$PLATFORM`.
fn names(machine: Machine) -> (&'static str, &'static str) {
    use object::elf;
    match (machine.number, machine.is_64, machine.is_little_endian) {
        (elf::EM_X86_64, true, _) => ("x86_64-linux-gnu", "x86_64"),
        (elf::EM_X86_64, false, _) => ("x86_64-linux-gnux32", "x86_64"),
        (elf::EM_386, ..) => ("i386-linux-gnu", "i686"),
        (elf::EM_AARCH64, ..) => ("aarch64-linux-gnu", "aarch64"),
        (elf::EM_ARM, ..) => ("arm-linux-gnueabihf", "v7l"),
        (elf::EM_RISCV, ..) => ("riscv64-linux-gnu", "riscv64"),
        (elf::EM_PPC64, _, true) => ("powerpc64le-linux-gnu", "power8"),
        (elf::EM_S390, ..) => ("s390x-linux-gnu", "z900"),
        _ => ("", ""),
    }
}

/// The folders that glibc's loader has built in, as they stand in it: texts that end with a slash, one behind the other.
pub(super) fn built_in(loader: &[u8], machine: Machine) -> Vec<Vec<u8>> {
    let mut best: Vec<&[u8]> = Vec::new();
    let mut run: Vec<&[u8]> = Vec::new();
    for text in loader.split(|byte| *byte == 0) {
        if is_folder(text) {
            run.push(text);
        } else {
            if run.len() > best.len() {
                best.clone_from(&run);
            }
            run.clear();
        }
    }
    if best.len() >= 2 {
        let without_slash = best.iter().map(|text| text[..text.len() - 1].to_vec());
        return without_slash.collect();
    }
    let (triplet, _) = names(machine);
    let own = ["/lib/", "/usr/lib/"].map(|folder| [folder.as_bytes(), triplet.as_bytes()].concat());
    let own = own.into_iter().filter(|_| !triplet.is_empty());
    own.chain(USUAL.map(<[u8]>::to_vec)).collect()
}

/// `/lib/`, `/usr/lib64/`, `/usr/lib/x86_64-linux-gnu/` and the like. The first of them may have other bytes before it.
fn is_folder(text: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/_-.+".contains(byte);
    let starts = [&b"/lib"[..], b"/usr/lib", b"/usr/local/lib"];
    text.len() > 4
        && text.ends_with(b"/")
        && starts.iter().any(|start| text.starts_with(start))
        && text.iter().all(plain)
}

/// A path of a list, or a name with a slash in it, with its variables replaced (`ld.so(8)`, "Dynamic string tokens"):
/// more than one where `$LIB` could mean several folders.
pub(super) fn expand(text: &[u8], object: &[u8], machine: Machine) -> Vec<Vec<u8>> {
    let (triplet, platform) = names(machine);
    let origin = [b"/", split(object).0].concat();
    let own = format!("lib/{triplet}");
    let libs: [&[u8]; 3] = [own.as_bytes(), b"lib64", b"lib"];
    let known = libs[usize::from(triplet.is_empty())..].iter();
    let mut all: Vec<_> = known
        .map(|lib| {
            replaced(
                text,
                &[
                    ("ORIGIN", &origin),
                    ("LIB", lib),
                    ("PLATFORM", platform.as_bytes()),
                ],
            )
        })
        .collect();
    all.dedup();
    all
}

/// A text with its variables replaced, `$NAME` and `${NAME}` alike; a `$` before anything else stays.
fn replaced(text: &[u8], variables: &[(&str, &[u8])]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.iter().position(|byte| *byte == b'$') {
        all.extend(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        let found = variables.iter().find_map(|(name, value)| {
            let braced = format!("{{{name}}}");
            let behind = rest.strip_prefix(braced.as_bytes());
            let behind = behind.or_else(|| rest.strip_prefix(name.as_bytes()));
            Some((behind?, value))
        });
        match found {
            Some((behind, value)) => {
                all.extend(*value);
                rest = behind;
            }
            None => all.push(b'$'),
        }
    }
    all.extend(rest);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const X86_64: Machine = Machine {
        is_64: true,
        is_little_endian: true,
        number: object::elf::EM_X86_64,
    };

    #[test]
    fn variables_are_replaced() {
        let expand = |text: &str| {
            let all = expand(text.as_bytes(), b"usr/bin/program", X86_64);
            all.into_iter()
                .map(|text| String::from_utf8(text).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(expand("/opt/lib"), ["/opt/lib"]);
        assert_eq!(expand("$ORIGIN/../lib"), ["/usr/bin/../lib"]);
        assert_eq!(expand("${ORIGIN}"), ["/usr/bin"]);
        assert_eq!(expand("$ORIGIN$$X/$"), ["/usr/bin$$X/$"]);
        assert_eq!(
            expand("/opt/$LIB/$PLATFORM"),
            [
                "/opt/lib/x86_64-linux-gnu/x86_64",
                "/opt/lib64/x86_64",
                "/opt/lib/x86_64"
            ]
        );
    }

    #[test]
    fn the_folders_of_a_loader_are_found_in_it() {
        let loader = b"\x7fELF\0/lib/\0x\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0/etc/ld.so.cache\0";
        let found = built_in(loader, X86_64);
        let expected: [&[u8]; 4] = [
            b"/lib/x86_64-linux-gnu",
            b"/usr/lib/x86_64-linux-gnu",
            b"/lib",
            b"/usr/lib",
        ];
        assert_eq!(found, expected);
        assert!(built_in(b"nothing", X86_64).contains(&b"/lib64".to_vec()));
    }
}
