//! The file of type `redb`: which tables it has, and how they are read and written.

use std::{path::Path, sync::Arc};

use flowgate_router::{EventRecord, HistoryKey};
use redb::{Database, ReadableTable, TableDefinition};

use crate::config::HistoryRule;

/// Records by the name of their history and their number in it.
///
/// The name is the match policy, a colon, and the pattern, so that histories are found again
/// whatever their order in the configuration. Histories that are no longer configured stay.
const EVENTS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("events");
/// What the file says about itself.
const ABOUT: TableDefinition<'_, &str, u32> = TableDefinition::new("about");
/// The version of the records, in `ABOUT`.
const RECORD_VERSION: &str = "record version";

/// An open file.
pub(super) struct HistoryFile {
    database: Database,
    histories: Vec<Place>,
}

/// Where a history is in the file.
struct Place {
    name: String,
    limit: u64,
    /// The number of its next record.
    next: u64,
}

/// What a file has.
pub(super) struct Restored {
    /// The records of each history, the oldest first.
    pub(super) records: Vec<Vec<Arc<EventRecord>>>,
    /// Records that could not be decoded.
    pub(super) damaged_count: u64,
}

/// The file cannot be used: the disk's fault, or the operator's.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// It cannot be read or written, is used by another process, or is no file of this type.
    #[error("{0}")]
    Database(Box<redb::Error>),
    /// It was written by another version of the router.
    #[error(
        "its records are of version {found}, and this router knows version {}",
        EventRecord::VERSION
    )]
    Version {
        /// The version.
        found: u32,
    },
}

impl<E: Into<redb::Error>> From<E> for FileError {
    fn from(error: E) -> Self {
        Self::Database(Box::new(error.into()))
    }
}

impl HistoryFile {
    /// Opens or creates a file, and reads its histories.
    pub(super) fn open(path: &Path, rules: &[HistoryRule]) -> Result<(Self, Restored), FileError> {
        let database = Database::create(path)?;
        let mut restored = Restored { records: Vec::new(), damaged_count: 0 };
        let mut histories = Vec::new();
        let transaction = database.begin_write()?;
        {
            let mut about = transaction.open_table(ABOUT)?;
            let known = about.get(RECORD_VERSION)?.map(|version| version.value());
            match known {
                None => drop(about.insert(RECORD_VERSION, EventRecord::VERSION)?),
                Some(EventRecord::VERSION) => {}
                Some(found) => return Err(FileError::Version { found }),
            }
            let mut events = transaction.open_table(EVENTS)?;
            for rule in rules {
                let name = format!("{}:{}", rule.match_policy.name(), rule.uri);
                let limit = u64::try_from(rule.limit).unwrap_or(u64::MAX);
                let last =
                    events.range((name.as_str(), 0)..=(name.as_str(), u64::MAX))?.next_back();
                let next = last.transpose()?.map_or(0, |(key, _)| key.value().1.saturating_add(1));
                // The limit may have been higher before.
                let first = next.saturating_sub(limit);
                events.retain_in((name.as_str(), 0)..(name.as_str(), first), |_, _| false)?;
                let mut records = Vec::new();
                for entry in events.range((name.as_str(), first)..=(name.as_str(), u64::MAX))? {
                    match EventRecord::from_bytes(entry?.1.value()) {
                        Ok(record) => records.push(Arc::new(record)),
                        Err(_) => restored.damaged_count += 1,
                    }
                }
                restored.records.push(records);
                histories.push(Place { name, limit, next });
            }
        }
        transaction.commit()?;
        Ok((Self { database, histories }, restored))
    }

    /// Writes records, all or none, and removes those that are beyond the limits; they are on disk
    /// when this returns.
    pub(super) fn append(
        &mut self,
        batch: &[(HistoryKey, Arc<EventRecord>)],
    ) -> Result<(), FileError> {
        let transaction = self.database.begin_write()?;
        {
            let mut events = transaction.open_table(EVENTS)?;
            for (key, record) in batch {
                let Some(place) = self.histories.get_mut(key.0) else { continue };
                events.insert((place.name.as_str(), place.next), record.to_bytes().as_slice())?;
                if let Some(oldest) = place.next.checked_sub(place.limit) {
                    events.remove((place.name.as_str(), oldest))?;
                }
                // The numbers of a transaction that fails are not used again: the file is opened
                // anew then.
                place.next += 1;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
