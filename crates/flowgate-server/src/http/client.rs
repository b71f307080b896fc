//! One request over a connection of its own.

use std::{io, time::Duration};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Response, body::Bytes, client::conn::http1, header, http::request};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

/// There is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
    #[error("no answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("the answer cannot be read: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    #[error("the address cannot be asked: {0}")]
    Request(#[from] hyper::http::Error),
}

/// What an answer may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerLimits {
    pub(crate) within: Duration,
    pub(crate) bytes: usize,
}

/// Sends a request to an authority, which is host and port, and reads the answer, whatever its
/// status.
pub(crate) async fn exchange(
    authority: &str,
    request: request::Builder,
    body: Bytes,
    limits: AnswerLimits,
) -> Result<Response<Bytes>, ExchangeError> {
    let request = request.header(header::HOST, authority).header(header::CONNECTION, "close");
    let request = request.body(Full::new(body))?;
    let exchange = async {
        let stream = TcpStream::connect(authority).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let answer = async {
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = Limited::new(body, limits.bytes).collect().await;
            Ok(Response::from_parts(head, body.map_err(ExchangeError::Body)?.to_bytes()))
        };
        // The connection has to be driven while its answer is read.
        let (answer, _) = tokio::join!(answer, connection);
        answer
    };
    let late = |_| ExchangeError::TimedOut(limits.within);
    timeout(limits.within, exchange).await.map_err(late).flatten()
}
