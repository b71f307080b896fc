//! The names by which a service may be asked.
//!
//! A page in a browser may ask its own origin whatever it wants, and whoever made the page says to
//! which address the name of its origin leads: to the loopback interface, too (DNS rebinding).
//! The browser then sends that name, by which the request is known and refused.

use std::net::IpAddr;

use hyper::{
    Request, StatusCode,
    header::{self, HeaderValue},
    http::uri::Authority,
};

use super::{Answer, Local, text};
use crate::config::HostName;

/// The name that leads to the loopback interface everywhere.
const LOCALHOST: &str = "localhost";

/// The names by which a service may be asked over the loopback interface, besides every address.
#[derive(Debug)]
pub(crate) struct Hosts(Vec<HostName>);

impl Hosts {
    /// These names, and `localhost`.
    pub(crate) fn new(mut names: Vec<HostName>) -> Self {
        names.extend(LOCALHOST.parse::<HostName>());
        Self(names)
    }

    /// The refusal of a request that came over the loopback interface and names somebody else.
    ///
    /// One that names nobody comes from no browser.
    pub(crate) fn refuse<B>(&self, request: &Request<B>) -> Option<Answer> {
        let local = request.extensions().get::<Local>();
        if local.is_some_and(|Local(address)| !address.to_canonical().is_loopback()) {
            return None;
        }
        let named = request.headers().get_all(header::HOST).iter().map(HeaderValue::as_bytes);
        let asked = request.uri().authority().map(|authority| authority.as_str().as_bytes());
        let stranger = named.chain(asked).find(|authority| !self.knows(authority))?;
        let problem = format!(
            "{:?} is no name of this interface: use its address or localhost, or add the name to \
             flowgate.admin.hosts\n",
            String::from_utf8_lossy(stranger)
        );
        Some(text(StatusCode::FORBIDDEN, problem))
    }

    /// Whether the host of `HOST[:PORT]` is an address, or one of the names.
    fn knows(&self, authority: &[u8]) -> bool {
        let Ok(authority) = Authority::try_from(authority) else { return false };
        let host = authority.host();
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        address.unwrap_or(host).parse::<IpAddr>().is_ok() || self.0.iter().any(|name| name.is(host))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn over_the_loopback_interface_only_addresses_and_known_names_are_answered() {
        let hosts = Hosts::new(vec!["Proxy.example".parse().unwrap()]);
        for (authority, is_known) in [
            ("127.0.0.1:8081", true),
            ("127.0.0.1", true),
            ("192.0.2.7:80", true),
            ("[::1]:8081", true),
            ("[::ffff:127.0.0.1]", true),
            ("localhost:8081", true),
            ("LOCALHOST.", true),
            ("proxy.example", true),
            ("PROXY.example.:443", true),
            ("evil.example:8081", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("evil.localhost", false),
            ("not.proxy.example", false),
            ("localhost@evil.example", false),
            ("a b", false),
            ("", false),
        ] {
            let at = |local: IpAddr| {
                let request = Request::builder().extension(Local(local));
                let request = request.header(header::HOST, authority).body(()).unwrap();
                hosts.refuse(&request)
            };
            let refusal = at(Ipv4Addr::LOCALHOST.into());
            assert_eq!(refusal.is_none(), is_known, "{authority:?}");
            assert!(refusal.is_none_or(|answer| answer.status() == StatusCode::FORBIDDEN));
            let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
            assert_eq!(at(mapped.into()).is_none(), is_known, "{authority:?} over IPv6");
            assert!(at(Ipv4Addr::new(192, 0, 2, 1).into()).is_none(), "{authority:?} from afar");
        }
    }

    #[test]
    fn every_name_of_a_request_counts() {
        let hosts = Hosts::new(Vec::new());
        let request = || Request::builder().extension(Local(Ipv4Addr::LOCALHOST.into()));
        let nameless = request().body(()).unwrap();
        assert!(hosts.refuse(&nameless).is_none());
        let twice =
            request().header(header::HOST, "localhost").header(header::HOST, "evil.example");
        assert!(hosts.refuse(&twice.body(()).unwrap()).is_some());
        let proxied =
            request().uri("http://evil.example/metrics").header(header::HOST, "localhost");
        assert!(hosts.refuse(&proxied.body(()).unwrap()).is_some());
    }
}
