//! Names near a misspelt one, for error messages.

/// Up to three of `names` that are near `wrong`, the nearest first, as ` (did you mean a, b?)`;
/// nothing when none is near.
pub(crate) fn hint<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> String {
    let wrong = wrong.to_ascii_lowercase();
    let mut near: Vec<(usize, &str)> = names
        .filter_map(|name| Some((nearness(&wrong, name)?, name)))
        .collect();
    near.sort_unstable();
    near.truncate(3);
    if near.is_empty() {
        return String::new();
    }
    let near: Vec<&str> = near.into_iter().map(|(_, name)| name).collect();
    format!(" (did you mean {}?)", near.join(", "))
}

/// How far `name` is from `wrong`, if it is near at all; less is nearer.
fn nearness(wrong: &str, name: &str) -> Option<usize> {
    let edits = edit_distance(wrong, name);
    if edits <= name.len().max(wrong.len()) / 2 {
        return Some(edits);
    }
    let part = wrong.len() >= 3 && (name.contains(wrong) || wrong.contains(name));
    part.then_some(edits)
}

/// Levenshtein's distance: single-byte insertions, removals and replacements.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
