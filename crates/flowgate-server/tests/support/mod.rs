//! What the tests have in common.

pub(crate) mod client;
pub(crate) mod meta;
pub(crate) mod router;
pub(crate) mod scratch;
pub(crate) mod ws;

use std::{future::Future, time::Duration};

use tokio::io::{AsyncRead, AsyncReadExt};

/// Far more than any test takes on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(150);

/// Runs a test, and fails it when it hangs.
pub(crate) async fn within<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, test).await.expect("the test hangs")
}

/// Reads up to the end of the stream; a reset ends it, too.
pub(crate) async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut octets = Vec::new();
    let _ = stream.read_to_end(&mut octets).await;
    octets
}
