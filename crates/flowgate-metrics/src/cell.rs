//! Memory that is written by one thread and read by all.
//!
//! Every value has one shared cell, which anybody may add to, and one local cell for each
//! [`Shard`] that asks for one. A local cell has one writer, so that adding is a load and a store
//! without a locked instruction, and lies on a cache line of its own, so that no other writer ever
//! takes that line away. A reader adds all of them up.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// One thread's share of every metric: what hot paths count with.
///
/// Made by [`Registry::shard`](crate::Registry::shard), and asked for local handles: a
/// [`LocalCounter`](crate::LocalCounter) costs less than a nanosecond per increment, since nobody
/// else writes where it writes.
/// Neither a shard nor its handles can be sent to another thread; keep them in a `thread_local!`,
/// or in the state of a worker that never moves.
///
/// What was counted stays counted when handle, shard and thread are gone.
#[derive(Debug, Clone)]
pub struct Shard {
    lease: Rc<Lease>,
    /// Not `Send`, not `Sync`: this is what makes every local cell single-writer.
    _not_send: PhantomData<*const ()>,
}

impl Shard {
    pub(crate) fn new(owners: &Arc<Owners>) -> Self {
        let lease = Lease { id: owners.take(), owners: Arc::clone(owners) };
        Self { lease: Rc::new(lease), _not_send: PhantomData }
    }

    fn id(&self) -> u32 {
        self.lease.id
    }
}

/// The right to write the local cells with a certain number, for as long as it lives.
#[derive(Debug)]
struct Lease {
    id: u32,
    owners: Arc<Owners>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.owners.put_back(self.id);
    }
}

/// Which numbers of shards are taken.
///
/// A number that is put back goes to the next shard, which continues the cells of the one before:
/// no count is lost, and threads that come and go do not pile up cells.
/// The lock orders the last write of the one before the first write of the other.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    state: Mutex<OwnersState>,
}

#[derive(Debug, Default)]
struct OwnersState {
    free: BTreeSet<u32>,
    next: u32,
}

impl Owners {
    fn take(&self) -> u32 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.free.pop_first().unwrap_or_else(|| {
            let id = state.next;
            state.next = id.wrapping_add(1);
            id
        })
    }

    fn put_back(&self, id: u32) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).free.insert(id);
    }
}

/// A value as the sum of one shared cell and one cell for each shard that wrote to it.
#[derive(Debug)]
pub(crate) struct Cells<C> {
    shared: C,
    /// A list that only grows: it is read without a lock.
    first: OnceLock<Arc<Slot<C>>>,
}

/// A local cell in the list of its value.
///
/// The alignment, together with the reference counts in front of it, gives the cell two cache
/// lines that hold no other cell, which is what the prefetcher of current processors fetches.
#[derive(Debug)]
#[repr(align(64))]
struct Slot<C> {
    cell: C,
    owner: u32,
    next: OnceLock<Arc<Slot<C>>>,
}

impl<C> Cells<C> {
    pub(crate) fn new(shared: C) -> Self {
        Self { shared, first: OnceLock::new() }
    }

    /// The cell that everybody may write with atomic additions.
    pub(crate) fn shared(&self) -> &C {
        &self.shared
    }

    /// The cell that only `shard` writes; made by `new` on the first call for it.
    ///
    /// Never waits. Costs a walk along the list, so keep what it returns.
    pub(crate) fn local(&self, shard: &Shard, new: impl FnOnce() -> C) -> Local<C> {
        let mut place = &self.first;
        while let Some(slot) = place.get() {
            if slot.owner == shard.id() {
                return Local { slot: Arc::clone(slot), _shard: shard.clone() };
            }
            place = &slot.next;
        }
        // It is not there, and nobody but this thread makes one for this shard.
        let slot = Arc::new(Slot { cell: new(), owner: shard.id(), next: OnceLock::new() });
        while place.set(Arc::clone(&slot)).is_err() {
            while let Some(other) = place.get() {
                place = &other.next;
            }
        }
        Local { slot, _shard: shard.clone() }
    }

    /// All cells, the shared one first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &C> {
        let mut next = self.first.get();
        std::iter::once(&self.shared).chain(std::iter::from_fn(move || {
            let slot = next?;
            next = slot.next.get();
            Some(&slot.cell)
        }))
    }
}

/// A local cell in the hands of its one writer.
#[derive(Debug)]
pub(crate) struct Local<C> {
    slot: Arc<Slot<C>>,
    /// Keeps the number of the shard taken, and this handle on its thread.
    _shard: Shard,
}

impl<C> Local<C> {
    #[inline]
    pub(crate) fn cell(&self) -> &C {
        &self.slot.cell
    }
}

/// An integer that wraps around.
#[derive(Debug, Default)]
pub(crate) struct Number(AtomicU64);

impl Number {
    /// Adds from any thread.
    #[inline]
    pub(crate) fn add_shared(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Adds from the one thread that writes this number.
    #[inline]
    pub(crate) fn add_owned(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// Adds from the one thread that writes this number, after everything it wrote before:
    /// whoever sees this addition by [`load_then`](Self::load_then) sees that too.
    #[inline]
    pub(crate) fn add_owned_last(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Release);
    }

    /// Like [`add_owned_last`](Self::add_owned_last), from any thread.
    #[inline]
    pub(crate) fn add_shared_last(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Release);
    }

    pub(crate) fn load(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Reads before everything that is read afterwards.
    pub(crate) fn load_then(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn store(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}
