//! Other observers, whose measurements are shown with one's own.

use std::{sync::Arc, time::Duration};

use flowgate_observer::Snapshot;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::observe::{ObserveError, Observing};

/// Where an observer's snapshot is.
pub(super) const SNAPSHOT_PATH: &str = "/snapshot";

/// The longest snapshot: far above what the limits of an observer allow.
const MAX_SNAPSHOT_BYTES: usize = 256 << 20;

/// How long an observer may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Another observer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// Host and port.
    authority: String,
}

/// A source has not answered as it should; its last answer stays in force.
#[derive(Debug, thiserror::Error)]
enum SourceError {
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
    #[error("no answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("no answer within {} s", ANSWER_TIMEOUT.as_secs())]
    TimedOut(#[from] tokio::time::error::Elapsed),
    #[error("answered {0}")]
    Status(StatusCode),
    #[error("the answer cannot be read: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    #[error("the answer is no snapshot: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the address cannot be asked: {0}")]
    Request(#[from] hyper::http::Error),
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
            match timeout(ANSWER_TIMEOUT, self.ask()).await.map_err(SourceError::from).flatten() {
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
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::get(SNAPSHOT_PATH)
            .header(header::HOST, &self.authority)
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())?;
        let answer = async {
            let answer = sender.send_request(request).await?;
            if answer.status() != StatusCode::OK {
                return Err(SourceError::Status(answer.status()));
            }
            let body = Limited::new(answer.into_body(), MAX_SNAPSHOT_BYTES).collect().await;
            let body = body.map_err(SourceError::Body)?.to_bytes();
            Ok(serde_json::from_slice(&body)?)
        };
        // The connection has to be driven while its answer is read.
        let (answer, _) = tokio::join!(answer, connection);
        answer
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
