//! Work in several threads, results in order.

use std::collections::VecDeque;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder, JoinHandle};

/// Threads that are started at most: more would only cost the memory of their jobs.
const MAX_THREADS: usize = 256;

/// Something to be worked on, and what came of it.
pub(crate) trait Job: Send + 'static {
    /// Does the work. What comes of it must depend on the job alone: then it does not depend on the threads.
    fn work(&mut self);
}

/// A queue of jobs that threads work on, and which come back in the order in which they were pushed.
///
/// Memory is bounded by whoever [takes](Self::take) what is ready after each push: there are never more than
/// `2 · threads + 2` jobs then, one in each thread's hands, one waiting for each, and two that the calling thread
/// fills and empties.
pub(crate) struct Ordered<J> {
    /// None when the calling thread does the work by itself.
    threads: Option<Threads<J>>,
    /// Jobs on their way, in order; those that came back.
    pending: VecDeque<Option<J>>,
    /// Number of the first pending job.
    first: usize,
}

/// The other side, and the two ways to and from it.
struct Threads<J> {
    jobs: Option<Sender<(usize, J)>>,
    results: Receiver<Finished<J>>,
    started: Vec<JoinHandle<()>>,
}

type Finished<J> = (usize, thread::Result<J>);

impl<J: Job> Ordered<J> {
    /// A queue for `threads` threads, 256 at most. With one the calling thread does the work: it would only wait.
    pub(crate) fn new(threads: NonZero<usize>) -> Self {
        let threads = match threads.get() {
            1 => None,
            more => Threads::start(more.min(MAX_THREADS)),
        };
        Self {
            threads,
            pending: VecDeque::new(),
            first: 0,
        }
    }

    /// Adds a job.
    pub(crate) fn push(&mut self, mut job: J) {
        match &self.threads {
            None => {
                job.work();
                self.pending.push_back(Some(job));
            }
            Some(threads) => {
                let number = self.first + self.pending.len();
                self.pending.push_back(None);
                threads.send(number, job);
            }
        }
    }

    /// The next job in order if it is done, or if there are as many as there may be: then it is waited for.
    pub(crate) fn take(&mut self) -> Option<J> {
        while let Some(threads) = &self.threads
            && let Some((number, job)) = threads.results.try_recv().ok()
        {
            self.finished(number, job);
        }
        let most = match &self.threads {
            None => 0,
            Some(threads) => threads.started.len() * 2 + 1,
        };
        if self.pending.len() > most {
            return self.wait();
        }
        match self.pending.front() {
            Some(Some(_)) => self.pop(),
            _ => None,
        }
    }

    /// The next job in order, which is waited for; nothing when all were taken.
    pub(crate) fn wait(&mut self) -> Option<J> {
        while let Some(None) = self.pending.front() {
            let threads = self.threads.as_ref()?;
            // The threads end only when `jobs` is dropped; a panic in one comes as its job's result.
            let (number, job) = threads.results.recv().ok()?;
            self.finished(number, job);
        }
        self.pop()
    }

    fn pop(&mut self) -> Option<J> {
        let job = self.pending.pop_front().flatten();
        self.first += usize::from(job.is_some());
        job
    }

    fn finished(&mut self, number: usize, job: thread::Result<J>) {
        match job {
            Ok(job) => self.pending[number - self.first] = Some(job),
            Err(panic) => resume_unwind(panic),
        }
    }
}

impl<J: Job> Threads<J> {
    /// As many as the host lets start; nothing if it is none.
    fn start(wanted: usize) -> Option<Self> {
        let (jobs, waiting) = mpsc::channel();
        let (finished, results) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let started: Vec<_> = (0..wanted)
            .map_while(|_| {
                let (waiting, finished) = (Arc::clone(&waiting), finished.clone());
                Builder::new()
                    .spawn(move || serve(&waiting, &finished))
                    .ok()
            })
            .collect();
        (!started.is_empty()).then_some(Self {
            jobs: Some(jobs),
            results,
            started,
        })
    }

    fn send(&self, number: usize, job: J) {
        if let Some(jobs) = &self.jobs {
            // The threads hold the other end for as long as this one is there.
            let _ = jobs.send((number, job));
        }
    }
}

impl<J> Drop for Threads<J> {
    fn drop(&mut self) {
        // Without it the threads end, each when its job is done.
        self.jobs = None;
        for thread in self.started.drain(..) {
            // A panic of its job came with the job's result.
            let _ = thread.join();
        }
    }
}

fn serve<J: Job>(waiting: &Mutex<Receiver<(usize, J)>>, finished: &Sender<Finished<J>>) {
    loop {
        // The lock is held while waiting, and released before working.
        let next = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok((number, mut job)) = next else { return };
        // A panic must reach the calling thread, which waits for this job.
        let done = catch_unwind(AssertUnwindSafe(|| {
            job.work();
            job
        }));
        if finished.send((number, done)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Square(u64);

    impl Job for Square {
        fn work(&mut self) {
            self.0 *= self.0;
        }
    }

    fn squares(threads: usize, count: u64) -> Vec<u64> {
        let mut queue = Ordered::new(NonZero::new(threads).unwrap());
        let mut got = Vec::new();
        for number in 0..count {
            queue.push(Square(number));
            while let Some(Square(square)) = queue.take() {
                got.push(square);
            }
            assert!(queue.pending.len() < threads.min(MAX_THREADS) * 2 + 2);
        }
        while let Some(Square(square)) = queue.wait() {
            got.push(square);
        }
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
        assert_eq!(squares(usize::MAX, 2000).len(), 2000);
        let queue = Ordered::<Square>::new(NonZero::<usize>::MAX);
        let started = queue.threads.as_ref().unwrap().started.len();
        assert!((1..=MAX_THREADS).contains(&started));
    }

    struct Panics;

    impl Job for Panics {
        fn work(&mut self) {
            panic!("a job");
        }
    }

    #[test]
    fn a_panic_of_a_thread_is_the_callers() {
        for threads in [1, 3] {
            let caught = catch_unwind(|| {
                let mut queue = Ordered::new(NonZero::new(threads).unwrap());
                queue.push(Panics);
                while queue.wait().is_some() {}
            });
            assert!(caught.is_err());
        }
    }

    #[test]
    fn what_is_left_in_the_queue_ends_with_it() {
        for threads in [1, 3] {
            let mut queue = Ordered::new(NonZero::new(threads).unwrap());
            for number in 0..20 {
                queue.push(Square(number));
            }
            drop(queue);
        }
    }
}
