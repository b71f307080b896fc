//! Joining the router that is played against.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use flowgate_client::{
    ConnectOptions, Connection, JoinOptions, Session, Target,
    rustls::{
        self, ClientConfig, RootCertStore,
        pki_types::{CertificateDer, pem::PemObject as _},
    },
};
use flowgate_wire::Value;

use super::{ReplayError, mapping::Who};

/// Events and invocations that may wait in a session: more than routers send at once.
const QUEUE_COUNT: usize = 65_536;

/// Whose certificates are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// Those that the system trusts.
    System,
    /// Those in a file.
    File(PathBuf),
}

/// Why nobody can be trusted; the user's fault.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrustError {
    /// The file.
    #[error("cannot use certificates {path}: {reason}", path = path.display())]
    File { path: PathBuf, reason: String },
    /// The system.
    #[error("this system trusts no certificates; name a file of them with --ca")]
    System,
    /// Something that rustls says.
    #[error("cannot use TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// A router, and how to connect to it.
#[derive(Debug, Clone)]
pub(super) struct Router {
    pub(super) url: Target,
    options: ConnectOptions,
}

impl Router {
    pub(super) fn new(url: Target, trust: &Trust) -> Result<Self, TrustError> {
        let mut options = ConnectOptions::default();
        if url.is_tls() {
            options.tls = Some(Arc::new(client_config(trust)?));
        }
        Ok(Self { url, options })
    }

    /// A session of somebody.
    pub(super) async fn join(&self, who: &Who) -> Result<Session, ReplayError> {
        let url = || self.url.to_string();
        let connection = Connection::open(&self.url, &self.options).await;
        let connection =
            connection.map_err(|source| ReplayError::Connect { url: url(), source })?;
        let wanted = [("authid", &who.authid), ("authrole", &who.authrole)];
        let details = wanted.into_iter().filter_map(|(key, value)| {
            value.as_ref().map(|value| (key.into(), Value::from(value.clone())))
        });
        let options = JoinOptions {
            details: details.collect(),
            queue_count: QUEUE_COUNT,
            ..JoinOptions::default()
        };
        let session = Session::join(connection, who.realm.clone(), options)
            .await
            .map_err(|source| ReplayError::Session { url: url(), source })?;
        for (key, value) in wanted {
            let given = detail(&session, key);
            if let Some(value) = value
                && given != Some(value)
            {
                let given = given.unwrap_or("none");
                eprintln!("flowgate: {}: asked for {key} {value}, and has {given}", self.url);
            }
        }
        Ok(session)
    }
}

/// A text that the router has welcomed a session with.
pub(super) fn detail<'a>(session: &'a Session, wanted: &str) -> Option<&'a str> {
    session.details().iter().find(|(key, _)| key == wanted).and_then(|(_, value)| value.as_str())
}

fn client_config(trust: &Trust) -> Result<ClientConfig, TrustError> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::System => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(TrustError::System);
            }
        }
        Trust::File(path) => add_file(&mut roots, path)?,
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(config?.with_root_certificates(roots).with_no_client_auth())
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), TrustError> {
    let fault = |reason: String| TrustError::File { path: path.to_owned(), reason };
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| fault(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| fault(error.to_string()))?;
        roots.add(certificate).map_err(|error| fault(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(fault("no certificate in it".to_owned()));
    }
    Ok(())
}
