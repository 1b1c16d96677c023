//! A memory budget for decoding, shared by all threads.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The default budget, 512 MiB.
pub const DEFAULT_MEMORY: u64 = 512 << 20;

/// Memory shared by threads: each acquires what it is about to need, and waits until that is available.
///
/// Requests are served in order, so that large pictures are not starved by small ones. A request for more than the
/// whole budget waits until no other thread holds any. A thread that holds memory must not wait for more, or two could
/// wait for each other: [`try_grow`](MemoryGuard::try_grow) returns at once, and a thread that is refused must release
/// its memory and request it all.
#[derive(Debug)]
pub struct MemoryBudget {
    total: u64,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    holders: usize,
    /// The number of the next request.
    next: u64,
    /// The number of the request to be served.
    turn: u64,
}

impl MemoryBudget {
    /// Creates a budget of `total` bytes.
    pub fn new(total: u64) -> Self {
        Self { total, state: Mutex::default(), freed: Condvar::new() }
    }

    /// Waits until `bytes` are available, and acquires them until the guard is dropped.
    pub fn acquire(&self, bytes: u64) -> MemoryGuard<'_> {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let fits = |state: &State| {
            state.holders == 0 || state.used.checked_add(bytes).is_some_and(|u| u <= self.total)
        };
        while state.turn != number || !fits(&state) {
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.turn += 1;
        state.used += bytes;
        state.holders += 1;
        let others_wait = state.turn != state.next;
        drop(state);
        if others_wait {
            self.freed.notify_all();
        }
        MemoryGuard { budget: self, bytes }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryBudget {
    /// [`DEFAULT_MEMORY`].
    fn default() -> Self {
        Self::new(DEFAULT_MEMORY)
    }
}

/// Memory acquired from a [`MemoryBudget`]; dropping it releases the memory.
#[derive(Debug)]
#[must_use = "dropping it gives the memory back"]
pub struct MemoryGuard<'a> {
    budget: &'a MemoryBudget,
    bytes: u64,
}

impl MemoryGuard<'_> {
    /// Grows to `bytes` if they are available now or no other thread holds any; returns whether the guard now has as
    /// many.
    pub fn try_grow(&mut self, bytes: u64) -> bool {
        if bytes <= self.bytes {
            return true;
        }
        let more = bytes - self.bytes;
        let mut state = self.budget.state();
        let used = state.used.checked_add(more);
        let fits = used.is_some_and(|used| state.holders == 1 || used <= self.budget.total);
        if fits {
            state.used += more;
            self.bytes = bytes;
        }
        fits
    }
}

impl Drop for MemoryGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        state.used -= self.bytes;
        state.holders -= 1;
        let others_wait = state.turn != state.next;
        drop(state);
        if others_wait {
            self.budget.freed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn threads_together_never_hold_more_than_the_budget_unless_one_is_alone() {
        let budget = MemoryBudget::new(100);
        let held = AtomicU64::new(0);
        thread::scope(|scope| {
            for thread in 0..8_u64 {
                let (budget, held) = (&budget, &held);
                scope.spawn(move || {
                    for i in 0..300 {
                        let bytes = match (thread * 31 + i * 17) % 53 {
                            0 => 1000,
                            1 => u64::MAX,
                            n => n,
                        };
                        let _guard = budget.acquire(bytes);
                        let before = held.fetch_add(bytes.min(1000), Ordering::SeqCst);
                        assert!(before == 0 || before + bytes <= 100, "{before} and {bytes}");
                        thread::yield_now();
                        held.fetch_sub(bytes.min(1000), Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(budget.state().used, 0);
    }

    #[test]
    fn what_is_held_grows_where_there_is_room_or_nobody_else() {
        let budget = MemoryBudget::new(100);
        let mut one = budget.acquire(40);
        assert!(one.try_grow(40) && one.try_grow(10) && one.try_grow(70));
        let mut other = budget.acquire(30);
        assert!(!one.try_grow(71) && !other.try_grow(u64::MAX));
        assert_eq!(budget.state().used, 100);
        drop(other);
        assert!(one.try_grow(100) && one.try_grow(5000) && one.try_grow(u64::MAX));
        drop(one);
        assert_eq!(budget.state().used, 0);
    }

    /// As in reading files: first the file's size is known, and only then the memory for decoding.
    #[test]
    fn threads_that_need_more_than_they_hold_never_wait_for_each_other() {
        let budget = MemoryBudget::new(100);
        let done = AtomicU64::new(0);
        let held = AtomicU64::new(0);
        thread::scope(|scope| {
            for thread in 0..16_u64 {
                let (budget, done, held) = (&budget, &done, &held);
                scope.spawn(move || {
                    for i in 0..200 {
                        let file = 10 + (thread * 7 + i) % 40;
                        let whole = file + (thread * 13 + i * 5) % 90;
                        let mut guard = budget.acquire(file);
                        thread::yield_now();
                        if !guard.try_grow(whole) {
                            drop(guard);
                            guard = budget.acquire(whole);
                        }
                        let before = held.fetch_add(whole, Ordering::SeqCst);
                        assert!(before == 0 || before + whole <= 100, "{before} and {whole}");
                        held.fetch_sub(whole, Ordering::SeqCst);
                        drop(guard);
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!((done.into_inner(), budget.state().used), (16 * 200, 0));
    }

    #[test]
    fn small_pictures_do_not_pass_a_large_one_by() {
        let budget = MemoryBudget::new(10);
        let (sender, order) = mpsc::channel();
        thread::scope(|scope| {
            let first = budget.acquire(5);
            for (name, bytes) in [("large", 20), ("small", 1)] {
                let (budget, sender) = (&budget, sender.clone());
                scope.spawn(move || {
                    let _guard = budget.acquire(bytes);
                    sender.send(name).unwrap();
                });
                while budget.state().next < if name == "large" { 2 } else { 3 } {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            drop(first);
        });
        assert_eq!(order.try_iter().collect::<Vec<_>>(), ["large", "small"]);
    }
}
