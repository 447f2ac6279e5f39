//! Which of several images is meant.

use super::Select;
use super::error::OciError;
use super::platform::Platform;

/// An image, or several for different platforms, under a name.
#[derive(Clone)]
pub(super) struct Candidate<T> {
    pub(super) names: Vec<String>,
    /// What two that are the same have in common.
    pub(super) id: String,
    pub(super) item: T,
}

/// Whether a candidate is called as asked.
type Test<'t, T> = &'t dyn Fn(&Candidate<T>) -> bool;

/// Those that are called `reference`, or all where it isn't given. Either way they have one name in common, or none.
pub(super) fn by_name<T>(
    candidates: Vec<Candidate<T>>,
    reference: Option<&str>,
) -> Result<Vec<Candidate<T>>, OciError> {
    let candidates = merged(candidates);
    let there = listed(&candidates);
    let chosen = match reference {
        None => candidates,
        Some(reference) => {
            let tests: [Test<'_, T>; 4] = [
                &|each| each.id == reference,
                &|each| each.names.iter().any(|name| name == reference),
                &|each| each.names.iter().any(|name| full(name) == full(reference)),
                &|each| each.names.iter().any(|name| tag(name) == Some(reference)),
            ];
            let found = tests.iter().find(|test| candidates.iter().any(test));
            let Some(found) = found else {
                let reference = reference.to_owned();
                return Err(OciError::NoReference { reference, there });
            };
            candidates.into_iter().filter(found).collect()
        }
    };
    if chosen.windows(2).all(|pair| pair[0].names == pair[1].names) {
        Ok(chosen)
    } else {
        Err(OciError::Several { there })
    }
}

/// What they are called, or else are.
fn listed<T>(candidates: &[Candidate<T>]) -> Vec<String> {
    let names = candidates.iter().flat_map(|candidate| {
        let id = candidate.names.is_empty().then_some(&candidate.id);
        candidate.names.iter().chain(id)
    });
    let mut names: Vec<_> = names.cloned().collect();
    names.sort();
    names.dedup();
    names
}

/// The one for the platform that is asked for, or `linux/amd64` where there are several and none is. None where there
/// is none at all.
pub(super) fn by_platform<T>(
    candidates: Vec<Candidate<T>>,
    select: &Select,
    platform: impl Fn(&T) -> Result<Option<Platform>, OciError>,
) -> Result<Option<T>, OciError> {
    let mut candidates = merged(candidates);
    if candidates.is_empty() || (candidates.len() == 1 && select.platform.is_none()) {
        return Ok(candidates.pop().map(|only| only.item));
    }
    let platforms = candidates.iter().map(|candidate| platform(&candidate.item));
    let platforms = platforms.collect::<Result<Vec<_>, _>>()?;
    let wanted = select.platform.clone();
    let wanted = wanted.unwrap_or_else(Platform::linux_amd64);
    let matching = |test: &dyn Fn(&Platform) -> bool| {
        let all = platforms.iter().enumerate();
        let matching = all.filter(|(_, platform)| platform.as_ref().is_some_and(test));
        matching.map(|(at, _)| at).collect::<Vec<_>>()
    };
    let found = [
        matching(&|platform| platform.is_exactly(&wanted)),
        matching(&|platform| platform.is(&wanted)),
    ];
    if let Some([at]) = found
        .iter()
        .find(|found| !found.is_empty())
        .map(Vec::as_slice)
    {
        return Ok(Some(candidates.swap_remove(*at).item));
    }
    let unknown = || "an unknown platform".to_owned();
    let there = platforms.iter().zip(&candidates);
    let there = there.map(|(platform, candidate)| {
        let shown = platform.as_ref().map_or_else(unknown, ToString::to_string);
        format!("{shown} ({})", candidate.id)
    });
    let there = there.collect();
    Err(match &select.platform {
        Some(_) if found[1].is_empty() => OciError::NoPlatform { wanted, there },
        _ => OciError::Platforms { there },
    })
}

/// What is the same, once, with all its names.
fn merged<T>(candidates: Vec<Candidate<T>>) -> Vec<Candidate<T>> {
    let mut merged: Vec<Candidate<T>> = Vec::new();
    for candidate in candidates {
        match merged.iter_mut().find(|known| known.id == candidate.id) {
            Some(known) => known.names.extend(candidate.names),
            None => merged.push(candidate),
        }
    }
    for candidate in &mut merged {
        candidate.names.sort();
        candidate.names.dedup();
    }
    merged
}

/// The name with all that Docker leaves out of it.
fn full(name: &str) -> String {
    let (first, rest) = name.split_once('/').unwrap_or(("", name));
    let is_host = first.contains(['.', ':']) || first == "localhost";
    let host = if is_host { first } else { "docker.io" };
    let rest = if is_host { rest } else { name };
    let library = if host == "docker.io" && !rest.contains('/') {
        "library/"
    } else {
        ""
    };
    let latest = if tag(rest).is_some() { "" } else { ":latest" };
    format!("{host}/{library}{rest}{latest}")
}

/// What stands behind the colon.
fn tag(name: &str) -> Option<&str> {
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split_once(':').map(|(_, tag)| tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_completed() {
        for (short, long) in [
            ("debian", "docker.io/library/debian:latest"),
            ("debian:12", "docker.io/library/debian:12"),
            ("user/image", "docker.io/user/image:latest"),
            ("localhost/image:1", "localhost/image:1"),
            ("host:5000/image", "host:5000/image:latest"),
            ("ghcr.io/user/image:2", "ghcr.io/user/image:2"),
        ] {
            assert_eq!(full(short), long);
            assert_eq!(full(long), long);
        }
    }
}
