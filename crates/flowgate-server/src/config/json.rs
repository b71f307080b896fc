//! A JSON parser that remembers where every value stands.
//!
//! Strict RFC 8259: no comments and no trailing commas, and neither duplicate keys nor lone
//! surrogates.
//! Integers keep their exact value, up to 128 bits.

use std::str::Chars;

use super::{
    Diagnostic, Position,
    tree::{self, Entry, MAX_DEPTH, MAX_NODES, Node, Value, syntax_error},
};

/// Parses one JSON text.
pub(super) fn parse(text: &str) -> Result<Node, Diagnostic> {
    let start = Position { line: 1, column: 1 };
    let mut parser = Parser { rest: text.chars(), position: start, nodes: 0 };
    parser.skip_space();
    let node = parser.value(0)?;
    parser.skip_space();
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.error("expected nothing after the end of the value")),
    }
}

struct Parser<'a> {
    rest: Chars<'a>,
    position: Position,
    nodes: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.rest.next()?;
        if character == '\n' {
            self.position.line = self.position.line.saturating_add(1);
            self.position.column = 1;
        } else {
            self.position.column = self.position.column.saturating_add(1);
        }
        Some(character)
    }

    fn skip(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.next();
        }
    }

    fn error(&self, message: impl Into<String>) -> Diagnostic {
        syntax_error(self.position, message)
    }

    fn unexpected(&self, wanted: &str) -> Diagnostic {
        match self.peek() {
            Some('/' | '#') => self.error(format!("expected {wanted}; JSON has no comments")),
            Some(found) => self.error(format!("expected {wanted}, found {found:?}")),
            None => self.error(format!("expected {wanted}, found the end of the file")),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Diagnostic> {
        self.nodes = self.nodes.saturating_add(1);
        if depth > MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        if self.nodes > MAX_NODES {
            return Err(self.error(format!("more than {MAX_NODES} values")));
        }
        let position = self.position;
        let value = match self.peek() {
            Some('{') => self.map(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Value::Text(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            Some('a'..='z') => self.word()?,
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Node { position, value })
    }

    fn map(&mut self, depth: usize) -> Result<Value, Diagnostic> {
        let mut entries = Vec::new();
        self.next();
        self.skip_space();
        if self.skip('}') {
            return Ok(Value::Map(entries));
        }
        loop {
            let position = self.position;
            if self.peek() != Some('"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let key = self.string()?;
            self.skip_space();
            if !self.skip(':') {
                return Err(self.unexpected("`:` after the key"));
            }
            self.skip_space();
            let node = self.value(depth.saturating_add(1))?;
            tree::insert(&mut entries, Entry { key, position, node })?;
            if self.end_of_item('}')? {
                return Ok(Value::Map(entries));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Diagnostic> {
        let mut items = Vec::new();
        self.next();
        self.skip_space();
        if self.skip(']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth.saturating_add(1))?);
            if self.end_of_item(']')? {
                return Ok(Value::List(items));
            }
        }
    }

    /// Reads the comma after an item (false), or the end of the list or map (true).
    fn end_of_item(&mut self, end: char) -> Result<bool, Diagnostic> {
        self.skip_space();
        if self.skip(end) {
            return Ok(true);
        }
        let comma = self.position;
        if !self.skip(',') {
            return Err(self.unexpected(&format!("`,` or `{end}`")));
        }
        self.skip_space();
        if self.peek() == Some(end) {
            return Err(syntax_error(comma, format!("trailing comma before `{end}`")));
        }
        Ok(false)
    }

    fn word(&mut self) -> Result<Value, Diagnostic> {
        let start = self.position;
        let mut word = String::new();
        while let Some(letter @ 'a'..='z') = self.peek() {
            word.push(letter);
            self.next();
        }
        match word.as_str() {
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            "null" => Ok(Value::Null),
            _ => Err(syntax_error(start, "expected a value; strings need double quotes")),
        }
    }

    fn number(&mut self) -> Result<Value, Diagnostic> {
        let start = self.position;
        let mut text = String::new();
        let mut fractional = false;
        if self.skip('-') {
            text.push('-');
        }
        let zero = self.peek() == Some('0');
        let digits = self.digits(&mut text);
        if digits == 0 || (zero && digits > 1) {
            return Err(syntax_error(start, "malformed number"));
        }
        if self.skip('.') {
            fractional = true;
            text.push('.');
            if self.digits(&mut text) == 0 {
                return Err(syntax_error(start, "malformed number"));
            }
        }
        if let Some('e' | 'E') = self.peek() {
            fractional = true;
            self.next();
            text.push('e');
            if let Some(sign @ ('+' | '-')) = self.peek() {
                self.next();
                text.push(sign);
            }
            if self.digits(&mut text) == 0 {
                return Err(syntax_error(start, "malformed number"));
            }
        }
        let value = if fractional {
            text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float)
        } else {
            text.parse().ok().map(Value::Integer)
        };
        value.ok_or_else(|| syntax_error(start, "number out of range"))
    }

    fn digits(&mut self, text: &mut String) -> usize {
        let mut count: usize = 0;
        while let Some(digit @ '0'..='9') = self.peek() {
            text.push(digit);
            self.next();
            count = count.saturating_add(1);
        }
        count
    }

    fn string(&mut self) -> Result<String, Diagnostic> {
        let start = self.position;
        let mut text = String::new();
        self.next();
        loop {
            let place = self.position;
            match self.next() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape(place)?),
                Some(control @ '\0'..='\u{1f}') => {
                    let message = format!("unescaped control character {control:?} in a string");
                    return Err(syntax_error(place, message));
                }
                Some(character) => text.push(character),
                None => return Err(syntax_error(start, "string without end")),
            }
        }
    }

    /// Reads what follows a backslash, which stands at `place`.
    fn escape(&mut self, place: Position) -> Result<char, Diagnostic> {
        match self.next() {
            Some(plain @ ('"' | '\\' | '/')) => Ok(plain),
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some('u') => self.unicode_escape(place),
            _ => Err(syntax_error(place, "unknown escape in a string")),
        }
    }

    fn unicode_escape(&mut self, place: Position) -> Result<char, Diagnostic> {
        let first = self.four_hex_digits(place)?;
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) && self.skip('\\') {
            if !self.skip('u') {
                return Err(syntax_error(place, "surrogate without its pair in a string"));
            }
            units.push(self.four_hex_digits(place)?);
        }
        match char::decode_utf16(units).next() {
            Some(Ok(character)) => Ok(character),
            Some(Err(_)) | None => {
                Err(syntax_error(place, "surrogate without its pair in a string"))
            }
        }
    }

    fn four_hex_digits(&mut self, place: Position) -> Result<u16, Diagnostic> {
        let mut text = String::new();
        for _ in 0..4 {
            text.extend(self.next().filter(char::is_ascii_hexdigit));
        }
        if text.len() != 4 {
            return Err(syntax_error(place, "expected four hexadecimal digits after `\\u`"));
        }
        u16::from_str_radix(&text, 16).map_err(|_| syntax_error(place, "malformed escape"))
    }
}
