//! OpenMetrics text, version 1.0.
//!
//! Source: the OpenMetrics 1.0 specification.

use super::text::{Dialect, write_family};
use crate::scrape::Scrape;

/// Appends a scrape as OpenMetrics 1.0 text, with exemplars.
///
/// `_created` is left out: it would be one more series for each metric in a server that does not
/// know it. Protobuf has start timestamps.
pub fn openmetrics(scrape: &Scrape, out: &mut String) {
    scrape.present().for_each(|view| write_family(view, Dialect::OpenMetrics, out));
    out.push_str("# EOF\n");
}
