//! Other observers, whose measurements are shown with one's own.

use std::{sync::Arc, time::Duration};

use flowgate_observer::Snapshot;
use hyper::{Request, StatusCode, body::Bytes};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    http::client::{AnswerLimits, ExchangeError, exchange},
    observe::{ObserveError, Observing},
};

/// Where an observer's snapshot is.
pub(super) const SNAPSHOT_PATH: &str = "/snapshot";

/// What an observer's answer may take: far above what its own limits allow.
const ANSWER_LIMITS: AnswerLimits =
    AnswerLimits { within: Duration::from_secs(10), bytes: 256 << 20 };

/// Another observer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// Host and port.
    authority: String,
}

/// A source has not answered as it should; its last answer stays in force.
#[derive(Debug, thiserror::Error)]
enum SourceError {
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    #[error("answered {0}")]
    Status(StatusCode),
    #[error("the answer is no snapshot: {0}")]
    Json(#[from] serde_json::Error),
}

impl Source {
    /// Reads `http://HOST[:PORT]`; the port is 80 if none is named.
    pub(super) fn parse(url: &str) -> Result<Self, ObserveError> {
        let error = || ObserveError::Source(url.to_owned());
        let uri: hyper::Uri = url.parse().map_err(|_| error())?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http"));
        let host = authority.map(hyper::http::uri::Authority::host).filter(|host| !host.is_empty());
        let host = host.ok_or_else(error)?;
        if !matches!(uri.path(), "" | "/" | SNAPSHOT_PATH) {
            return Err(error());
        }
        let port = uri.port_u16().unwrap_or(80);
        Ok(Self { authority: format!("{host}:{port}") })
    }

    /// Asks at every interval, for ever.
    pub(super) async fn poll(self, observing: Arc<Observing>, every: Duration) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut answers = true;
        loop {
            ticks.tick().await;
            match self.ask().await {
                Ok(snapshot) => {
                    observing.aggregate().replace(&self.authority, snapshot);
                    answers = true;
                }
                // Once is enough in the log.
                Err(error) if answers => {
                    tracing::warn!(source = self.authority, %error, "observer: source fails");
                    answers = false;
                }
                Err(_) => {}
            }
        }
    }

    async fn ask(&self) -> Result<Snapshot, SourceError> {
        let request = Request::get(SNAPSHOT_PATH);
        let answer = exchange(&self.authority, request, Bytes::new(), ANSWER_LIMITS).await?;
        match answer.status() {
            StatusCode::OK => Ok(serde_json::from_slice(answer.body())?),
            status => Err(SourceError::Status(status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_http_urls() {
        for (url, authority) in [
            ("http://127.0.0.1:8080", Some("127.0.0.1:8080")),
            ("http://observer", Some("observer:80")),
            ("http://[::1]:9/snapshot", Some("[::1]:9")),
            ("https://observer", None),
            ("observer:8080", None),
            ("http://observer/metrics", None),
            ("", None),
        ] {
            let source = Source::parse(url).ok().map(|source| source.authority);
            assert_eq!(source.as_deref(), authority, "{url}");
        }
    }
}
