//! Realms, their roles and their statistics.

use std::num::NonZeroU64;

use flowgate_meter::{RatedMessageSize, StatsConfig};
use flowgate_wire::UriCheck;

use super::{
    permission::read_rules,
    store::{read_retention, read_store},
};
use crate::config::{
    Permissions, RealmConfig, RoleConfig,
    reader::{Field, Map, Reader},
    schema::{REALM, REALM_OPTIONS, RETENTION, ROLE, ROLE_NAMES, STATS, STORE},
};

/// Reads the `realms` of a worker.
pub(super) fn read_realms<'n>(
    reader: &mut Reader<'_>,
    worker: &Map<'n>,
) -> Vec<(RealmConfig, Field<'n>)> {
    let fields = reader.list(worker, "realms");
    let realms = fields.into_iter().map(|field| (read_realm(reader, &field), field));
    realms.filter_map(|(realm, field)| realm.map(|realm| (realm, field))).collect()
}

fn read_realm(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<RealmConfig> {
    let map = reader.section(field, &REALM)?;
    let name = read_realm_name(reader, &map);
    let roles = read_roles(reader, &map);
    let mut uri_check = UriCheck::Loose;
    let mut enable_meta_api = true;
    if let Some(options) = reader.optional_section(&map, "options", &REALM_OPTIONS) {
        const CHECKS: &[(&str, UriCheck)] =
            &[("loose", UriCheck::Loose), ("strict", UriCheck::Strict)];
        uri_check = reader.optional_choice(&options, "uri_check", CHECKS).unwrap_or_default();
        enable_meta_api = reader.boolean(&options, "enable_meta_api", true);
    }
    let stats =
        reader.optional_section(&map, "stats", &STATS).map(|section| read_stats(reader, &section));
    let retention = reader.optional_section(&map, "retention", &RETENTION);
    let retention = retention.map(|section| read_retention(reader, &section)).unwrap_or_default();
    let store = reader.optional_section(&map, "store", &STORE);
    let store = store.map(|section| read_store(reader, &section)).unwrap_or_default();
    Some(RealmConfig { name: name?, uri_check, enable_meta_api, roles, stats, retention, store })
}

fn read_realm_name(reader: &mut Reader<'_>, map: &Map<'_>) -> Option<String> {
    let field = reader.required(map, "name")?;
    let name = reader.filled_text(&field)?;
    if !is_realm_name(name) {
        let message = "a realm name has 3 to 255 characters: a letter, then letters, digits or \
                       any of `_-@.`; or it is an Ethereum address or name";
        reader.error(&field, message);
        return None;
    }
    Some(name.to_owned())
}

fn is_realm_name(name: &str) -> bool {
    let mut letters = name.chars();
    let ordinary = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || "_-@.".contains(letter))
        && (3..=255).contains(&name.len());
    let address = name.strip_prefix("0x").is_some_and(|digits| {
        digits.len() == 40 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    });
    let ethereum_name = name.strip_suffix(".eth").is_some_and(|labels| {
        labels.split('.').all(|label| {
            !label.is_empty()
                && label.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        })
    });
    ordinary || address || (ethereum_name && name.len() <= 255)
}

fn read_roles(reader: &mut Reader<'_>, realm: &Map<'_>) -> Vec<RoleConfig> {
    let mut roles: Vec<RoleConfig> = Vec::new();
    for field in reader.list(realm, "roles") {
        let Some(role) = read_role(reader, &field) else { continue };
        if roles.iter().any(|known| known.name == role.name) {
            reader.error(&field, format!("role `{}` is defined twice in this realm", role.name));
        }
        roles.push(role);
    }
    roles
}

fn read_role(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<RoleConfig> {
    let map = reader.section(field, &ROLE)?;
    let name = read_role_name(reader, &map);
    let allow_by_default = reader.boolean(&map, "allow-by-default", false);
    let permissions = if let Some(list) = map.get("permissions") {
        if let Some(unused) = map.get("allow-by-default") {
            let message = "has no effect beside `permissions`: what no rule allows is denied";
            reader.warn_at(unused.node.position, &unused.path, message);
        }
        Permissions::Rules(read_rules(reader, &list))
    } else if allow_by_default {
        Permissions::AllowAll
    } else {
        Permissions::DenyAll
    };
    // Set from `flowgate.trustlevels`, when all realms are read.
    Some(RoleConfig { name: name?, permissions, trustlevel: None })
}

fn read_role_name(reader: &mut Reader<'_>, map: &Map<'_>) -> Option<String> {
    let field = reader.required(map, "name")?;
    let name = reader.filled_text(&field)?;
    if let Some((_, reason)) = ROLE_NAMES.values.iter().find(|(reserved, _)| *reserved == name) {
        reader.error(&field, format!("`{name}` is refused: {reason}"));
        return None;
    }
    Some(name.to_owned())
}

fn read_stats(reader: &mut Reader<'_>, section: &Map<'_>) -> StatsConfig {
    let default = StatsConfig::default();
    let limit = i128::from(u64::MAX);
    let rated = reader.integer(section, "trigger_after_rated_messages", 0..=limit);
    StatsConfig {
        rated_message_size: read_rated_message_size(reader, section)
            .unwrap_or(default.rated_message_size),
        trigger_after_rated_messages: rated.and_then(NonZeroU64::new),
        trigger_after_duration: reader.seconds(section, "trigger_after_duration").flatten(),
        trigger_on_join: reader.boolean(section, "trigger_on_join", default.trigger_on_join),
        trigger_on_leave: reader.boolean(section, "trigger_on_leave", default.trigger_on_leave),
    }
}

fn read_rated_message_size(reader: &mut Reader<'_>, section: &Map<'_>) -> Option<RatedMessageSize> {
    /// Above this, a message can never be rated as more than one.
    const LIMIT_BYTES: i128 = 1 << 32;
    let bytes: u64 = reader.integer(section, "rated_message_size", 1..=LIMIT_BYTES)?;
    let size = RatedMessageSize::try_from(bytes).ok();
    if size.is_none() {
        let below = 1_u64 << bytes.ilog2();
        let above = below << 1;
        if let Some(field) = section.get("rated_message_size") {
            let message =
                format!("must be a power of two, is {bytes}; the nearest are {below} and {above}");
            reader.error(&field, message);
        }
    }
    size
}
