//! The names that a busybox goes by, read from the program itself.

/// What every busybox says of itself.
const BANNER: &[u8] = b"BusyBox v";

/// The bytes before the first name: its list begins with `[` and `[[`, the only names before the letters.
const BEGIN: &[u8] = b"\0[\0[[\0";

/// A name that most have, by which a list without those two is found.
const ITSELF: &[u8] = b"\0busybox\0";

/// The longest name.
const LONGEST: usize = 32;

/// The names of a busybox: the longest list of texts that ascend; nothing where there is none.
pub(super) fn applets(program: &[u8]) -> Option<Vec<String>> {
    memchr_all(program, BANNER).next()?;
    // A busybox without `[` has a list that begins with some other name, one without `busybox` begins with `[`.
    let starts = memchr_all(program, BEGIN).map(|at| at + 1);
    let starts = starts.chain(memchr_all(program, ITSELF).map(|at| first_of(program, at + 1)));
    let lists = starts.map(|start| list(&program[start..]));
    // The two names of the test alone are in other programs too.
    let has_more =
        |names: &Vec<String>| names.len() > 1 && names.last().is_some_and(|name| name != "[[");
    lists.max_by_key(Vec::len).filter(has_more)
}

fn memchr_all<'a>(bytes: &'a [u8], wanted: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let places = bytes.windows(wanted.len()).enumerate();
    places
        .filter(move |(_, place)| *place == wanted)
        .map(|(at, _)| at)
}

/// The names from the begin of `bytes` on, as long as they ascend.
fn list(bytes: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for text in bytes.split(|byte| *byte == 0) {
        match name(text) {
            Some(name) if names.last().is_none_or(|last| last.as_str() < name) => {
                names.push(name.to_owned());
            }
            _ => break,
        }
    }
    names
}

/// Where the list begins in which a name stands at `at`.
fn first_of(bytes: &[u8], mut at: usize) -> usize {
    loop {
        let before = bytes[..at.saturating_sub(1)]
            .iter()
            .rposition(|byte| *byte == 0);
        let Some(start) = before.map(|nul| nul + 1) else {
            return at;
        };
        let end = bytes[at..]
            .iter()
            .position(|byte| *byte == 0)
            .map_or(bytes.len(), |len| at + len);
        let (this, that) = (name(&bytes[start..at - 1]), name(&bytes[at..end]));
        match (this, that) {
            (Some(this), Some(that)) if this < that => at = start,
            _ => return at,
        }
    }
}

fn name(text: &[u8]) -> Option<&str> {
    let plain =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"[._-+".contains(byte);
    let is_name = (1..=LONGEST).contains(&text.len()) && text.iter().all(plain);
    if is_name {
        std::str::from_utf8(text).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_names_is_found_in_the_program() {
        const BANNER: &[u8] = b"BusyBox v1.36.1 (Debian)\0";
        let names = |list: &[u8]| applets(&[b"\x7fELF\0", BANNER, list].concat());
        let with_test = b"zz\0[\0[[\0ash\0busybox\0cat\0Usage: busybox\0busybox\0";
        assert_eq!(
            names(with_test).unwrap(),
            ["[", "[[", "ash", "busybox", "cat"]
        );
        let without_itself = b"\0[\0[[\0ash\0cat\0\0busybox";
        assert_eq!(names(without_itself).unwrap(), ["[", "[[", "ash", "cat"]);
        let without_test = b"zz\0ash\0busybox\0cat\0\0more";
        assert_eq!(names(without_test).unwrap(), ["ash", "busybox", "cat"]);
        assert_eq!(names(b"\0busybox\0"), None);
        assert_eq!(names(b"\0[\0[[\0\0"), None);
        assert_eq!(applets(with_test), None);
    }
}
