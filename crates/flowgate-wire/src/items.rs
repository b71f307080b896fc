//! Items that are borrowed or owned, without the invariance of `Cow<'a, [T]>`.

use std::ops::Deref;

/// What `Cow<'a, [T]>` is, but covariant in `T`.
///
/// `Cow` names the owned type through a trait, which makes it invariant: a message of values could
/// then not be combined with parts that live shorter.
#[derive(Debug, Clone)]
pub(crate) enum Items<'a, T> {
    Borrowed(&'a [T]),
    Owned(Vec<T>),
}

impl<T> Deref for Items<'_, T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        match self {
            Self::Borrowed(items) => items,
            Self::Owned(items) => items,
        }
    }
}
