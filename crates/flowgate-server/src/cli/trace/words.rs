//! What is typed to say which messages are wanted.

use std::str::FromStr;

use flowgate_trace::options_from_texts;
use flowgate_wire::Value;

/// A word: a URI or pattern, or an option with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    Uri(String),
    Option(String, String),
}

/// Nothing is no word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must not be empty")]
pub(super) struct EmptyWord;

/// Words that do not go together; the user's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum WordsError {
    /// A trace has one URI or pattern.
    #[error("one URI or pattern can be followed at a time, not both {0} and {1}")]
    Uris(String, String),
}

impl FromStr for Word {
    type Err = EmptyWord;

    fn from_str(text: &str) -> Result<Self, EmptyWord> {
        match text.split_once('=') {
            _ if text.is_empty() => Err(EmptyWord),
            Some((key, value)) => Ok(Self::Option(key.to_owned(), value.to_owned())),
            None => Ok(Self::Uri(text.to_owned())),
        }
    }
}

impl Word {
    /// Whether it is a value of an option.
    pub(super) fn is_option(&self, wanted: &str) -> bool {
        matches!(self, Self::Option(key, _) if key == wanted)
    }

    /// The options that it stands for.
    fn texts(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Option(key, value) => vec![(key, value)],
            Self::Uri(uri) => match uri_policy(uri) {
                Some(policy) => vec![("uri", uri), ("match", policy)],
                None => vec![("uri", uri)],
            },
        }
    }
}

/// How a pattern matches, by its looks: an empty component at the end is a prefix, and anywhere
/// else a wildcard.
fn uri_policy(uri: &str) -> Option<&'static str> {
    if uri.starts_with('.') || uri.contains("..") {
        Some("wildcard")
    } else if uri.ends_with('.') {
        Some("prefix")
    } else {
        None
    }
}

/// The options of a trace.
pub(super) fn options(
    texts: &[(String, String)],
    words: &[Word],
) -> Result<Value<'static>, WordsError> {
    let texts = texts.iter().map(|(key, value)| (&**key, &**value));
    Ok(options_from_texts(texts.chain(told(words)?)))
}

/// The conditions of a query for records.
pub(super) fn query(words: &[Word]) -> Result<String, WordsError> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(told(words)?);
    Ok(query.finish())
}

/// What all words stand for.
fn told(words: &[Word]) -> Result<impl Iterator<Item = (&str, &str)>, WordsError> {
    let mut uris = words.iter().filter_map(|word| match word {
        Word::Uri(uri) => Some(uri),
        Word::Option(..) => None,
    });
    if let (Some(one), Some(other)) = (uris.next(), uris.next()) {
        return Err(WordsError::Uris(one.clone(), other.clone()));
    }
    Ok(words.iter().flat_map(Word::texts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_uris_by_their_looks_and_options() {
        for (text, wanted) in [
            ("com.example.add", r#"{"uri":"com.example.add"}"#),
            ("com.example.", r#"{"uri":"com.example.","match":"prefix"}"#),
            ("com..add", r#"{"uri":"com..add","match":"wildcard"}"#),
            (".example.", r#"{"uri":".example.","match":"wildcard"}"#),
            ("session=5", r#"{"session":5}"#),
            ("realm=a=b", r#"{"realm":"a=b"}"#),
        ] {
            let word: Word = text.parse().unwrap();
            assert_eq!(
                serde_json::to_string(&options(&[], &[word]).unwrap()).unwrap(),
                wanted,
                "{text}"
            );
        }
        assert_eq!("".parse::<Word>(), Err(EmptyWord));
        let words = ["a.", "msg_type=Call"].map(|text| text.parse().unwrap());
        assert_eq!(query(&words).unwrap(), "uri=a.&match=prefix&msg_type=Call");
        assert!(words[1].is_option("msg_type") && !words[0].is_option("uri"));
        let several = ["a.", "b"].map(|text| text.parse().unwrap());
        assert_eq!(query(&several), Err(WordsError::Uris("a.".to_owned(), "b".to_owned())));
        assert!(options(&[], &several).is_err());
    }
}
