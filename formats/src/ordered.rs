//! Work in several threads, results in order.

use std::collections::VecDeque;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Builder};

/// Threads that are started at most: more would only cost the memory of their jobs.
const MAX_THREADS: usize = 256;

/// How many jobs there are at a time: one in each thread's hands, one waiting for each, and two that
/// the calling thread fills and drains.
fn jobs_at_a_time(threads: usize) -> usize {
    threads * 2 + 2
}

/// Lets `threads` threads (256 at most) work on jobs, and hands the jobs back in the order in which
/// they were made.
///
/// `fill` prepares the next job, or says `false` when there is none; `drain` takes the finished ones,
/// in order. Both run in the calling thread. `worker` makes what works on jobs, once for each thread;
/// what it does must depend on the job alone, then the result does not depend on the threads.
///
/// Memory is bounded: there are never more than [`jobs_at_a_time`] jobs for the threads that the host
/// let start, and they are used again.
pub(crate) fn run<J, W, E>(
    threads: NonZero<usize>,
    worker: impl Fn() -> W + Sync,
    mut fill: impl FnMut(&mut J) -> Result<bool, E>,
    mut drain: impl FnMut(&mut J) -> Result<(), E>,
) -> Result<(), E>
where
    J: Default + Send,
    W: FnMut(&mut J),
{
    let (jobs, waiting) = mpsc::channel::<(usize, J)>();
    let (finished, results) = mpsc::channel();
    let waiting = Mutex::new(waiting);
    thread::scope(|scope| {
        // With one thread the calling one does the work: it would only wait.
        let wanted = match threads.get() {
            1 => 0,
            more => more.min(MAX_THREADS),
        };
        let started = (0..wanted)
            .map_while(|_| {
                let serve = || serve(&waiting, &finished, &worker);
                Builder::new().spawn_scoped(scope, serve).ok()
            })
            .count();
        if started == 0 {
            let (mut job, mut work) = (J::default(), worker());
            while fill(&mut job)? {
                work(&mut job);
                drain(&mut job)?;
            }
            return Ok(());
        }
        // Dropped when this is done or has failed: then the threads end.
        let mut queue = Queue {
            jobs,
            results,
            free: Vec::new(),
            pending: VecDeque::new(),
            first: 0,
        };
        queue.drive(jobs_at_a_time(started), &mut fill, &mut drain)
    })
}

type Finished<J> = (usize, thread::Result<J>);

fn serve<J, W: FnMut(&mut J)>(
    waiting: &Mutex<Receiver<(usize, J)>>,
    finished: &Sender<Finished<J>>,
    worker: &impl Fn() -> W,
) {
    let mut work = None;
    loop {
        // The lock is held while waiting, and released before working.
        let next = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok((number, mut job)) = next else { return };
        // A panic, of making the worker too, must reach the calling thread, which waits for this job.
        let done = catch_unwind(AssertUnwindSafe(|| {
            work.get_or_insert_with(worker)(&mut job);
            job
        }));
        if finished.send((number, done)).is_err() {
            return;
        }
    }
}

/// The calling thread's side.
struct Queue<J> {
    jobs: Sender<(usize, J)>,
    results: Receiver<Finished<J>>,
    /// Drained jobs, to be filled again.
    free: Vec<J>,
    /// Jobs on their way, in order; those that came back.
    pending: VecDeque<Option<J>>,
    /// Number of the first pending job.
    first: usize,
}

impl<J: Default> Queue<J> {
    fn drive<E>(
        &mut self,
        limit: usize,
        fill: &mut impl FnMut(&mut J) -> Result<bool, E>,
        drain: &mut impl FnMut(&mut J) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut more = true;
        loop {
            while more && self.pending.len() < limit {
                let mut job = self.free.pop().unwrap_or_default();
                more = fill(&mut job)?;
                if more {
                    let number = self.first + self.pending.len();
                    self.pending.push_back(None);
                    // The threads hold the other end for as long as `self` lives.
                    let _ = self.jobs.send((number, job));
                }
            }
            if self.pending.is_empty() {
                return Ok(());
            }
            self.receive();
            while let Some(Some(_)) = self.pending.front() {
                if let Some(Some(mut job)) = self.pending.pop_front() {
                    self.first += 1;
                    drain(&mut job)?;
                    self.free.push(job);
                }
            }
        }
    }

    fn receive(&mut self) {
        match self.results.recv() {
            Ok((number, Ok(job))) => self.pending[number - self.first] = Some(job),
            Ok((_, Err(panic))) => resume_unwind(panic),
            Err(_) => unreachable!("`run` keeps a sender"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn squares(threads: usize, count: u64) -> Vec<u64> {
        let mut next = 0;
        let mut got = Vec::new();
        let done: Result<(), ()> = run(
            NonZero::new(threads).unwrap(),
            || |job: &mut u64| *job *= *job,
            |job| {
                *job = next;
                next += 1;
                Ok(*job < count)
            },
            |job| {
                got.push(*job);
                Ok(())
            },
        );
        assert_eq!(done, Ok(()));
        got
    }

    #[test]
    fn results_come_in_order_whatever_the_threads() {
        let expected: Vec<u64> = (0..1000).map(|n| n * n).collect();
        for threads in [1, 2, 3, 16] {
            assert_eq!(squares(threads, 1000), expected);
        }
        assert!(squares(4, 0).is_empty());
    }

    #[test]
    fn any_number_of_threads_can_be_asked_for() {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let worker = || {
            STARTED.fetch_add(1, Ordering::Relaxed);
            |_: &mut u8| ()
        };
        let mut left = 10_000;
        let fill = |_: &mut u8| {
            left -= 1;
            Ok(left > 0)
        };
        let done: Result<(), ()> = run(NonZero::<usize>::MAX, worker, fill, |_| Ok(()));
        assert_eq!(done, Ok(()));
        assert!((1..=MAX_THREADS).contains(&STARTED.load(Ordering::Relaxed)));
    }

    #[test]
    fn a_failure_on_either_side_ends_it() {
        for threads in [1, 3] {
            let threads = NonZero::new(threads).unwrap();
            let mut left = 100;
            let fill = |_: &mut u8| {
                left -= 1;
                if left == 50 { Err("fill") } else { Ok(true) }
            };
            let failed = run(threads, || |_: &mut u8| {}, fill, |_| Ok(()));
            assert_eq!(failed, Err("fill"));
            let failed = run(threads, || |_: &mut u8| {}, |_| Ok(true), |_| Err("drain"));
            assert_eq!(failed, Err("drain"));
        }
    }

    #[test]
    fn a_panic_of_a_thread_is_the_callers() {
        for threads in [1, 3] {
            let caught = catch_unwind(|| {
                let work = || |_: &mut u8| panic!("worker");
                run::<_, _, ()>(
                    NonZero::new(threads).unwrap(),
                    work,
                    |_| Ok(true),
                    |_| Ok(()),
                )
            });
            assert!(caught.is_err());
            let caught = catch_unwind(|| {
                let worker = || -> fn(&mut u8) { panic!("no worker") };
                run::<_, _, ()>(
                    NonZero::new(threads).unwrap(),
                    worker,
                    |_| Ok(true),
                    |_| Ok(()),
                )
            });
            assert!(caught.is_err());
        }
    }
}
