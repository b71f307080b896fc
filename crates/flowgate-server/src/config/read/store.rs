//! What a realm keeps of events: histories and retained events.

use flowgate_router::RetentionConfig;
use flowgate_wire::{MatchPolicy, Uri, UriCheck};

use super::permission::POLICIES;
use crate::config::{
    HistoryRule, StoreConfig, StoreKind,
    reader::{Field, Map, Reader},
    schema::{EVENT_HISTORY, STORE_TYPES},
};

/// Histories are in memory, and so are retained events.
const LIMIT_MAX: i128 = 10_000_000;
/// More than any machine has.
const LIMIT_BYTES_MAX: i128 = 1 << 40;

/// The words of `type`.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Memory,
    Redb,
}

/// Reads `retention`.
pub(super) fn read_retention(reader: &mut Reader<'_>, section: &Map<'_>) -> RetentionConfig {
    let default = RetentionConfig::default();
    let limit = reader.integer(section, "limit", 0..=LIMIT_MAX);
    let limit_bytes = reader.integer(section, "limit_bytes", 1..=LIMIT_BYTES_MAX);
    RetentionConfig {
        limit: limit.unwrap_or(default.limit),
        limit_bytes: limit_bytes.unwrap_or(default.limit_bytes),
        ttl: reader.seconds(section, "ttl").flatten(),
    }
}

/// Reads `store`.
pub(super) fn read_store(reader: &mut Reader<'_>, section: &Map<'_>) -> StoreConfig {
    const KINDS: &[(&str, Kind)] = &[("memory", Kind::Memory), ("redb", Kind::Redb)];
    let field = reader.required(section, "type");
    let kind = field.and_then(|field| reader.choice(&field, KINDS, Some(&STORE_TYPES)));
    let buffer = reader.integer(section, "max-buffer", 1..=LIMIT_MAX);
    let kind = match kind {
        Some(Kind::Redb) => reader
            .required(section, "path")
            .and_then(|path| reader.filled_text(&path))
            .map(|path| StoreKind::Redb {
                path: reader.directory.join(path),
                max_buffer_count: buffer.unwrap_or(StoreConfig::DEFAULT_MAX_BUFFER_COUNT),
            })
            .unwrap_or_default(),
        Some(Kind::Memory) | None => {
            for unused in ["path", "max-buffer"].iter().filter_map(|key| section.get(key)) {
                let message = "has no effect on a store in memory";
                reader.warn_at(unused.node.position, &unused.path, message);
            }
            StoreKind::Memory
        }
    };
    let limit = reader.integer(section, "limit", 1..=LIMIT_MAX);
    let limit = limit.unwrap_or(StoreConfig::DEFAULT_LIMIT);
    let mut histories: Vec<HistoryRule> = Vec::new();
    for field in reader.list(section, "event-history") {
        let Some(rule) = read_history(reader, &field, limit) else { continue };
        let is_same = |known: &HistoryRule| {
            (&known.uri, known.match_policy) == (&rule.uri, rule.match_policy)
        };
        if histories.iter().any(is_same) {
            reader.error(&field, format!("`{}` has a history already", rule.uri));
        }
        histories.push(rule);
    }
    StoreConfig { kind, histories }
}

fn read_history(reader: &mut Reader<'_>, field: &Field<'_>, limit: usize) -> Option<HistoryRule> {
    let map = reader.section(field, &EVENT_HISTORY)?;
    let own_limit = reader.integer(&map, "limit", 1..=LIMIT_MAX);
    let match_policy = reader.optional_choice(&map, "match", POLICIES);
    let match_policy = match_policy.unwrap_or(MatchPolicy::Exact);
    let uri = reader.required(&map, "uri")?;
    let text = reader.text(&uri)?;
    if !Uri::new(text).is_valid(UriCheck::Loose, match_policy) {
        reader.error(&uri, format!("not a valid URI for match `{}`", match_policy.name()));
        return None;
    }
    Some(HistoryRule { uri: text.to_owned(), match_policy, limit: own_limit.unwrap_or(limit) })
}
