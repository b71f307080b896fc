//! YAML into the spanned tree.
//!
//! Plain scalars follow the core schema of YAML 1.2.
//! Anchors and aliases are expanded within [`MAX_NODES`] and [`MAX_DEPTH`]; tags, merge keys,
//! several documents, keys that are not scalars and duplicate keys are errors.

use std::{borrow::Cow, collections::BTreeMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::{
    Diagnostic, Position,
    tree::{self, Entry, MAX_DEPTH, MAX_NODES, Node, Value, syntax_error},
};

/// Parses one YAML document.
pub(super) fn parse(text: &str) -> Result<Node, Diagnostic> {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            syntax_error(position(*error.marker()), format!("malformed YAML: {}", error.info()))
        })?;
        let end = matches!(event, Event::StreamEnd);
        builder.event(event, position(span.start))?;
        if end {
            break;
        }
    }
    builder
        .root
        .ok_or_else(|| syntax_error(Position { line: 1, column: 1 }, "the file holds no value"))
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line(), column: marker.col().saturating_add(1) }
}

/// A list or map whose end has not been read.
enum Open {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        /// The key whose value comes next.
        key: Option<(String, Position)>,
    },
}

struct Frame {
    position: Position,
    /// The parser's number of the anchor, 0 for none.
    anchor: usize,
    open: Open,
}

#[derive(Default)]
struct Builder {
    frames: Vec<Frame>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, position: Position) -> Result<(), Diagnostic> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents = self.documents.saturating_add(1);
                if self.documents > 1 {
                    return Err(syntax_error(position, "only one YAML document is allowed"));
                }
                Ok(())
            }
            Event::Alias(anchor) => self.alias(anchor, position),
            Event::Scalar(text, style, anchor, tag) => {
                refuse_tag(tag.as_deref(), position)?;
                self.scalar(text, style, anchor, position)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_tag(tag.as_deref(), position)?;
                self.start(anchor, position, Open::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                refuse_tag(tag.as_deref(), position)?;
                self.start(anchor, position, Open::Map { entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
    }

    /// Whether the next node is a key.
    fn expects_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { open: Open::Map { key: None, .. }, .. }))
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        position: Position,
    ) -> Result<(), Diagnostic> {
        let plain = style == ScalarStyle::Plain;
        if let Some(Frame { open: Open::Map { key: key @ None, .. }, .. }) = self.frames.last_mut()
        {
            if plain && text == "<<" {
                return Err(syntax_error(position, "merge keys are not supported"));
            }
            if anchor != 0 {
                return Err(syntax_error(position, "a key cannot have an anchor"));
            }
            *key = Some((text.into_owned(), position));
            return Ok(());
        }
        let value =
            if plain { plain_scalar(&text, position)? } else { Value::Text(text.into_owned()) };
        self.count(1, position)?;
        self.finish(anchor, Node { position, value })
    }

    fn start(&mut self, anchor: usize, position: Position, open: Open) -> Result<(), Diagnostic> {
        if self.expects_key() {
            return Err(syntax_error(position, "a key must be a string"));
        }
        self.count(1, position)?;
        self.check_depth(1, position)?;
        self.frames.push(Frame { position, anchor, open });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Diagnostic> {
        // The parser emits an end only for what it has started.
        let Some(Frame { position, anchor, open }) = self.frames.pop() else {
            debug_assert!(false, "the end of a list or map that was not started");
            return Ok(());
        };
        let value = match open {
            Open::List(items) => Value::List(items),
            Open::Map { entries, .. } => Value::Map(entries),
        };
        self.finish(anchor, Node { position, value })
    }

    fn alias(&mut self, anchor: usize, position: Position) -> Result<(), Diagnostic> {
        if self.expects_key() {
            return Err(syntax_error(position, "a key cannot be an alias"));
        }
        let Some(target) = self.anchors.get(&anchor) else {
            return Err(syntax_error(position, "an alias cannot stand inside its own anchor"));
        };
        let (count, depth) = (target.count(), target.depth());
        let value = target.value.clone();
        self.count(count, position)?;
        self.check_depth(depth, position)?;
        self.finish(0, Node { position, value })
    }

    fn count(&mut self, added: usize, position: Position) -> Result<(), Diagnostic> {
        self.nodes = self.nodes.saturating_add(added);
        if self.nodes > MAX_NODES {
            let message = format!("more than {MAX_NODES} values, aliases counted at each use");
            return Err(syntax_error(position, message));
        }
        Ok(())
    }

    fn check_depth(&self, added: usize, position: Position) -> Result<(), Diagnostic> {
        if self.frames.len().saturating_add(added) > MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(syntax_error(position, message));
        }
        Ok(())
    }

    /// Puts a finished node where it belongs.
    fn finish(&mut self, anchor: usize, node: Node) -> Result<(), Diagnostic> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.frames.last_mut() {
            None => self.root = Some(node),
            Some(Frame { open: Open::List(items), .. }) => items.push(node),
            Some(Frame { open: Open::Map { entries, key }, .. }) => {
                // A node that stands for a key was refused or taken before.
                debug_assert!(key.is_some(), "a value without a key");
                if let Some((key, position)) = key.take() {
                    tree::insert(entries, Entry { key, position, node })?;
                }
            }
        }
        Ok(())
    }
}

fn refuse_tag(tag: Option<&Tag>, position: Position) -> Result<(), Diagnostic> {
    match tag {
        None => Ok(()),
        Some(_) => Err(syntax_error(position, "tags are not supported; quote the text instead")),
    }
}

/// The value of an unquoted scalar.
fn plain_scalar(text: &str, position: Position) -> Result<Value, Diagnostic> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Boolean(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Boolean(false)),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let all_digits =
        |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if all_digits(unsigned) {
        if unsigned.len() > 1 && unsigned.starts_with('0') {
            let message = "a number with a leading zero is read differently by YAML 1.1 and 1.2; \
                           quote it, or drop the zero";
            return Err(syntax_error(position, message));
        }
        let number = text.parse().map(Value::Integer);
        return number.map_err(|_| syntax_error(position, "number out of range"));
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let number = i128::from_str_radix(digits, radix).ok().filter(|number| *number >= 0);
            return Ok(number.map_or_else(|| Value::Text(text.to_owned()), Value::Integer));
        }
    }
    let float_like = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    match text.parse::<f64>() {
        Ok(number) if float_like && number.is_finite() => Ok(Value::Float(number)),
        _ => Ok(Value::Text(text.to_owned())),
    }
}
