//! Compression, for clients that ask for it.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use hyper::{
    Request,
    header::{self, HeaderMap, HeaderValue},
};

use super::{self as http, Answer};

/// A body of the given type, compressed if the client takes gzip.
pub(crate) fn typed<B>(
    request: &Request<B>,
    content_type: HeaderValue,
    body: impl Into<Vec<u8>>,
) -> Answer {
    let status = hyper::StatusCode::OK;
    let body = body.into();
    let mut answer = match takes_gzip(request.headers()).then(|| gzip(&body)) {
        Some(Ok(compressed)) => {
            let mut answer = http::typed(status, content_type, compressed);
            answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            answer
        }
        // Writing to memory cannot fail; if it did, the body is there as it is.
        Some(Err(_)) | None => http::typed(status, content_type, body),
    };
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    answer
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// Whether `Accept-Encoding` allows gzip (RFC 9110, section 12.5.3): named, or by `*`, and not with
/// a weight of zero.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let codings: Vec<(String, bool)> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
            (name, weight.is_none_or(|weight| weight > 0.0))
        })
        .collect();
    let of =
        |name: &str| codings.iter().find(|(coding, _)| coding == name).map(|(_, takes)| *takes);
    of("gzip").or_else(|| of("x-gzip")).or_else(|| of("*")).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_where_it_is_accepted() {
        for (accepts, expected) in [
            (None, false),
            (Some("gzip"), true),
            (Some("identity"), false),
            (Some("deflate, GZIP;q=0.5"), true),
            (Some("gzip;q=0"), false),
            (Some("gzip; q=0.0, *"), false),
            (Some("*"), true),
            (Some(""), false),
        ] {
            let mut request = Request::builder();
            if let Some(accepts) = accepts {
                request = request.header(header::ACCEPT_ENCODING, accepts);
            }
            let request = request.body(()).unwrap();
            let answer = typed(&request, HeaderValue::from_static("text/plain"), "body");
            let is_compressed = answer.headers().contains_key(header::CONTENT_ENCODING);
            assert_eq!(is_compressed, expected, "{accepts:?}");
        }
    }
}
