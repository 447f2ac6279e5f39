//! Work on a list, shared by several threads.

use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder};

/// What `work` makes of each `share` items (not zero) of a list, in the order of the list. The calling thread and
/// others, as far as the host has them, take one share after the other: so many `threads` in all.
pub fn in_shares<T: Sync, R: Send + Sync>(
    items: &[T],
    share: usize,
    threads: NonZero<usize>,
    work: impl Fn(&[T]) -> R + Sync,
) -> Vec<R> {
    let shares: Vec<_> = items
        .chunks(share.max(1))
        .map(|items| (items, OnceLock::new()))
        .collect();
    let next = AtomicUsize::new(0);
    let take = || {
        while let Some((items, made)) = shares.get(next.fetch_add(1, Ordering::Relaxed)) {
            made.get_or_init(|| work(items));
        }
    };
    let helpers = threads.get().min(shares.len()).saturating_sub(1);
    thread::scope(|scope| {
        for _ in 0..helpers {
            // Without helpers the calling thread does it all.
            let _ = Builder::new().spawn_scoped(scope, take);
        }
        take();
    });
    let made = shares.into_iter();
    made.map(|(items, made)| made.into_inner().unwrap_or_else(|| work(items)))
        .collect()
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
        }
        assert_eq!(beside(|| items.len(), || items[5]), (1000, 5));
        let none: Vec<()> = in_shares(&items[..0], 3, NonZero::<usize>::MIN, |_| ());
        assert!(none.is_empty());
    }
}
