//! One connection that lines come over; nothing is ever written to it.

use std::{cell::Cell, io, sync::Arc};

use flowgate_observer::{Batch, ConnectionId, Intake, Protocol};
use tokio::{net::TcpStream, task::yield_now};

use crate::observe::Observing;

/// Octets read at once: some hundred lines.
const READ_BYTES: usize = 64 << 10;

/// The memory of a thread, so that an idle connection holds none.
struct Scratch {
    read: Box<[u8]>,
    batch: Batch,
}

thread_local! {
    static SCRATCH: Cell<Option<Scratch>> = const { Cell::new(None) };
}

/// Reads lines until the client closes or the connection fails.
pub(super) async fn read(stream: TcpStream, protocol: Protocol, observing: Arc<Observing>) {
    let open = Open { id: observing.connect(), observing: &observing };
    let mut intake = Intake::new(protocol, observing.limits);
    loop {
        if let Err(error) = stream.readable().await {
            tracing::debug!(%error, "observer: connection failed");
            break;
        }
        match read_once(&stream, &mut intake, &open) {
            // A client that sends faster than it is read must not keep the thread from others.
            Ok(Progress::More) => yield_now().await,
            Ok(Progress::Waiting) => {}
            Ok(Progress::Closed) => break,
            Err(error) => {
                tracing::debug!(%error, "observer: connection failed");
                break;
            }
        }
    }
    with_scratch(|scratch| {
        intake.finish(&mut scratch.batch);
        open.apply(&mut scratch.batch);
    });
}

/// A connection that is counted as open.
struct Open<'o> {
    id: ConnectionId,
    observing: &'o Observing,
}

impl Open<'_> {
    /// Hands over what has been read, with the time at which it was.
    fn apply(&self, batch: &mut Batch) {
        if batch.is_empty() {
            return;
        }
        let Observing { clock, woken, .. } = self.observing;
        let mut observer = self.observing.observer();
        let is_first = observer.next_deadline().is_none();
        observer.apply(clock.now(), self.id, batch);
        if is_first && observer.next_deadline().is_some() {
            woken.notify_one();
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.observing.disconnect();
    }
}

/// How a connection goes on after a read.
enum Progress {
    /// There may be more to read.
    More,
    /// Everything that had come was read.
    Waiting,
    /// The client has closed it.
    Closed,
}

/// Reads once.
fn read_once(stream: &TcpStream, intake: &mut Intake, open: &Open<'_>) -> io::Result<Progress> {
    with_scratch(|scratch| {
        let count = match stream.try_read(&mut scratch.read) {
            Ok(0) => return Ok(Progress::Closed),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Progress::Waiting);
            }
            Err(error) => return Err(error),
        };
        let bytes = scratch.read.get(..count).unwrap_or_default();
        intake.feed(bytes, &mut scratch.batch);
        open.apply(&mut scratch.batch);
        Ok(Progress::More)
    })
}

fn with_scratch<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    let new = || Scratch { read: vec![0; READ_BYTES].into(), batch: Batch::default() };
    let mut scratch = SCRATCH.take().unwrap_or_else(new);
    let result = work(&mut scratch);
    SCRATCH.set(Some(scratch));
    result
}
