//! Work on a list, shared by several threads.

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Builder};

/// What `work` makes of each `share` items (not zero) of a list, in the order of the list. The calling thread and
/// others, as far as the host has them, take one share after the other: so many `threads` in all.
pub fn in_shares<T: Sync, R: Send>(
    items: &[T],
    share: usize,
    threads: NonZero<usize>,
    work: impl Fn(&[T]) -> R + Sync,
) -> Vec<R> {
    let shares: Vec<_> = items.chunks(share.max(1)).collect();
    let mut made: Vec<_> = shares.iter().map(|_| None).collect();
    fill_in_shares(&mut made, 1, threads, |number, places| {
        let shares = shares[number..].iter();
        for (place, share) in places.iter_mut().zip(shares) {
            *place = Some(work(share));
        }
    });
    // Each has its place.
    made.into_iter().flatten().collect()
}

/// Has `work` done on each `share` items (not zero) of a list, where they are: it is told how many are before them.
/// By threads as of [`in_shares`].
pub fn fill_in_shares<T: Send>(
    items: &mut [T],
    share: usize,
    threads: NonZero<usize>,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    let share = share.max(1);
    let helpers = threads.get().min(items.len().div_ceil(share));
    let shares = Mutex::new(items.chunks_mut(share).enumerate());
    let take = || {
        // Nothing is called while it is held.
        let next = || shares.lock().unwrap_or_else(PoisonError::into_inner).next();
        while let Some((number, items)) = next() {
            work(number * share, items);
        }
    };
    thread::scope(|scope| {
        for _ in 1..helpers {
            // Without helpers the calling thread does it all.
            let _ = Builder::new().spawn_scoped(scope, take);
        }
        take();
    });
}

/// What both give: `other` is called by another thread if the host has one, while `own` is called by this one.
///
/// # Panics
///
/// If one of them does.
pub fn beside<A: Send, B>(other: impl Fn() -> A + Sync, own: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| match Builder::new().spawn_scoped(scope, &other) {
        Ok(thread) => {
            let own = own();
            let other = thread.join();
            let other = other.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (other, own)
        }
        Err(_) => (other(), own()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn each_share_is_worked_on_once_and_in_its_place() {
        let items: Vec<u32> = (0..1000).collect();
        let calls = AtomicUsize::new(0);
        for (share, threads) in [(1, 1), (7, 2), (7, 100), (999, 3), (5000, 2), (0, 2)] {
            let threads = NonZero::new(threads).unwrap();
            calls.store(0, Ordering::Relaxed);
            let made = in_shares(&items, share, threads, |items| {
                calls.fetch_add(1, Ordering::Relaxed);
                items.to_vec()
            });
            assert_eq!(made.len(), items.chunks(share.max(1)).len());
            assert_eq!(calls.load(Ordering::Relaxed), made.len());
            assert_eq!(made.concat(), items);
            let mut filled = vec![0; items.len()];
            fill_in_shares(&mut filled, share, threads, |before, places| {
                let items = &items[before..before + places.len()];
                for (place, item) in places.iter_mut().zip(items) {
                    *place += item;
                }
            });
            assert_eq!(filled, items);
        }
        assert_eq!(beside(|| items.len(), || items[5]), (1000, 5));
        let none: Vec<()> = in_shares(&items[..0], 3, NonZero::<usize>::MIN, |_| ());
        assert!(none.is_empty());
    }
}
