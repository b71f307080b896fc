//! What a scraper asks for, and what it gets.

use std::fmt;

use super::{openmetrics, protobuf, text};
use crate::scrape::Scrape;

/// Below this many bytes compressing costs more than it saves: it fits one packet.
pub const COMPRESSED_LENGTH_MIN: usize = 1400;

/// A format of scrapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Format {
    /// Prometheus text 0.0.4, what everybody reads.
    #[default]
    Text004,
    /// Prometheus text 1.0.0: the same, with a word on how names are escaped.
    Text100(Escaping),
    /// OpenMetrics 0.0.1.
    OpenMetrics001,
    /// OpenMetrics 1.0.0, with a word on how names are escaped.
    OpenMetrics100(Escaping),
    /// Delimited protobuf, the only one with native histograms.
    Protobuf(Option<Escaping>),
}

/// How names outside of `[a-zA-Z0-9_:]` would be written. There are none here, so that all of these
/// schemes give the same names, and the scraper's wish is granted.
///
/// The scheme `dots` doubles underscores and is not among them; who asks for it gets the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Escaping {
    /// As they are.
    AllowUtf8,
    /// Underscores in place of other characters.
    #[default]
    Underscores,
    /// Their code points.
    Values,
}

impl Escaping {
    fn parse(word: &str) -> Self {
        match word {
            "allow-utf-8" => Self::AllowUtf8,
            "values" => Self::Values,
            _ => Self::Underscores,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::AllowUtf8 => "allow-utf-8",
            Self::Underscores => "underscores",
            Self::Values => "values",
        }
    }
}

impl Format {
    /// The format for a request with this `Accept` header; of several lines, joined by commas.
    ///
    /// The one with the highest quality that exists here, the first of several; text 0.0.4 if the
    /// header is missing, or names none of them: a page that is not asked for is better than none.
    /// A quality of 0 excludes a format, and a range with a version that does not exist is none.
    ///
    /// ```
    /// use flowgate_metrics::encode::Format;
    ///
    /// let format = Format::negotiate(Some("application/openmetrics-text;q=0.5, text/plain;q=0.1"));
    /// assert!(format.content_type().to_string().starts_with("application/openmetrics-text"));
    /// ```
    #[must_use]
    pub fn negotiate(accept: Option<&str>) -> Self {
        let mut best: Option<(u16, Self)> = None;
        for range in accept.unwrap_or_default().split(',') {
            let (Some(format), quality) = parse_range(range) else { continue };
            let is_better = best.is_none_or(|(best, _)| quality > best);
            if quality > 0 && is_better {
                best = Some((quality, format));
            }
        }
        best.map(|(_, format)| format).unwrap_or_default()
    }

    /// The value of the `Content-Type` header.
    #[must_use]
    pub fn content_type(self) -> impl fmt::Display {
        match self {
            Self::Text004 => String::from("text/plain; version=0.0.4; charset=utf-8"),
            Self::Text100(escaping) => {
                format!("text/plain; version=1.0.0; charset=utf-8; escaping={}", escaping.word())
            }
            Self::OpenMetrics001 => {
                String::from("application/openmetrics-text; version=0.0.1; charset=utf-8")
            }
            Self::OpenMetrics100(escaping) => format!(
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping={}",
                escaping.word()
            ),
            Self::Protobuf(escaping) => {
                let escaping = escaping.map(|scheme| format!("; escaping={}", scheme.word()));
                format!(
                    "{PROTOBUF}; proto={PROTO}; encoding=delimited{}",
                    escaping.unwrap_or_default()
                )
            }
        }
    }

    /// Appends a scrape in this format.
    pub fn encode(self, scrape: &Scrape, out: &mut Vec<u8>) {
        let mut page = String::new();
        match self {
            Self::Text004 | Self::Text100(_) => text(scrape, &mut page),
            Self::OpenMetrics001 | Self::OpenMetrics100(_) => openmetrics(scrape, &mut page),
            Self::Protobuf(_) => protobuf(scrape, out),
        }
        if out.is_empty() {
            *out = page.into_bytes();
        } else {
            out.extend_from_slice(page.as_bytes());
        }
    }
}

const PROTOBUF: &str = "application/vnd.google.protobuf";
const PROTO: &str = "io.prometheus.client.MetricFamily";

/// The format that a media range means, if it is one of ours, and its quality in thousandths.
fn parse_range(range: &str) -> (Option<Format>, u16) {
    let mut parts = range.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let (mut quality, mut version, mut escaping) = (1000, None, None);
    let (mut proto, mut encoding) = (None, None);
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "q" => quality = parse_quality(value),
            "version" => version = Some(value),
            "escaping" => escaping = Some(Escaping::parse(value)),
            "proto" => proto = Some(value),
            "encoding" => encoding = Some(value),
            _ => {}
        }
    }
    let format = match (media_type.as_str(), version) {
        (PROTOBUF, _) => {
            let is_ours = proto == Some(PROTO) && encoding == Some("delimited");
            is_ours.then_some(Format::Protobuf(escaping))
        }
        ("application/openmetrics-text", Some("1.0.0") | None) => {
            Some(Format::OpenMetrics100(escaping.unwrap_or_default()))
        }
        ("application/openmetrics-text", Some("0.0.1")) => Some(Format::OpenMetrics001),
        ("text/plain", Some("1.0.0")) => Some(Format::Text100(escaping.unwrap_or_default())),
        ("text/plain", Some("0.0.4") | None) | ("text/*" | "*/*", _) => Some(Format::Text004),
        _ => None,
    };
    (format, quality)
}

/// Thousandths from 0 to 1000; what is no quality excludes.
fn parse_quality(value: &str) -> u16 {
    let quality: f32 = value.parse().unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped")]
    let thousandths = (quality.clamp(0.0, 1.0) * 1000.0).round() as u16;
    thousandths
}

/// How an answer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Identity,
    /// By gzip.
    Gzip,
}

impl Compression {
    /// The compression for a request with this `Accept-Encoding` header and a page of this length.
    ///
    /// Gzip if the header asks for it at a quality that is not below that of no compression, and the
    /// page is at least [`COMPRESSED_LENGTH_MIN`] long. Whoever does not ask gets none.
    #[must_use]
    pub fn negotiate(accept_encoding: Option<&str>, page_bytes: usize) -> Self {
        let (mut gzip, mut any, mut identity) = (None, None, None);
        for part in accept_encoding.unwrap_or_default().split(',') {
            let mut words = part.split(';').map(str::trim);
            let coding = words.next().unwrap_or_default().to_ascii_lowercase();
            let quality =
                words.find_map(|word| word.strip_prefix("q=")).map_or(1000, parse_quality);
            match coding.as_str() {
                "gzip" | "x-gzip" => gzip = Some(quality),
                "identity" => identity = Some(quality),
                "*" => any = Some(quality),
                _ => {}
            }
        }
        let gzip = gzip.or(any).unwrap_or(0);
        if gzip > 0 && gzip >= identity.unwrap_or(0) && page_bytes >= COMPRESSED_LENGTH_MIN {
            Self::Gzip
        } else {
            Self::Identity
        }
    }
}
