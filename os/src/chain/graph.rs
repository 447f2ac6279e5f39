//! Steps in an order in which each comes behind what it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use super::error::ChainError;
use super::step::{Outputs, Step};

/// Steps, and the folder that they make.
#[derive(Debug)]
pub struct Graph<'a> {
    /// In such an order that each comes behind what it needs.
    pub(super) steps: Vec<Step<'a>>,
    /// What each step needs, as indices.
    pub(super) needs: Vec<Vec<usize>>,
}

impl<'a> Graph<'a> {
    /// Puts steps in order: each behind what it needs, otherwise as they are given.
    ///
    /// Fails when two have one name or make the same file, and when they need what there is not, or each other.
    pub fn new(steps: Vec<Step<'a>>) -> Result<Self, ChainError> {
        let mut index = BTreeMap::new();
        for (number, step) in steps.iter().enumerate() {
            if index.insert(step.name.as_str(), number).is_some() {
                let name = step.name.clone();
                return Err(ChainError::Twice { name });
            }
        }
        let mut needs = Vec::new();
        for step in &steps {
            let found = step.needs.iter().map(|need| {
                index
                    .get(need.as_str())
                    .copied()
                    .ok_or_else(|| ChainError::UnknownNeed {
                        step: step.name.clone(),
                        need: need.clone(),
                    })
            });
            needs.push(found.collect::<Result<BTreeSet<_>, _>>()?);
        }
        check_outputs(&steps)?;
        let order = order(&steps, &needs)?;
        let mut place = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            place[*old] = new;
        }
        let renumbered = order
            .iter()
            .map(|old| needs[*old].iter().map(|need| place[*need]).collect());
        let needs = renumbered.collect();
        let mut numbered: Vec<_> = steps.into_iter().enumerate().collect();
        numbered.sort_by_key(|(old, _)| place[*old]);
        let steps = numbered.into_iter().map(|(_, step)| step).collect();
        Ok(Self { steps, needs })
    }

    /// The steps' names, each behind what it needs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.name.as_str())
    }

    /// The steps called so, and all that they need; all of them if none is named.
    pub(super) fn closure(&self, wanted: &[String]) -> Result<BTreeSet<usize>, ChainError> {
        if wanted.is_empty() {
            return Ok((0..self.steps.len()).collect());
        }
        let mut pending = Vec::new();
        for name in wanted {
            let found = self.names().position(|step| step == name);
            pending.push(found.ok_or_else(|| ChainError::Unknown {
                name: name.clone(),
                known: self.names().map(str::to_owned).collect(),
            })?);
        }
        let mut closure = BTreeSet::new();
        while let Some(step) = pending.pop() {
            if closure.insert(step) {
                pending.extend(&self.needs[step]);
            }
        }
        Ok(closure)
    }
}

/// The numbers of the steps in order.
fn order(steps: &[Step<'_>], needs: &[BTreeSet<usize>]) -> Result<Vec<usize>, ChainError> {
    let mut order = Vec::new();
    let mut done = vec![false; steps.len()];
    while order.len() < steps.len() {
        let ready = |step: &usize| !done[*step] && needs[*step].iter().all(|need| done[*need]);
        let Some(next) = (0..steps.len()).find(ready) else {
            return Err(cycle(steps, needs, &done));
        };
        done[next] = true;
        order.push(next);
    }
    Ok(order)
}

/// A circle among the steps that are not done: from any of them, to one that it waits for, until one comes again.
fn cycle(steps: &[Step<'_>], needs: &[BTreeSet<usize>], done: &[bool]) -> ChainError {
    let mut way: Vec<usize> = Vec::new();
    let mut at = done.iter().position(|done| !done);
    while let Some(step) = at {
        if let Some(begin) = way.iter().position(|seen| *seen == step) {
            way.drain(..begin);
            way.push(step);
            break;
        }
        way.push(step);
        at = needs[step].iter().copied().find(|need| !done[*need]);
    }
    ChainError::Cycle {
        steps: way
            .into_iter()
            .map(|step| steps[step].name.clone())
            .collect(),
    }
}

/// Whether a path is one below the output folder, and not among what is kept of steps there.
pub(super) fn is_plain(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    let plain = |part| matches!(part, Component::Normal(_));
    !path.is_empty() && !path.starts_with(super::store::KEPT) && parts.all(plain)
}

fn check_outputs(steps: &[Step<'_>]) -> Result<(), ChainError> {
    let mut makers: BTreeMap<&str, &str> = BTreeMap::new();
    for step in steps {
        let Outputs::Files(paths) = &step.outputs else {
            continue;
        };
        for path in paths {
            if !is_plain(path) {
                let (step, path) = (step.name.clone(), path.clone());
                return Err(ChainError::OutputName { step, path });
            }
            let same = makers.iter().find(|(other, _)| {
                Path::new(other).starts_with(path) || Path::new(path).starts_with(other)
            });
            if let Some((_, first)) = same {
                return Err(ChainError::SameOutput {
                    first: (*first).to_owned(),
                    second: step.name.clone(),
                    path: path.clone(),
                });
            }
            makers.insert(path, &step.name);
        }
    }
    Ok(())
}
