//! JSON without white space.

use super::{Shape, Writer};
use crate::block::{LANE, lane_specials};
use crate::scan::find_special;
use crate::{Format, base64};

/// Writes JSON.
pub(crate) struct JsonWriter<'o> {
    out: &'o mut Vec<u8>,
    /// Whether a comma is due before the next item or entry.
    comma: bool,
}

impl<'o> JsonWriter<'o> {
    pub(crate) const fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, comma: false }
    }

    fn item(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    /// Writes a string without escapes that fits into a lane, as most do in lists of them: put
    /// together with its comma and quotes, so that the output grows once. `false` for others.
    #[inline]
    fn short_string(&mut self, text: &[u8]) -> bool {
        const BEFORE: usize = 2;
        let mut item = [b' '; BEFORE + LANE + 1];
        let end = BEFORE + text.len();
        match item.get_mut(BEFORE..end) {
            Some(target) if text.len() <= LANE => target.copy_from_slice(text),
            _ => return false,
        }
        let [comma, open, lane @ .., _] = &mut item;
        if lane_specials(lane) != 0 {
            return false;
        }
        (*comma, *open) = (b',', b'"');
        if let Some(close) = item.get_mut(end) {
            *close = b'"';
        }
        let start = usize::from(!self.comma);
        self.comma = true;
        self.out.extend_from_slice(item.get(start..=end).unwrap_or_default());
        true
    }

    fn quoted(&mut self, bytes: &[u8]) {
        self.out.push(b'"');
        let mut pos = 0;
        loop {
            let special = find_special(bytes, pos);
            self.out.extend_from_slice(bytes.get(pos..special).unwrap_or_default());
            let Some(byte) = bytes.get(special) else { break };
            self.escape(*byte);
            pos = special + 1;
        }
        self.out.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            0x09 => b't',
            0x0a => b'n',
            0x0c => b'f',
            0x0d => b'r',
            _ => {
                // Below 0x20.
                let low = byte & 0x0f;
                let digit = if low < 10 { b'0' + low } else { b'a' - 10 + low };
                self.out.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), digit]);
                return;
            }
        };
        self.out.extend_from_slice(&[b'\\', short]);
    }
}

impl Writer for JsonWriter<'_> {
    const FORMAT: Format = Format::Json;

    fn begin(&mut self, shape: Shape, _: Option<usize>) -> usize {
        self.item();
        self.out.push(match shape {
            Shape::List => b'[',
            Shape::Dict => b'{',
        });
        self.comma = false;
        0
    }

    fn end(&mut self, shape: Shape, _: usize, _: Option<usize>) {
        self.out.push(match shape {
            Shape::List => b']',
            Shape::Dict => b'}',
        });
        self.comma = true;
    }

    fn key(&mut self, key: &[u8]) {
        self.item();
        self.quoted(key);
        self.out.push(b':');
        self.comma = false;
    }

    fn null(&mut self) {
        self.item();
        self.out.extend_from_slice(b"null");
    }

    fn bool(&mut self, truth: bool) {
        self.item();
        self.out.extend_from_slice(if truth { b"true" } else { b"false" });
    }

    fn unsigned(&mut self, number: u64) {
        self.item();
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn signed(&mut self, number: i64) {
        self.item();
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn float(&mut self, number: f64) {
        if number.is_finite() {
            self.item();
            self.out.extend_from_slice(ryu::Buffer::new().format_finite(number).as_bytes());
        } else {
            self.null();
        }
    }

    fn string(&mut self, text: &[u8]) {
        if !self.short_string(text) {
            self.item();
            self.quoted(text);
        }
    }

    fn binary(&mut self, octets: &[u8]) {
        self.item();
        self.out.push(b'"');
        base64::to_json_text(octets, self.out);
        self.out.push(b'"');
    }

    fn raw(&mut self, encoded: &[u8]) {
        self.item();
        self.out.extend_from_slice(encoded);
    }

    fn between(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
        self.comma = false;
    }

    fn position(&self) -> usize {
        self.out.len()
    }
}
