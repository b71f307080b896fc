//! Moments at which something is to happen unless it is called off before.

use flowgate_event::Timestamp;

/// Deadlines of one kind of thing, the earliest first; of the same moment, the one set first.
///
/// A binary heap that knows the place of each of its deadlines: setting and calling off cost
/// O(log n), looking at the earliest one comparison, and nothing is allocated once the heap has
/// been as large as it is.
///
/// Invariants: no deadline is earlier than its parent in the heap; every occupied slot knows its
/// place, and the others are free.
#[derive(Debug)]
pub(crate) struct Deadlines<T> {
    heap: Vec<Node>,
    slots: Vec<Slot<T>>,
    free: Vec<DeadlineKey>,
    set_count: u64,
}

/// A deadline that has been set and is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeadlineKey(usize);

#[derive(Debug, Clone, Copy)]
struct Node {
    /// When, and in which order it was set.
    rank: (Timestamp, u64),
    slot: DeadlineKey,
}

#[derive(Debug)]
struct Slot<T> {
    place: usize,
    /// `None` in a free slot.
    of: Option<T>,
}

impl<T> Deadlines<T> {
    pub(crate) const fn new() -> Self {
        Self { heap: Vec::new(), slots: Vec::new(), free: Vec::new(), set_count: 0 }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.heap.first().map(|node| node.rank.0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Sets a deadline for something.
    pub(crate) fn set(&mut self, at: Timestamp, of: T) -> DeadlineKey {
        let place = self.heap.len();
        let slot = match self.free.pop() {
            Some(key) => key,
            None => {
                self.slots.push(Slot { place, of: None });
                DeadlineKey(self.slots.len() - 1)
            }
        };
        if let Some(slot) = self.slots.get_mut(slot.0) {
            slot.of = Some(of);
        }
        self.heap.push(Node { rank: (at, self.set_count), slot });
        self.set_count += 1;
        self.rise(place);
        slot
    }

    /// Calls a deadline off; what it was for. Nothing happens if it is over.
    pub(crate) fn call_off(&mut self, key: DeadlineKey) -> Option<T> {
        let slot = self.slots.get_mut(key.0)?;
        let of = slot.of.take()?;
        let place = slot.place;
        self.free.push(key);
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            // What was last is now here, and belongs further up or further down.
            self.sink(place);
            self.rise(place);
        }
        Some(of)
    }

    /// Removes the earliest deadline if it is not later than `now`; what it was for.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Option<T> {
        let node = self.heap.first().filter(|node| node.rank.0 <= now)?;
        self.call_off(node.slot)
    }

    /// Moves the node at a place up until its parent is not later.
    fn rise(&mut self, mut place: usize) {
        while place > 0 && self.rank(place) < self.rank((place - 1) / 2) {
            self.heap.swap(place, (place - 1) / 2);
            self.note(place);
            place = (place - 1) / 2;
        }
        self.note(place);
    }

    /// Moves the node at a place down until neither child is earlier.
    fn sink(&mut self, mut place: usize) {
        loop {
            let children = (2 * place + 1)..=(2 * place + 2);
            let present = children.filter(|child| *child < self.heap.len());
            let Some(child) = present.min_by_key(|child| self.rank(*child)) else { break };
            if self.rank(place) <= self.rank(child) {
                break;
            }
            self.heap.swap(place, child);
            self.note(place);
            place = child;
        }
        self.note(place);
    }

    fn rank(&self, place: usize) -> Option<(Timestamp, u64)> {
        self.heap.get(place).map(|node| node.rank)
    }

    /// Tells the slot of the node at a place where it is.
    fn note(&mut self, place: usize) {
        let slot = self.heap.get(place).and_then(|node| self.slots.get_mut(node.slot.0));
        if let Some(slot) = slot {
            slot.place = place;
        }
    }

    /// What a deadline that is not over is for.
    pub(crate) fn get(&self, key: DeadlineKey) -> Option<&T> {
        self.slots.get(key.0)?.of.as_ref()
    }

    /// The number of deadlines.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Proves the invariants. Cost: O(deadlines).
    pub(crate) fn check(&self) -> Result<(), String> {
        for (place, node) in self.heap.iter().enumerate() {
            let slot = self.slots.get(node.slot.0);
            if slot.is_none_or(|slot| slot.place != place || slot.of.is_none()) {
                return Err(format!("deadlines: the slot of {node:?} is not at place {place}"));
            }
            if place > 0 && self.rank(place) < self.rank((place - 1) / 2) {
                return Err(format!("deadlines: {node:?} is earlier than its parent"));
            }
        }
        if self.heap.len() + self.free.len() != self.slots.len() {
            return Err("deadlines: slots are lost".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
