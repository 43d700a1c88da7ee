//! `thread_local` for shuttle's threads, which all run on one thread of the system.

use std::convert::Infallible;
use std::sync::OnceLock;

/// More threads than any test here has.
const THREADS: usize = 32;

/// A value for each of shuttle's threads. Threads of one execution are numbered from 0, and no number is used again.
pub struct ThreadLocal<T>([OnceLock<T>; THREADS]);

// SAFETY: a value is made by the thread of its number and only ever shown to that one, so that no value is shared.
unsafe impl<T: Send> Sync for ThreadLocal<T> {}

impl<T: Send> ThreadLocal<T> {
    pub fn new() -> Self {
        Self(std::array::from_fn(|_| OnceLock::new()))
    }

    pub fn get_or(&self, create: impl FnOnce() -> T) -> &T {
        let Ok(value) = self.get_or_try(|| Ok::<_, Infallible>(create()));
        value
    }

    pub fn get_or_try<E>(&self, create: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        let slot = &self.0[usize::from(shuttle::current::me())];
        if slot.get().is_none() {
            // What creates it may switch threads; no other one has this slot.
            let value = create()?;
            assert!(slot.set(value).is_ok(), "the thread has made its value while it was making it");
        }
        Ok(slot.get().expect("it was set above"))
    }
}

impl<T: Send> Default for ThreadLocal<T> {
    fn default() -> Self {
        Self::new()
    }
}
