//! Turns an NDJSON export into another format: `export perfetto|pcapng|text|lines < IN > OUT`;
//! with the feature `otlp` also `otlp`, the body of a request to a collector.

use std::io::{self, Read, Write};

use flowgate_trace::{Style, line, pcapng, perfetto, read_ndjson, waterfall};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut octets = Vec::new();
    io::stdin().read_to_end(&mut octets)?;
    let records = read_ndjson(&octets)?;
    let out = match std::env::args().nth(1).as_deref() {
        Some("perfetto") => perfetto(&records).into_bytes(),
        Some("pcapng") => pcapng(&records),
        Some("text") => waterfall(&records, Style::Plain).into_bytes(),
        #[cfg(feature = "otlp")]
        Some("otlp") => {
            let resource = [("service.name".to_owned(), "flowgate".to_owned())];
            flowgate_trace::otlp(&resource, &flowgate_trace::spans(&records))
        }
        Some("lines") => {
            let lines = records.iter().map(|record| line(record, Style::Plain) + "\n");
            lines.collect::<String>().into_bytes()
        }
        Some(_) | None => return Err("usage: export perfetto|pcapng|text|lines".into()),
    };
    io::stdout().write_all(&out)?;
    Ok(())
}
