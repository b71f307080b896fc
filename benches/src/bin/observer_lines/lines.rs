//! What is sent.

use std::ops::AddAssign;

/// Requests of a block: every kind of end occurs in it as often as it should.
const REQUEST_COUNT: usize = 990;

/// Digits of the number that makes the identifiers of one block differ from those of another.
const PATCHED_DIGITS: usize = 8;

/// Names of the requests, as in the example of php-wamp-observer.
const NAME_COUNT: usize = 9;

/// How many requests were sent, by how they must end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) responses: u64,
    pub(crate) errors: u64,
    pub(crate) unanswered: u64,
}

impl Sent {
    pub(crate) const fn lines(&self) -> u64 {
        2 * (self.responses + self.errors) + self.unanswered
    }
}

impl AddAssign for Sent {
    fn add_assign(&mut self, other: Self) {
        self.responses += other.responses;
        self.errors += other.errors;
        self.unanswered += other.unanswered;
    }
}

/// Lines of one connection, sent again and again with other identifiers.
#[derive(Debug)]
pub(crate) struct Block {
    text: Vec<u8>,
    /// Where the digits are that differ from block to block.
    patched: Vec<usize>,
    sent: Sent,
    number: u64,
}

impl Block {
    pub(crate) fn new(connection: u32) -> Self {
        let (text, patched) = (Vec::new(), Vec::new());
        let mut block = Self { text, patched, sent: Sent::default(), number: 0 };
        for request in 0..REQUEST_COUNT {
            let name = 1 + request % NAME_COUNT;
            block.line(
                "[2,",
                connection,
                request,
                &format!(r#",\"hello{name}\",{{\"a\":[1,2]}}]"#),
            );
            if request % 9 == 4 {
                block.sent.unanswered += 1;
            } else if request % 99 == 0 {
                block.line("[4,", connection, request, r#",\"failed\",\"\",{}]"#);
                block.sent.errors += 1;
            } else {
                block.line("[3,", connection, request, r#",{\"b\":\"a\\\/b\"}]"#);
                block.sent.responses += 1;
            }
        }
        block
    }

    /// The lines, with identifiers that no block before had.
    pub(crate) fn renew(&mut self) -> &[u8] {
        let digits = format!("{:0PATCHED_DIGITS$}", self.number);
        self.number += 1;
        for place in &self.patched {
            if let Some(text) = self.text.get_mut(*place..*place + PATCHED_DIGITS) {
                text.copy_from_slice(digits.as_bytes());
            }
        }
        &self.text
    }

    /// What one block sends.
    pub(crate) const fn sent(&self) -> Sent {
        self.sent
    }

    fn line(&mut self, kind: &str, connection: u32, request: usize, rest: &str) {
        self.text.extend_from_slice(format!(r#"["wamp","in","{kind}\""#).as_bytes());
        self.patched.push(self.text.len());
        let id = format!("{:0PATCHED_DIGITS$}-{connection}-{request}", 0);
        self.text.extend_from_slice(format!("{id}\\\"{rest}\"]\n").as_bytes());
    }
}
