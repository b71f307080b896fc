//! `flowgate observe`: the line-protocol observer without a router.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    process::ExitCode,
    time::Duration,
};

use flowgate_observer::{Limits, Protocol};
use flowgate_server::{
    ObserverServer,
    config::{LogConfig, ObserverConfig},
};
use tokio::runtime::Builder;

use super::{USAGE, above_zero, fail, signals, start_log};

/// Where the page is unless said otherwise: the port of php-wamp-observer.
const DEFAULT_PAGE: &str = "127.0.0.1:8080";

#[derive(Debug, clap::Args)]
pub(super) struct Observe {
    /// Where lines of logged messages come in.
    #[arg(long, value_name = "ADDR", default_value_t = ObserverConfig::DEFAULT_LISTEN)]
    listen: SocketAddr,
    /// Where Prometheus scrapes.
    #[arg(long, value_name = "ADDR", default_value = DEFAULT_PAGE)]
    metrics: SocketAddr,
    /// Where lines of counts and durations come in (php-observability uses 127.0.0.1:7777).
    #[arg(long, value_name = "ADDR")]
    counters: Option<SocketAddr>,
    /// After which time a request without a reply counts as timed out, such as 300ms.
    #[arg(long, value_name = "TIME", value_parser = above_zero, default_value = "300ms")]
    timeout: Duration,
    /// Another observer, as http://HOST:PORT, whose measurements are shown too; may be repeated.
    #[arg(long = "source", value_name = "URL")]
    sources: Vec<String>,
    /// How often the other observers are asked.
    #[arg(long, value_name = "TIME", value_parser = above_zero, default_value = "5s")]
    every: Duration,
    /// Label values of one metric; what would be one more counts for the value _other.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_label_value_count)]
    max_label_values: usize,
    /// The longest line, in octets; a longer one is skipped and counted.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_line_bytes)]
    max_line_bytes: usize,
}

pub(super) fn run(options: Observe) -> ExitCode {
    start_log(LogConfig::default());
    let Observe { max_label_values, max_line_bytes, .. } = options;
    let config = ObserverConfig {
        listen: Some(options.listen),
        counters: options.counters,
        timeout: options.timeout,
        limits: Limits {
            max_label_value_count: max_label_values,
            max_line_bytes,
            ..Limits::default()
        },
        sources: options.sources,
        every: options.every,
    };
    match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(serve(&config, options.metrics)),
        Err(error) => fail(1, &error),
    }
}

async fn serve(config: &ObserverConfig, page: SocketAddr) -> ExitCode {
    // Before the sockets are bound, so that no signal after the announcement is missed.
    let Ok(stop) = signals() else { return fail(1, &"cannot listen for signals") };
    let server = match ObserverServer::bind(config, page) {
        Ok(server) => server,
        Err(error) => return fail(USAGE, &error),
    };
    announce(&server);
    server.run(stop).await;
    ExitCode::SUCCESS
}

/// Says on standard output where lines come in and where the page is.
fn announce(server: &ObserverServer) {
    let mut lines = format!("flowgate {} observer\n", env!("CARGO_PKG_VERSION"));
    for (address, protocol) in server.addresses() {
        let what = match protocol {
            Protocol::Wamp => "messages",
            Protocol::Metrics => "counts and durations",
        };
        lines.push_str(&format!("listening on {address} for {what}\n"));
    }
    if let Some(address) = server.page_address() {
        lines.push_str(&format!("try: curl http://{address}/metrics\n"));
    }
    let mut out = io::stdout().lock();
    // Nobody may be reading, which is no reason not to serve.
    let _ = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
}
