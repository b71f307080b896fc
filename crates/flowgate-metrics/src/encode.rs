//! Formats: what scrapers, programs and people read.
//!
//! | function | format | read by |
//! |---|---|---|
//! | [`text`] | Prometheus text 0.0.4 (or 1.0.0, which looks the same for these names) | everything |
//! | [`openmetrics`] | OpenMetrics 1.0, with exemplars | Prometheus since 2.5 |
//! | [`protobuf`] | delimited `io.prometheus.client.MetricFamily`, with native histograms | Prometheus since 2.40 |
//! | [`json`] | a tree by category, container and short name | programs |
//! | [`console`] | lines | people |
//!
//! [`Format::negotiate`] chooses what a scraper asks for, and [`Compression::negotiate`] whether to
//! compress it.

pub mod console;
mod json;
mod negotiate;
mod number;
mod openmetrics;
mod protobuf;
mod text;

#[cfg(test)]
mod tests;

pub use self::json::{StatFilter, json};
pub use self::negotiate::{COMPRESSED_LENGTH_MIN, Compression, Escaping, Format};
pub use self::openmetrics::openmetrics;
pub use self::protobuf::protobuf;
pub use self::text::text;
