//! Memory that a thread uses while it handles a batch, so that no connection holds any of it.

use std::{cell::Cell, collections::VecDeque, rc::Rc, sync::Arc};

use flowgate_router::ServeId;

use crate::{
    frame::Wire,
    link::Outlet,
    metrics::{COUNTS, Local, Metrics},
    realm::{FanOutFrame, Recording, Undeliverable},
    tracing::Tracing,
};

/// Octets read at once: several messages of 64 KiB, since the rest of one that is cut has to be
/// copied. Memory that no read has reached is the system's.
const READ_BYTES: usize = 256 << 10;

/// The memory of one thread; empty between batches, except for its capacity.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// Where sockets are read to.
    pub(crate) read: Vec<u8>,
    /// Where TLS decrypts to.
    pub(crate) plain: Vec<u8>,
    /// Outlets that have to be flushed.
    pub(crate) dirty: Vec<Arc<Outlet>>,
    /// Outlets whose meters have reports to publish.
    pub(crate) reporting: Vec<Arc<Outlet>>,
    /// Messages that were too large for their receivers.
    pub(crate) undeliverable: VecDeque<Undeliverable>,
    /// Calls that no service takes.
    pub(crate) unserved: VecDeque<ServeId>,
    /// Frames of a message for many, by [`Wire::index`].
    pub(crate) frames: [FanOutFrame; Wire::COUNT],
    /// What messages are recorded with; made when the thread needs it first.
    pub(crate) recording: Option<Box<Recording>>,
    /// What the thread counts with, as it was asked for last.
    local: Option<Rc<Local>>,
}

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Scratch {
    /// Lends the thread's memory.
    pub(crate) fn with<R>(work: impl FnOnce(&mut Self) -> R) -> R {
        let mut scratch = SCRATCH.take().unwrap_or_else(|| Box::new(Self::new()));
        let result = work(&mut scratch);
        SCRATCH.set(Some(scratch));
        result
    }

    /// The thread's handles of these metrics; `None` if nothing is counted for every message.
    #[inline]
    pub(crate) fn local(&mut self, metrics: &Metrics) -> Option<&Rc<Local>> {
        if !COUNTS {
            return None;
        }
        if !self.local.as_ref().is_some_and(|local| local.is_of(metrics)) {
            self.meet(metrics);
        }
        self.local.as_ref()
    }

    #[cold]
    fn meet(&mut self, metrics: &Metrics) {
        self.local = Some(metrics.local());
    }

    /// What messages are recorded with, to be given back. `None` if the thread of the traces has no
    /// time for another recorder now.
    #[cold]
    pub(crate) fn take_recording(&mut self, tracing: &Tracing) -> Option<Box<Recording>> {
        let switch = tracing.switch();
        let own = self.recording.take().filter(|recording| recording.is_of(switch));
        own.or_else(|| Some(Box::new(Recording::new(Arc::clone(switch), tracing.recorder()?))))
    }

    fn new() -> Self {
        Self {
            read: vec![0; READ_BYTES],
            plain: Vec::new(),
            dirty: Vec::new(),
            reporting: Vec::new(),
            undeliverable: VecDeque::new(),
            unserved: VecDeque::new(),
            frames: Default::default(),
            recording: None,
            local: None,
        }
    }
}
