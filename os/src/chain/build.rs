//! Running what has to be run, several steps at once.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::error::ChainError;
use super::graph::Graph;
use super::made::Made;
use super::standing::{Digests, blocked, reason};
use super::step::{Context, Step};
use super::store::Store;
use crate::digest::Digest;

/// What happens while steps are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'e> {
    /// A step begins.
    Begins {
        /// Its name.
        step: &'e str,
        /// Why it has to run.
        why: &'e str,
    },
    /// A line of its log.
    Line {
        /// Its name.
        step: &'e str,
        /// The line.
        line: &'e str,
    },
    /// It is done, and so are this many of all.
    Done {
        /// Its name.
        step: &'e str,
        /// How many are done.
        done: usize,
        /// How many there are.
        of: usize,
    },
    /// It has not to run.
    Kept {
        /// Its name.
        step: &'e str,
        /// How many are done.
        done: usize,
        /// How many there are.
        of: usize,
    },
    /// It failed; what runs beside it comes to its end.
    Failed {
        /// Its name.
        step: &'e str,
    },
}

/// What a build did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The steps that ran, in their order.
    pub ran: Vec<String>,
    /// Those that had not to.
    pub kept: Vec<String>,
    /// What all of them made.
    pub made: BTreeMap<String, Made>,
}

/// What the threads share.
#[derive(Default)]
struct State {
    /// Steps whose needs are made.
    ready: BTreeSet<usize>,
    /// Steps that wait.
    waiting: BTreeSet<usize>,
    running: usize,
    made: BTreeMap<usize, Made>,
    ran: BTreeSet<usize>,
    failed: Option<ChainError>,
}

/// One build.
struct Build<'b> {
    graph: &'b Graph<'b>,
    store: Store,
    time: u64,
    of: usize,
    digests: Digests,
    tell: &'b (dyn Fn(Event<'_>) + Sync),
    state: Mutex<State>,
    changed: Condvar,
    placing: Mutex<()>,
}

impl Graph<'_> {
    /// Makes the steps called so and all that they need (all steps if none is named) in the folder `output`, up to `jobs`
    /// at once. All files that are made have the time `time` (seconds since 1970).
    ///
    /// When one fails no other one begins, and what is complete stays: the next build goes on from there.
    pub fn build(
        &self,
        wanted: &[String],
        output: &Path,
        jobs: NonZero<usize>,
        time: u64,
        tell: &(dyn Fn(Event<'_>) + Sync),
    ) -> Result<Summary, ChainError> {
        let closure = self.closure(wanted)?;
        let store = Store::new(output);
        let _lock = store.lock()?;
        let (ready, waiting) = closure
            .iter()
            .partition(|step| self.needs[**step].is_empty());
        let build = Build {
            graph: self,
            store,
            time,
            of: closure.len(),
            digests: Digests::default(),
            tell,
            state: Mutex::new(State {
                ready,
                waiting,
                ..State::default()
            }),
            changed: Condvar::new(),
            placing: Mutex::new(()),
        };
        thread::scope(|scope| {
            for _ in 0..jobs.get().min(closure.len()) {
                scope.spawn(|| build.work());
            }
        });
        let state = build
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = state.failed {
            return Err(error);
        }
        let mut summary = Summary::default();
        for (step, made) in state.made {
            let name = self.steps[step].name.clone();
            let list = if state.ran.contains(&step) {
                &mut summary.ran
            } else {
                &mut summary.kept
            };
            list.push(name.clone());
            summary.made.insert(name, made);
        }
        Ok(summary)
    }
}

impl Build<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one step after the other, until none is left or one failed.
    fn work(&self) {
        while let Some(step) = self.next() {
            let needs = self.graph.made_of(step, &self.state().made);
            let make = || self.make(&self.graph.steps[step], &needs);
            match catch_unwind(AssertUnwindSafe(make)) {
                Ok(result) => self.end(step, result),
                Err(panic) => {
                    // The others must not wait for it.
                    let source = "it panicked".into();
                    let step_name = self.graph.steps[step].name.clone();
                    self.end(
                        step,
                        Err(ChainError::Step {
                            step: step_name,
                            source,
                        }),
                    );
                    resume_unwind(panic);
                }
            }
        }
    }

    /// The next step that can be made; waits until there is one.
    fn next(&self) -> Option<usize> {
        let mut state = self.state();
        loop {
            if state.failed.is_some() {
                return None;
            }
            if let Some(step) = state.ready.pop_first() {
                state.running += 1;
                return Some(step);
            }
            if state.running == 0 {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes how a step ended, and what can be made now.
    fn end(&self, step: usize, result: Result<(Made, bool), ChainError>) {
        let name = self.graph.steps[step].name.as_str();
        let mut state = self.state();
        state.running -= 1;
        match result {
            Ok((made, ran)) => {
                state.made.insert(step, made);
                if ran {
                    state.ran.insert(step);
                }
                let State {
                    made,
                    waiting,
                    ready,
                    ..
                } = &mut *state;
                let is_ready = |step: &usize| {
                    self.graph.needs[*step]
                        .iter()
                        .all(|need| made.contains_key(need))
                };
                let found: Vec<usize> = waiting.iter().copied().filter(is_ready).collect();
                for step in found {
                    waiting.remove(&step);
                    ready.insert(step);
                }
                let (done, of) = (made.len(), self.of);
                (self.tell)(if ran {
                    Event::Done {
                        step: name,
                        done,
                        of,
                    }
                } else {
                    Event::Kept {
                        step: name,
                        done,
                        of,
                    }
                });
            }
            Err(error) => {
                // The first one is told.
                state.failed.get_or_insert(error);
                (self.tell)(Event::Failed { step: name });
            }
        }
        self.changed.notify_all();
    }

    /// Makes a step unless it would do the same again; whether it ran.
    fn make(
        &self,
        step: &Step<'_>,
        needs: &BTreeMap<String, Made>,
    ) -> Result<(Made, bool), ChainError> {
        let name = step.name.as_str();
        if let Some(why) = blocked(step) {
            let step = name.to_owned();
            return Err(ChainError::Blocked { step, why });
        }
        let before = self.store.made(name);
        let inputs = self.digests.inputs(step, needs)?;
        let Some(why) = reason(&self.store, before.as_ref(), &inputs) else {
            return Ok((before.unwrap_or_default(), false));
        };
        (self.tell)(Event::Begins {
            step: name,
            why: &why,
        });
        let made = self.run(step, needs, before.as_ref(), inputs);
        // What it left, whether it is complete or not.
        let ended = self.store.end_work(name);
        let made = made?;
        ended?;
        Ok((made, true))
    }

    /// Runs a step, gives its files their names, and writes down what it made.
    fn run(
        &self,
        step: &Step<'_>,
        needs: &BTreeMap<String, Made>,
        before: Option<&Made>,
        inputs: BTreeMap<String, Digest>,
    ) -> Result<Made, ChainError> {
        let name = step.name.as_str();
        let folder = self.store.begin(name)?;
        let context = Context {
            folder: &folder,
            output: &self.store.folder,
            needs,
            say: &|line| (self.tell)(Event::Line { step: name, line }),
            commands: Mutex::default(),
            versions: Mutex::default(),
        };
        (step.run)(&context).map_err(|source| ChainError::Step {
            step: name.to_owned(),
            source,
        })?;
        let (commands, versions) = (context.commands, context.versions);
        let commands = commands
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let versions = versions
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        // One at a time, so that no two can make the same file.
        let _placing = self.placing.lock().unwrap_or_else(PoisonError::into_inner);
        let owner = |path: &str| self.owner(name, path);
        let outputs = self.store.place(step, before, self.time, &owner)?;
        let made = Made {
            inputs,
            outputs,
            commands,
            versions,
        };
        self.store.keep(name, &made)?;
        Ok(made)
    }

    /// The other step that made a file of this name.
    fn owner(&self, own: &str, path: &str) -> Option<String> {
        let others = self.graph.names().filter(|name| *name != own);
        let mut makers = others.filter(|name| {
            let made = self.store.made(name);
            made.is_some_and(|made| made.outputs.contains_key(path))
        });
        makers.next().map(str::to_owned)
    }
}
