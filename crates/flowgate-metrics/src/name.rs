//! Names and texts that every format accepts.

/// A name that cannot be registered.
///
/// Always the fault of whoever wrote the name; nothing is registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// A metric's name is not `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    #[error(
        "the metric name {0:?} must be letters, digits and underscores and not start with a digit"
    )]
    Metric(String),
    /// A label's name is not `[a-zA-Z_][a-zA-Z0-9_]*`, or starts with two underscores, which
    /// Prometheus keeps for itself.
    #[error(
        "the label name {0:?} must be letters, digits and underscores and not start with a digit or __"
    )]
    Label(String),
    /// A label has a name that histograms (`le`) or summaries (`quantile`) use themselves.
    #[error("the label name {0:?} is reserved")]
    ReservedLabel(String),
    /// The same label is there twice.
    #[error("the label name {0:?} is there twice")]
    RepeatedLabel(String),
    /// The name ends in what the registry appends by itself, from kind and unit.
    #[error(
        "the metric name {name:?} must not end in {suffix:?}, which is appended where it belongs"
    )]
    Suffix {
        /// The name.
        name: String,
        /// Its end.
        suffix: &'static str,
    },
    /// The category is one of the words that the console command `stats show` understands.
    #[error("the category {0:?} is a word of the console")]
    Category(String),
}

/// What formats append to names, and what therefore no name may end in.
const SUFFIXES: [&str; 6] = ["_total", "_created", "_count", "_sum", "_bucket", "_info"];

/// The words of `stats show` that stand where a category could.
const CONSOLE_WORDS: [&str; 2] = ["all", "list"];

pub(crate) fn check_metric(name: &str) -> Result<(), NameError> {
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b == b':');
    if !starts || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':') {
        return Err(NameError::Metric(name.to_owned()));
    }
    match SUFFIXES.into_iter().find(|suffix| name.ends_with(suffix)) {
        Some(suffix) => Err(NameError::Suffix { name: name.to_owned(), suffix }),
        None => Ok(()),
    }
}

pub(crate) fn check_labels(names: &[&str]) -> Result<(), NameError> {
    for (index, name) in names.iter().enumerate() {
        check_label(name)?;
        if names.iter().take(index).any(|other| other == name) {
            return Err(NameError::RepeatedLabel((*name).to_owned()));
        }
    }
    Ok(())
}

pub(crate) fn check_label(name: &str) -> Result<(), NameError> {
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    let goes_on = bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !starts || !goes_on || name.starts_with("__") {
        return Err(NameError::Label(name.to_owned()));
    }
    if name == "le" || name == "quantile" {
        return Err(NameError::ReservedLabel(name.to_owned()));
    }
    Ok(())
}

pub(crate) fn check_category(category: &str) -> Result<(), NameError> {
    if CONSOLE_WORDS.contains(&category) {
        return Err(NameError::Category(category.to_owned()));
    }
    Ok(())
}
