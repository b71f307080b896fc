//! The task that owns a session's connection.

use flowgate_wire::{Abort, Dict, Goodbye, Message, Payload, Uri, uris};
use futures_util::{FutureExt, StreamExt};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use super::{
    GOODBYE_TIMEOUT,
    state::{Command, State},
};
use crate::{Closed, Connection, ConnectionError, Frame, Violation, arguments::decode_dict};

/// Octets waiting to be written above which no request is taken.
const SEND_BUFFER_BYTES: usize = 256 << 10;

/// Requests and answers that are taken together before what they say is written.
const GATHERED_COUNT: usize = 256;

/// The task of a session.
pub(super) struct Driver {
    pub(super) connection: Connection,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) state: State,
    pub(super) phase: Phase,
}

/// Whether this side has said GOODBYE.
pub(super) enum Phase {
    Open,
    Leaving { deadline: Instant },
}

/// What woke the task.
enum Wake {
    Flushed(Result<(), ConnectionError>),
    Received(Result<Frame, ConnectionError>),
    Answered(super::state::Answer),
    Requested(Option<Command>),
    TimedOut,
}

impl Driver {
    /// Runs the session to its end, closes the connection, and only then tells why.
    pub(super) async fn run(mut self, ending: watch::Sender<Option<Closed>>) {
        let closed = loop {
            let wake = self.wait().await;
            if let Err(closed) = self.handle(wake) {
                break closed;
            }
        };
        let Self { connection, commands, state, .. } = self;
        match &closed {
            // There is no connection any more.
            Closed::Connection(_) => {}
            Closed::Left
            | Closed::Unconfirmed
            | Closed::Goodbye { .. }
            | Closed::Aborted { .. }
            | Closed::Violation(_) => {
                // Whether the router closes in order matters to nobody now.
                let _ = connection.close().await;
            }
        }
        // Those who wait for an answer look for the reason when they get none.
        ending.send_replace(Some(closed));
        drop((commands, state));
    }

    /// Waits for something to do.
    ///
    /// Writing is polled first, so that neither input nor requests can starve it, and reading
    /// goes on while writing waits for the router, which may itself wait for us to read.
    async fn wait(&mut self) -> Wake {
        let (reader, writer) = self.connection.halves();
        let open = matches!(self.phase, Phase::Open);
        let room = writer.buffered_bytes() < SEND_BUFFER_BYTES;
        let deadline = match self.phase {
            Phase::Open => None,
            Phase::Leaving { deadline } => Some(deadline),
        };
        tokio::select! {
            biased;
            flushed = writer.flush(), if writer.needs_flush() => Wake::Flushed(flushed),
            received = reader.recv() => Wake::Received(received),
            Some(answer) = self.state.answers.next(), if open && room => Wake::Answered(answer),
            command = self.commands.recv(), if open && room => Wake::Requested(command),
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                Wake::TimedOut
            }
        }
    }

    fn handle(&mut self, wake: Wake) -> Result<(), Closed> {
        match wake {
            Wake::Flushed(flushed) => return Ok(flushed?),
            Wake::Received(frame) => self.receive(&frame?)?,
            Wake::Answered(answer) => self.state.answer(answer, self.connection.writer()),
            Wake::Requested(command) => self.request(command),
            Wake::TimedOut => return Err(Closed::Unconfirmed),
        }
        self.gather();
        Ok(())
    }

    /// Takes what else is there, so that one write carries it all.
    fn gather(&mut self) {
        for _ in 0..GATHERED_COUNT {
            let open = matches!(self.phase, Phase::Open);
            if !open || self.connection.writer().buffered_bytes() >= SEND_BUFFER_BYTES {
                return;
            }
            if let Ok(command) = self.commands.try_recv() {
                self.request(Some(command));
            } else if let Some(Some(answer)) = self.state.answers.next().now_or_never() {
                self.state.answer(answer, self.connection.writer());
            } else {
                return;
            }
        }
    }

    /// Carries out a request; `None` when all handles are gone.
    fn request(&mut self, command: Option<Command>) {
        match command {
            Some(Command::Leave) | None => {
                self.say_goodbye(Uri::from(uris::close::CLOSE_REALM));
                self.phase = Phase::Leaving { deadline: Instant::now() + GOODBYE_TIMEOUT };
            }
            Some(command) => self.state.request(command, self.connection.writer()),
        }
    }

    fn receive(&mut self, frame: &Frame) -> Result<(), Closed> {
        let received = frame.message().map_err(Violation::from).map_err(Closed::from);
        let received = received.and_then(|message| self.receive_message(message));
        if let Err(Closed::Violation(_)) = &received {
            let reason = Uri::from(uris::error::PROTOCOL_VIOLATION);
            let abort = Abort { details: Dict::EMPTY, reason, payload: Payload::EMPTY };
            self.say(&abort.into());
        }
        received
    }

    fn receive_message(&mut self, message: Message<'_>) -> Result<(), Closed> {
        if let Message::Goodbye(goodbye) = message {
            return Err(self.end(&goodbye));
        }
        if let Message::Abort(abort) = message {
            let details = decode_dict(&abort.details);
            return Err(Closed::Aborted { reason: abort.reason.into_owned(), details });
        }
        match self.phase {
            Phase::Open => Ok(self.state.receive(message, self.connection.writer())?),
            // Whatever was on its way when this side said GOODBYE is ignored.
            Phase::Leaving { .. } => Ok(()),
        }
    }

    /// The router's GOODBYE: the confirmation of ours, or to be confirmed.
    fn end(&mut self, goodbye: &Goodbye<'_>) -> Closed {
        match self.phase {
            Phase::Leaving { .. } => Closed::Left,
            Phase::Open => {
                self.say_goodbye(Uri::from(uris::close::GOODBYE_AND_OUT));
                Closed::Goodbye {
                    reason: goodbye.reason.clone().into_owned(),
                    details: decode_dict(&goodbye.details),
                }
            }
        }
    }

    fn say_goodbye(&mut self, reason: Uri<'_>) {
        self.say(&Goodbye { details: Dict::EMPTY, reason }.into());
    }

    /// Feeds a short message of our own, which fits into any transport: 512 octets at least.
    fn say(&mut self, message: &Message<'_>) {
        let fed = self.connection.writer().feed(message);
        debug_assert!(fed.is_ok(), "messages of the session itself are short");
    }
}
