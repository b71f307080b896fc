//! `flowgate codec`: single messages between hexadecimal octets and JSON, for debugging.

use std::{
    fmt::Write as _,
    io::{self, BufRead, Write},
};

use flowgate_wire::{Format, Limits, Message};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

/// One line of input.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query<'a> {
    /// Copied to the answer.
    #[serde(default)]
    id: Value,
    /// `json`, `msgpack` or `cbor`.
    serializer: String,
    /// The message as octets, two hexadecimal digits each.
    hex: Option<String>,
    /// Or the message as a JSON list.
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

/// One line of output.
#[derive(Serialize)]
struct Answer {
    id: Value,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Answers every line of `input` with one line of `output`; empty lines are skipped.
///
/// # Errors
/// Input or output fails. A bad line is answered with its error and does not end the run.
pub fn run(input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    for line in input.split(b'\n') {
        let line = line?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = answer(&line);
        serde_json::to_writer(&mut output, &answer)?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

fn answer(line: &[u8]) -> Answer {
    let refused =
        |id, error| Answer { id, ok: false, message: None, hex: None, error: Some(error) };
    match serde_json::from_slice::<Query<'_>>(line) {
        Err(error) => {
            // The line may be JSON all the same: then its answer can be told from others.
            let id = serde_json::from_slice::<Value>(line)
                .ok()
                .and_then(|value| value.get("id").cloned())
                .unwrap_or(Value::Null);
            refused(id, format!("bad input line: {error}"))
        }
        Ok(query) => match convert(&query) {
            Ok((message, hex)) => Answer {
                id: query.id,
                ok: true,
                message: Some(message),
                hex: Some(hex),
                error: None,
            },
            Err(error) => refused(query.id, error),
        },
    }
}

fn convert(query: &Query<'_>) -> Result<(Box<RawValue>, String), String> {
    let format = Format::from_name(&query.serializer)
        .ok_or_else(|| format!("unknown serializer {:?}", query.serializer))?;
    let (octets, source) = match (&query.hex, query.message) {
        (Some(hex), None) => (from_hex(hex)?, format),
        (None, Some(message)) => (message.get().as_bytes().to_vec(), Format::Json),
        (Some(_), Some(_)) | (None, None) => {
            return Err("give either `hex` or `message`".to_owned());
        }
    };
    let message =
        Message::decode(source, &octets, &Limits::default()).map_err(|error| error.to_string())?;
    let mut json = Vec::new();
    message.encode(Format::Json, &mut json);
    let json = String::from_utf8(json).map_err(|error| error.to_string())?;
    let json = RawValue::from_string(json).map_err(|error| error.to_string())?;
    let mut encoded = Vec::new();
    message.encode(format, &mut encoded);
    Ok((json, to_hex(&encoded)))
}

fn from_hex(hex: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = hex
        .chars()
        .filter(|char| !char.is_ascii_whitespace())
        .map(|char| char.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()
        .ok_or("`hex` holds something that is no hexadecimal digit")?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("`hex` has an odd number of digits".to_owned());
    }
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn to_hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut hex, octet| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{octet:02x}");
        hex
    })
}

#[cfg(test)]
mod tests;
