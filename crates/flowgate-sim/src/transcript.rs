//! What happened, as text: a hash of all of it and the end of it.

use std::collections::VecDeque;

/// Lines kept for a failure.
const TAIL_LINES: usize = 40;

/// Characters kept of one line.
const LINE_CHARS: usize = 400;

/// Records lines.
#[derive(Debug)]
pub(crate) struct Transcript {
    hash: u64,
    tail: VecDeque<String>,
}

impl Transcript {
    pub(crate) fn new() -> Self {
        // FNV-1a: good enough to tell two transcripts apart, the same on every machine.
        Self { hash: 0xcbf2_9ce4_8422_2325, tail: VecDeque::with_capacity(TAIL_LINES) }
    }

    pub(crate) fn line(&mut self, line: &str) {
        for byte in line.bytes().chain([b'\n']) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(line.chars().take(LINE_CHARS).collect());
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn into_tail(self) -> Vec<String> {
        self.tail.into()
    }
}
