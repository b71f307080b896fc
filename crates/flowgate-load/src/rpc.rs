//! Calls: callers with a number of calls in flight each, to one callee that returns what it gets.
//!
//! Connection 0 is the callee, the callers follow.

#![allow(clippy::wildcard_enum_match_arm, reason = "any other message is not the one that was due")]

use std::collections::VecDeque;

use flowgate_wire::{Format, Message, MessageType};

use crate::LoadError;
use crate::driver::Scenario;
use crate::head::Cursor;
use crate::link::Outboxes;
use crate::opening::unexpected;
use crate::record::Record;
use crate::template::{Content, Number, Options, Template, decode, details};
use crate::wire::Wire;

/// The connection of the callee.
pub(crate) const CALLEE: usize = 0;

/// What a load of calls is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape<'a> {
    pub(crate) caller_count: usize,
    /// For each caller.
    pub(crate) in_flight_count: usize,
    pub(crate) procedure: &'a str,
    /// The detail of INVOCATION that names the procedure, where the registration is a pattern.
    pub(crate) detail: Option<&'static str>,
    pub(crate) payload_bytes: usize,
    pub(crate) string_count: usize,
}

/// The load of calls.
#[derive(Debug)]
pub(crate) struct Rpc {
    callee: Callee,
    caller: Side,
    call: Template,
    callers: Vec<Caller>,
    in_flight_count: usize,
}

/// What one side sends and gets.
#[derive(Debug)]
struct Side {
    format: Format,
    content: Content,
    /// The details of what it gets, as routers usually write them.
    details: Vec<u8>,
}

#[derive(Debug)]
struct Callee {
    side: Side,
    reply: Template,
    /// By caller: the invocations that came.
    invoked_counts: Vec<u64>,
}

/// The calls of one caller that have no result yet, in the order of their requests.
#[derive(Debug, Default)]
struct Caller {
    /// The request of the first entry, less 1.
    completed_count: u64,
    calls: VecDeque<Call>,
    open_count: usize,
}

#[derive(Debug, Clone, Copy)]
struct Call {
    requested_ns: u64,
    open: bool,
}

impl Caller {
    /// Opens a call and returns its request.
    fn open(&mut self, requested_ns: u64) -> u64 {
        self.calls.push_back(Call { requested_ns, open: true });
        self.open_count += 1;
        self.completed_count + self.calls.len() as u64
    }

    /// Closes a call and returns when it was requested; `None` if it is not open.
    fn close(&mut self, request: u64) -> Option<u64> {
        let index = request.checked_sub(self.completed_count + 1)?;
        let call = self.calls.get_mut(usize::try_from(index).ok()?).filter(|call| call.open)?;
        call.open = false;
        self.open_count -= 1;
        let requested_ns = call.requested_ns;
        while self.calls.front().is_some_and(|call| !call.open) {
            self.calls.pop_front();
            self.completed_count += 1;
        }
        Some(requested_ns)
    }
}

impl Side {
    fn new(wire: Wire, shape: Shape<'_>, detail: Option<(&str, &str)>) -> Self {
        let format = wire.format();
        let content = Content::new(format, shape.payload_bytes, shape.string_count);
        Self { format, content, details: details(format, detail) }
    }

    /// The request and the encoded arguments of an INVOCATION or RESULT of the usual shape.
    fn usual<'a>(&self, kind: MessageType, message: &'a [u8]) -> Option<(u64, &'a [u8])> {
        let (mut cursor, code) = Cursor::open(self.format, message)?;
        if code != u64::from(kind.code()) {
            return None;
        }
        let request = cursor.unsigned()?;
        if kind == MessageType::Invocation {
            cursor.unsigned()?;
        }
        cursor.element(&self.details)?;
        Some((request, cursor.tail()?))
    }
}

impl Callee {
    /// Returns the arguments of an invocation.
    fn invoked(&mut self, message: &[u8], outboxes: &mut Outboxes) -> Result<(), LoadError> {
        if let Some((request, arguments)) = self.side.usual(MessageType::Invocation, message) {
            return self.answer(request, arguments, outboxes);
        }
        match decode(self.side.format, message) {
            Some(Message::Invocation(invocation)) => {
                let arguments = invocation.payload.raw().map_or(&[][..], |(_, bytes)| bytes);
                self.answer(invocation.request.get(), arguments, outboxes)
            }
            Some(other) => Err(unexpected("INVOCATION", CALLEE, &other)),
            None => Err(LoadError::Altered { message: "INVOCATION", connection: CALLEE }),
        }
    }

    /// Checks the order, where the number says whose the call is; the content is the caller's to
    /// check.
    fn answer(
        &mut self,
        request: u64,
        arguments: &[u8],
        outboxes: &mut Outboxes,
    ) -> Result<(), LoadError> {
        if let Some(received) = self.side.content.full_number_of(arguments) {
            let client = received.sender();
            let Some(count) = self.invoked_counts.get_mut(client) else {
                return Err(LoadError::Altered { message: "INVOCATION", connection: CALLEE });
            };
            *count += 1;
            let (expected, got) = (*count, received.sequence());
            if got != expected {
                let (message, connection) = ("INVOCATION", CALLEE);
                return Err(LoadError::Order { message, client, connection, expected, got });
            }
        }
        self.reply.push(request, arguments, outboxes.of(CALLEE));
        Ok(())
    }
}

impl Rpc {
    pub(crate) fn new(caller: Wire, callee: Wire, shape: Shape<'_>) -> Self {
        let detail = shape.detail.map(|key| (key, shape.procedure));
        let callee_side = Side::new(callee, shape, detail);
        let side = Side::new(caller, shape, None);
        let (kind, options) = (MessageType::Call, Options::Empty);
        Self {
            call: Template::request(caller, kind, options, shape.procedure, &side.content),
            callee: Callee {
                side: callee_side,
                reply: Template::reply(callee),
                invoked_counts: vec![0; shape.caller_count],
            },
            caller: side,
            callers: (0..shape.caller_count).map(|_| Caller::default()).collect(),
            in_flight_count: shape.in_flight_count,
        }
    }

    /// The request of a result, and the number that it carries.
    fn read(&self, connection: usize, message: &[u8]) -> Result<(u64, Number), LoadError> {
        let Side { format, content, .. } = &self.caller;
        if let Some((request, arguments)) = self.caller.usual(MessageType::Result, message)
            && let Some(number) = content.number_of(arguments)
        {
            return Ok((request, number));
        }
        let altered = LoadError::Altered { message: "RESULT", connection };
        match decode(*format, message) {
            Some(Message::Result(result)) => {
                let number = content.number_of_values(&result.payload).ok_or(altered)?;
                Ok((result.request.get(), number))
            }
            Some(other) => Err(unexpected("RESULT", connection, &other)),
            None => Err(altered),
        }
    }
}

impl Scenario for Rpc {
    fn client_count(&self) -> usize {
        self.callers.len()
    }

    fn refill(&mut self, client: usize, now_ns: u64, record: &mut Record, outboxes: &mut Outboxes) {
        let Some(caller) = self.callers.get_mut(client) else { return };
        while caller.open_count < self.in_flight_count
            && let Some(requested_ns) = record.request(client, now_ns)
        {
            let request = caller.open(requested_ns);
            let out = outboxes.of(connection(client));
            self.call.push_number(request, &self.caller.content, number(client, request), out);
        }
    }

    fn message(
        &mut self,
        connection: usize,
        message: &[u8],
        now_ns: u64,
        record: &mut Record,
        outboxes: &mut Outboxes,
    ) -> Result<(), LoadError> {
        let Some(client) = connection.checked_sub(CALLEE + 1) else {
            return self.callee.invoked(message, outboxes);
        };
        let (request, received) = self.read(connection, message)?;
        let requested_ns = self.callers.get_mut(client).and_then(|caller| caller.close(request));
        let requested_ns = requested_ns.ok_or(LoadError::Repeated { request, connection })?;
        if !self.caller.content.is(received, number(client, request)) {
            return Err(LoadError::Altered { message: "RESULT", connection });
        }
        record.operation(requested_ns, now_ns);
        self.refill(client, now_ns, record, outboxes);
        Ok(())
    }

    fn outstanding_count(&self) -> u64 {
        self.callers.iter().map(|caller| caller.open_count as u64).sum()
    }
}

/// The number that the caller's request carries.
fn number(index: usize, request: u64) -> Number {
    // The command line allows no more callers than that.
    Number::new(u16::try_from(index).unwrap_or(u16::MAX), request)
}

/// The connection of a caller.
const fn connection(index: usize) -> usize {
    CALLEE + 1 + index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_close_once_and_in_any_order() {
        let mut caller = Caller::default();
        let requests: Vec<u64> = (0..4).map(|ns| caller.open(ns)).collect();
        assert_eq!(requests, [1, 2, 3, 4]);
        assert_eq!(caller.close(3), Some(2));
        assert_eq!(caller.close(3), None);
        assert_eq!(caller.close(1), Some(0));
        assert_eq!(caller.close(1), None);
        assert_eq!(caller.close(5), None);
        assert_eq!(caller.open(9), 5);
        assert_eq!(caller.close(2), Some(1));
        assert_eq!((caller.open_count, caller.calls.len()), (2, 2));
    }
}
