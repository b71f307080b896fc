//! Questions about the records of a trace.

use flowgate_event::{Correlation, Timestamp};

use crate::filter::Filter;
use crate::record::Record;
use crate::registry::{DATA_COUNT_MAX, RegistryError};

/// How many records one [`Query`] looks at, at most: what is read within a few milliseconds.
pub(crate) const SCAN_COUNT_MAX: usize = 20_000;

/// Which records of a trace are asked for: what every condition that is set admits.
///
/// Answered page by page: a page ends when it is full, when there are no more records, or when
/// enough were looked at; the next one begins at [`QueryPage::next_seq`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// The first number.
    pub from_seq: u64,
    /// The last number.
    pub to_seq: Option<u64>,
    /// The earliest moment: of a message, or of the end of an action.
    pub from: Option<Timestamp>,
    /// The latest moment.
    pub to: Option<Timestamp>,
    /// The action.
    pub correlation: Option<Correlation>,
    /// Conditions as of a trace.
    pub filter: Filter,
    /// Most records of a page, 1 to 10000.
    pub limit: Option<u64>,
}

/// Some of the records that a [`Query`] asks for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QueryPage {
    /// They, by ascending number.
    pub records: Vec<Record>,
    /// The number from which on to ask for the next page.
    pub next_seq: u64,
    /// Whether there were more records to look at.
    pub has_more: bool,
}

impl Query {
    /// Whether a record is asked for.
    #[must_use]
    pub fn takes(&self, record: &Record) -> bool {
        let at = record.at();
        record.seq() >= self.from_seq
            && self.to_seq.is_none_or(|to| record.seq() <= to)
            && self.from.is_none_or(|from| from <= at)
            && self.to.is_none_or(|to| at <= to)
            && self.correlation.is_none_or(|wanted| record.correlation() == Some(wanted))
            && self.filter.takes_record(record)
    }

    /// How many records a page may have.
    ///
    /// # Errors
    /// [`RegistryError::Range`] and [`RegistryError::Reversed`] name what is wrong.
    pub(crate) fn limit_count(&self) -> Result<usize, RegistryError> {
        if self.to_seq.is_some_and(|to| to < self.from_seq) {
            return Err(RegistryError::Reversed { begin: "from_seq", end: "to_seq" });
        }
        if let (Some(from), Some(to)) = (self.from, self.to)
            && to < from
        {
            return Err(RegistryError::Reversed { begin: "from", end: "to" });
        }
        let limit = self.limit.unwrap_or(DATA_COUNT_MAX);
        let limit_count = usize::try_from(limit).ok();
        limit_count.filter(|_| (1..=DATA_COUNT_MAX).contains(&limit)).ok_or(RegistryError::Range {
            argument: "limit",
            min: 1,
            max: DATA_COUNT_MAX,
        })
    }
}
