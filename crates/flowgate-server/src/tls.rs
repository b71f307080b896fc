//! TLS for listeners.

use std::{path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::config::TlsConfig;

/// The files of a `tls` section cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds nothing of the kind. The operator's fault.
    #[error("cannot use {what} {file}: {reason}")]
    File {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Key and certificate do not go together. The operator's fault.
    #[error("cannot use certificate {file}: {source}")]
    Pair {
        /// The certificate's file.
        file: String,
        /// What is wrong.
        source: rustls::Error,
    },
}

/// Loads key and certificates.
pub(crate) fn load(config: &TlsConfig) -> Result<Arc<ServerConfig>, TlsError> {
    let key = PrivateKeyDer::from_pem_file(&config.key)
        .map_err(|error| file_error("private key", &config.key, error.to_string()))?;
    let mut chain = certificates(&config.certificate)?;
    for file in &config.chain {
        chain.extend(certificates(file)?);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let pair = |source| TlsError::Pair { file: config.certificate.display().to_string(), source };
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(pair)?;
    Ok(Arc::new(server))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let what = "certificate";
    let found = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| file_error(what, file, error.to_string()))?;
    if found.is_empty() {
        return Err(file_error(what, file, "no certificate in it".to_owned()));
    }
    Ok(found)
}

fn file_error(what: &'static str, file: &Path, reason: String) -> TlsError {
    TlsError::File { what, file: file.display().to_string(), reason }
}
