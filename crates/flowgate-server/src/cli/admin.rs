//! Asking a running router over its administration interface.

use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, StatusCode, body::Bytes, client::conn::http1, header,
    http::HeaderName,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::USAGE;

/// How long a router may take to answer.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Tells the router that no page in a browser asks.
const CHANGE_HEADER: HeaderName = HeaderName::from_static("x-flowgate-change");

/// Why a router does not say what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// No router, or one without administration interface.
    #[error("no router answers at {address}: {source}")]
    Connect { address: SocketAddr, source: io::Error },
    /// The connection broke.
    #[error("the router at {address} does not answer: {source}")]
    Answer { address: SocketAddr, source: hyper::Error },
    /// It takes too long.
    #[error("the router at {0} does not answer")]
    Late(SocketAddr),
    /// It says why not.
    #[error("{text}")]
    Refused { status: StatusCode, text: String },
    /// A request that cannot be written: our fault.
    #[error(transparent)]
    Request(#[from] hyper::http::Error),
    /// A file that cannot be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl AskError {
    /// The exit code: 2 if the command line has to change, and where it says that a router is.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Connect { .. } | Self::Request(_) => USAGE,
            Self::Refused { status, .. } if *status == StatusCode::BAD_REQUEST => USAGE,
            Self::Answer { .. } | Self::Late(_) | Self::Refused { .. } | Self::Write { .. } => 1,
        }
    }
}

/// One request, and its answer, whose status is 200. Cancellation loses the answer, not what it has
/// changed.
pub(super) async fn ask(
    admin: SocketAddr,
    method: Method,
    path: &str,
    body: impl Into<Bytes>,
) -> Result<Response<Bytes>, AskError> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, admin.to_string())
        .header(header::CONNECTION, "close")
        .header(CHANGE_HEADER, "yes")
        .body(Full::new(body.into()))?;
    let exchange = async {
        let stream = TcpStream::connect(admin)
            .await
            .map_err(|source| AskError::Connect { address: admin, source })?;
        let broken = |source| AskError::Answer { address: admin, source };
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let answer = async {
            let (head, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
            let body = body.collect().await.map_err(broken)?.to_bytes();
            match head.status {
                StatusCode::OK => Ok(Response::from_parts(head, body)),
                status => {
                    let text = String::from_utf8_lossy(&body).trim_end().to_owned();
                    Err(AskError::Refused { status, text })
                }
            }
        };
        // The connection has to be driven while its answer is read.
        let (answer, _) = tokio::join!(answer, connection);
        answer
    };
    timeout(ANSWER_TIMEOUT, exchange).await.map_err(|_| AskError::Late(admin)).flatten()
}

/// One request without a body, and the text of its answer.
pub(super) async fn ask_text(
    admin: SocketAddr,
    method: Method,
    path: &str,
) -> Result<String, AskError> {
    let answer = ask(admin, method, path, Bytes::new()).await?;
    Ok(String::from_utf8_lossy(answer.body()).into_owned())
}
