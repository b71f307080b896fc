//! Examples of what was counted, which lead from a metric to a trace.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use flowgate_event::Timestamp;

use crate::label;
use crate::name::{self, NameError};

/// How long names and values of an exemplar's labels may be together, in characters.
///
/// Source: "Exemplars" in the OpenMetrics 1.0 specification.
pub const EXEMPLAR_LENGTH_MAX: usize = 128;

/// A pointer from a count or a bucket to one thing that was counted, such as a trace.
///
/// Shown in OpenMetrics and protobuf; text 0.0.4 cannot show it.
///
/// ```
/// use flowgate_event::Timestamp;
/// use flowgate_metrics::Exemplar;
///
/// let now = Timestamp::from_nanos(1_600_000_000_000_000_000);
/// let exemplar = Exemplar::new(&[("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736")], now)?;
/// # Ok::<(), flowgate_metrics::ExemplarError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemplar {
    pub(crate) labels: Box<[(Box<str>, Box<str>)]>,
    pub(crate) at: Timestamp,
}

/// Labels that an exemplar cannot have. The caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExemplarError {
    /// A label's name is not one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Names and values are longer than [`EXEMPLAR_LENGTH_MAX`] together.
    #[error("the labels of an exemplar are {0} characters long, more than {EXEMPLAR_LENGTH_MAX}")]
    TooLong(usize),
}

impl Exemplar {
    /// An exemplar with these labels, seen at this moment.
    ///
    /// # Errors
    ///
    /// [`ExemplarError`], for labels that OpenMetrics does not allow.
    pub fn new(labels: &[(&str, &str)], at: Timestamp) -> Result<Self, ExemplarError> {
        labels.iter().try_for_each(|(name, _)| name::check_label(name))?;
        let length =
            labels.iter().map(|(name, value)| name.chars().count() + value.chars().count());
        let length = length.sum();
        if length > EXEMPLAR_LENGTH_MAX {
            return Err(ExemplarError::TooLong(length));
        }
        let owned = labels.iter().map(|(name, value)| (Box::from(*name), Box::from(*value)));
        Ok(Self { labels: owned.collect(), at })
    }

    /// An exemplar that names a trace and a span as W3C Trace Context writes them: 32 and 16
    /// hexadecimal digits.
    #[must_use]
    pub fn trace(trace_id: u128, span_id: u64, at: Timestamp) -> Self {
        let pairs =
            [("trace_id", format!("{trace_id:032x}")), ("span_id", format!("{span_id:016x}"))];
        let owned = pairs.into_iter().map(|(name, value)| (Box::from(name), value.into()));
        Self { labels: owned.collect(), at }
    }

    /// `name="value"` with commas between, escaped for OpenMetrics.
    pub(crate) fn write_labels(&self, text: &mut String) {
        for (index, (name, value)) in self.labels.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(name);
            text.push_str("=\"");
            label::escape(text, value);
            text.push('"');
        }
    }
}

/// Room for the latest exemplar of a count or a bucket; most never have one.
#[derive(Debug, Default)]
pub(crate) struct ExemplarSlot(OnceLock<Box<Mutex<(u64, Exemplar)>>>);

impl ExemplarSlot {
    /// Puts an exemplar with its recorded value; never waits.
    pub(crate) fn put(&self, recorded: u64, exemplar: Exemplar) {
        let Some(slot) = self.0.get() else {
            // Whoever else is first has an exemplar as good as this one.
            let _ = self.0.set(Box::new(Mutex::new((recorded, exemplar))));
            return;
        };
        if let Some(mut slot) = in_hand(slot) {
            *slot = (recorded, exemplar);
        }
    }

    /// Whether there is one that was seen after a moment; never waits, and takes one for there that
    /// somebody has in hand.
    pub(crate) fn is_newer(&self, than: Timestamp) -> bool {
        let Some(slot) = self.0.get() else { return false };
        in_hand(slot).is_none_or(|slot| slot.1.at > than)
    }

    pub(crate) fn latest(&self) -> Option<(u64, Exemplar)> {
        let slot = self.0.get()?;
        Some(slot.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// What is in a slot; `None` while a reader or another writer has it, whose exemplar is as good as
/// any.
fn in_hand<T>(slot: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match slot.try_lock() {
        Ok(slot) => Some(slot),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
