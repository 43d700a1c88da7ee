//! shuttle's locks behind the names and signatures of `parking_lot`. No lock is poisoned, as none of theirs is.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::time::Duration;

use shuttle::sync;

thread_local! {
    /// The control: nobody is woken.
    static IS_MUTE: Cell<bool> = const { Cell::new(false) };
}

/// Whether those who wait are woken. shuttle has every thread of an execution on the one that asks here.
pub fn mute(is_mute: bool) {
    IS_MUTE.set(is_mute);
}

#[derive(Default)]
pub struct Mutex<T>(sync::Mutex<T>);

pub struct MutexGuard<'a, T> {
    mutex: &'a sync::Mutex<T>,
    held: Option<sync::MutexGuard<'a, T>>,
}

/// A guard of a part of what is locked.
pub struct MappedMutexGuard<'a, U>(Box<dyn Part<U> + 'a>);

trait Part<U> {
    fn get(&self) -> &U;
    fn get_mut(&mut self) -> &mut U;
}

struct Mapped<'a, T, U> {
    guard: MutexGuard<'a, T>,
    map: fn(&mut T) -> &mut U,
    /// `Deref` has no `&mut`: the part is found again through a pointer that `map` gave.
    part: *mut U,
}

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { mutex: &self.0, held: Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)) }
    }

    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let held = match self.0.try_lock() {
            Err(sync::TryLockError::WouldBlock) => return None,
            Err(sync::TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Ok(held) => held,
        };
        Some(MutexGuard { mutex: &self.0, held: Some(held) })
    }

    /// Waits for as long as it takes: a schedule has no clock.
    pub fn try_lock_for(&self, _: Duration) -> Option<MutexGuard<'_, T>> {
        Some(self.lock())
    }
}

impl<'a, T> MutexGuard<'a, T> {
    /// Gives the lock back for as long as `f` runs.
    pub fn unlocked<U>(this: &mut Self, f: impl FnOnce() -> U) -> U {
        this.held = None;
        let value = f();
        this.held = Some(this.mutex.lock().unwrap_or_else(PoisonError::into_inner));
        value
    }

    pub fn map<U: 'a>(mut this: Self, map: fn(&mut T) -> &mut U) -> MappedMutexGuard<'a, U> {
        let part = std::ptr::from_mut(map(&mut this));
        MappedMutexGuard(Box::new(Mapped { guard: this, map, part }))
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held.as_ref().expect("only a wait gives it back")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("only a wait gives it back")
    }
}

impl<T, U> Part<U> for Mapped<'_, T, U> {
    fn get(&self) -> &U {
        // SAFETY: it points into what the guard holds locked, and nobody else has a reference to that.
        unsafe { &*self.part }
    }

    fn get_mut(&mut self) -> &mut U {
        (self.map)(&mut self.guard)
    }
}

impl<U> Deref for MappedMutexGuard<'_, U> {
    type Target = U;

    fn deref(&self) -> &U {
        self.0.get()
    }
}

impl<U> DerefMut for MappedMutexGuard<'_, U> {
    fn deref_mut(&mut self) -> &mut U {
        self.0.get_mut()
    }
}

#[derive(Default)]
pub struct RwLock<T>(sync::RwLock<T>);

impl<T> RwLock<T> {
    pub fn new(value: T) -> Self {
        Self(sync::RwLock::new(value))
    }

    pub fn read(&self) -> sync::RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn write(&self) -> sync::RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
pub struct Condvar(sync::Condvar);

pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn notify_one(&self) {
        if !IS_MUTE.get() {
            self.0.notify_one();
        }
    }

    pub fn notify_all(&self) {
        if !IS_MUTE.get() {
            self.0.notify_all();
        }
    }

    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        guard.held = guard.held.take().map(|held| self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    pub fn wait_while<T>(&self, guard: &mut MutexGuard<'_, T>, mut condition: impl FnMut(&mut T) -> bool) {
        while condition(&mut **guard) {
            self.wait(guard);
        }
    }

    /// Lets others run, and is over: a schedule has no clock.
    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _: Duration) -> WaitTimeoutResult {
        MutexGuard::unlocked(guard, shuttle::thread::yield_now);
        WaitTimeoutResult(true)
    }
}
