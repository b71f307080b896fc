//! Calls: callers with a number of calls in flight each, to one callee that returns what it gets.
//!
//! Connection 0 is the callee, the callers follow.

#![allow(clippy::wildcard_enum_match_arm, reason = "any other message is not the one that was due")]

use std::collections::VecDeque;

use flowgate_wire::{Message, MessageType};

use crate::LoadError;
use crate::driver::{Record, Scenario};
use crate::frame::Framing;
use crate::head::Cursor;
use crate::link::Outboxes;
use crate::opening::refused;
use crate::template::{Content, Number, Options, Template, decode};

/// The connection of the callee.
pub(crate) const CALLEE: usize = 0;

/// The load of calls.
#[derive(Debug)]
pub(crate) struct Rpc {
    content: Content,
    call: Template,
    reply: Template,
    callers: Vec<Caller>,
    in_flight_count: usize,
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

impl Rpc {
    pub(crate) fn new(
        framing: Framing,
        procedure: &str,
        content: Content,
        caller_count: usize,
        in_flight_count: usize,
    ) -> Self {
        let kind = MessageType::Call;
        Self {
            call: Template::request(framing, kind, Options::Empty, procedure, &content),
            reply: Template::reply(framing, content.format()),
            content,
            callers: (0..caller_count).map(|_| Caller::default()).collect(),
            in_flight_count,
        }
    }

    /// Sends a call of the caller at `index`.
    fn send(&mut self, index: usize, now_ns: u64, outboxes: &mut Outboxes) {
        let Some(caller) = self.callers.get_mut(index) else { return };
        let request = caller.open(now_ns);
        let number = number(index, request);
        let out = outboxes.of(connection(index));
        self.call.push_number(request, &self.content, number, out);
    }

    fn invoked(&mut self, message: &[u8], outboxes: &mut Outboxes) -> Result<(), LoadError> {
        if let Some((request, arguments)) = usual(outboxes.format, MessageType::Invocation, message)
        {
            self.reply.push(request, arguments, outboxes.of(CALLEE));
            return Ok(());
        }
        match decode(outboxes.format, message) {
            Some(Message::Invocation(invocation)) => {
                let arguments = invocation.payload.raw().map_or(&[][..], |(_, bytes)| bytes);
                self.reply.push(invocation.request.get(), arguments, outboxes.of(CALLEE));
                Ok(())
            }
            Some(other) => Err(refused("INVOCATION", &other)),
            None => Err(LoadError::Altered { message: "INVOCATION", connection: CALLEE }),
        }
    }

    /// The request of a result, and the number that it carries.
    fn read(
        &self,
        connection: usize,
        message: &[u8],
        outboxes: &Outboxes,
    ) -> Result<(u64, Number), LoadError> {
        let format = outboxes.format;
        if let Some((request, arguments)) = usual(format, MessageType::Result, message)
            && let Some(number) = self.content.number_of(arguments)
        {
            return Ok((request, number));
        }
        let altered = LoadError::Altered { message: "RESULT", connection };
        match decode(format, message) {
            Some(Message::Result(result)) => {
                let number = self.content.number_of_values(&result.payload).ok_or(altered)?;
                Ok((result.request.get(), number))
            }
            Some(other) => Err(refused("RESULT", &other)),
            None => Err(altered),
        }
    }
}

impl Scenario for Rpc {
    fn start(&mut self, now_ns: u64, outboxes: &mut Outboxes) {
        for _ in 0..self.in_flight_count {
            for index in 0..self.callers.len() {
                self.send(index, now_ns, outboxes);
            }
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
        let Some(index) = connection.checked_sub(CALLEE + 1) else {
            return self.invoked(message, outboxes);
        };
        let (request, received) = self.read(connection, message, outboxes)?;
        let requested_ns = self.callers.get_mut(index).and_then(|caller| caller.close(request));
        let requested_ns = requested_ns.ok_or(LoadError::Repeated { request, connection })?;
        if !self.content.is(received, number(index, request)) {
            return Err(LoadError::Altered { message: "RESULT", connection });
        }
        record.operation(requested_ns, now_ns);
        if record.sends() {
            self.send(index, now_ns, outboxes);
        }
        Ok(())
    }

    fn outstanding_count(&self) -> u64 {
        self.callers.iter().map(|caller| caller.open_count as u64).sum()
    }
}

/// The request and the encoded arguments of an INVOCATION or RESULT of the usual shape.
fn usual(format: flowgate_wire::Format, kind: MessageType, message: &[u8]) -> Option<(u64, &[u8])> {
    let (mut cursor, code) = Cursor::open(format, message)?;
    if code != u64::from(kind.code()) {
        return None;
    }
    let request = cursor.unsigned()?;
    if kind == MessageType::Invocation {
        cursor.unsigned()?;
    }
    cursor.empty_dict()?;
    Some((request, cursor.tail()?))
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
