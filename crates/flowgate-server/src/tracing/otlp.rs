//! Spans on their way to a collector of OpenTelemetry.

use std::time::Duration;

use flowgate_trace::{OTLP_CONTENT_TYPE, OtlpAnswer};
use hyper::{Request, body::Bytes, header};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};

use super::Tracing;
use crate::{
    config::HttpUrl,
    http::client::{AnswerLimits, ExchangeError, exchange},
    listener::Stop,
};

/// How often it is looked whether there is something to send: spans wait for others longer.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// What a collector's answer may take.
const ANSWER_LIMITS: AnswerLimits =
    AnswerLimits { within: Duration::from_secs(5), bytes: 64 * 1024 };

/// How long the last spans are given at shutdown.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// What a collector has said.
pub(super) struct Said {
    status: u16,
    retry_after: Option<Duration>,
    body: Bytes,
}

impl Said {
    pub(super) fn as_answer(&self) -> OtlpAnswer<'_> {
        let Self { status, retry_after, body } = self;
        OtlpAnswer::Http { status: *status, retry_after: *retry_after, body }
    }
}

/// Sends what the thread has for the collector, until `stop` says so for good; then once more what
/// is left.
pub(crate) async fn export_spans(
    tracing: Tracing,
    collector: HttpUrl,
    mut stop: watch::Receiver<Stop>,
) {
    let mut ticks = interval(POLL_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answers = true;
    loop {
        let is_over = tokio::select! {
            _ = ticks.tick() => false,
            _ = stop.wait_for(|stop| *stop == Stop::Now) => true,
        };
        if is_over {
            break;
        }
        send_due(&tracing, &collector, &mut answers).await;
    }
    let last = async {
        if tracing.otlp_flush().await.is_ok() {
            send_due(&tracing, &collector, &mut answers).await;
        }
    };
    if timeout(FLUSH_TIMEOUT, last).await.is_err() {
        tracing::warn!(collector = collector.authority, "OTLP: the last spans are lost");
    }
}

/// Sends what is due; `answers` is whether the collector did the last time.
async fn send_due(tracing: &Tracing, collector: &HttpUrl, answers: &mut bool) {
    while let Ok(Some(body)) = tracing.otlp_request().await {
        let said = match post(collector, body).await {
            Ok(said) => {
                let is_ok = (200..300).contains(&said.status);
                if !is_ok && *answers {
                    let (collector, status) = (&collector.authority, said.status);
                    tracing::warn!(collector, status, "OTLP: the collector does not take spans");
                }
                *answers = is_ok;
                Some(said)
            }
            Err(error) => {
                // Once is enough in the log.
                if std::mem::replace(answers, false) {
                    tracing::warn!(collector = collector.authority, %error, "OTLP: no answer");
                }
                None
            }
        };
        if tracing.otlp_settle(said).await.is_err() {
            return;
        }
    }
}

async fn post(collector: &HttpUrl, body: Bytes) -> Result<Said, ExchangeError> {
    let request = Request::post(&collector.path).header(header::CONTENT_TYPE, OTLP_CONTENT_TYPE);
    let answer = exchange(&collector.authority, request, body, ANSWER_LIMITS).await?;
    let retry_after = answer.headers().get(header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    Ok(Said {
        status: answer.status().as_u16(),
        retry_after: retry_after.map(Duration::from_secs),
        body: answer.into_body(),
    })
}

#[cfg(test)]
mod tests;
