//! The `auth` section of a transport.

use super::transport::Place;
use crate::config::{
    AnonymousAuth, AuthConfig,
    reader::{Field, Map, Reader},
    schema::{ANONYMOUS, ANONYMOUS_TYPES, AUTH},
    suggest::nearest,
};

/// The role of those who join without authentication.
const ANONYMOUS_ROLE: &str = "anonymous";

/// Reads `auth`; without it, everybody joins as role `anonymous`.
pub(super) fn read_auth(
    reader: &mut Reader<'_>,
    transport: &Map<'_>,
    place: &Place<'_>,
) -> AuthConfig {
    let Some(field) = transport.get("auth") else {
        if !place.realms.is_empty() && !has_role(place, None, ANONYMOUS_ROLE) {
            let message = "without `auth` everybody joins as role `anonymous`, but no realm of \
                           this worker has that role";
            reader.warn_at(transport.position, &transport.path, message);
        }
        return AuthConfig::Open;
    };
    let Some(section) = reader.section(&field, &AUTH) else { return AuthConfig::Open };
    let Some(anonymous) = section.get("anonymous") else {
        let any_method = section.fields().next().is_some();
        // Whatever is there instead has been refused already.
        if !any_method {
            reader.error(&field, "names no authentication method, so nobody could join");
        }
        return AuthConfig::Open;
    };
    match read_anonymous(reader, &anonymous, place) {
        Some(auth) => AuthConfig::Anonymous(auth),
        None => AuthConfig::Open,
    }
}

fn read_anonymous(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    place: &Place<'_>,
) -> Option<AnonymousAuth> {
    let map = reader.map(field)?;
    let kind = reader.required(&map, "type")?;
    // The other types have keys of their own, which need no finding each.
    reader.choice(&kind, &[("static", ())], Some(&ANONYMOUS_TYPES))?;
    reader.check_keys(&map, &ANONYMOUS);
    let realm = reader.optional_text(&map, "realm");
    let role = reader.optional_text(&map, "role").unwrap_or(ANONYMOUS_ROLE);
    let authid = reader.optional_text(&map, "authid").map(str::to_owned);
    check_references(reader, &map, place, realm, role);
    Some(AnonymousAuth { realm: realm.map(str::to_owned), role: role.to_owned(), authid })
}

/// Reports a realm or role that does not exist.
fn check_references(
    reader: &mut Reader<'_>,
    map: &Map<'_>,
    place: &Place<'_>,
    realm: Option<&str>,
    role: &str,
) {
    if place.realms.is_empty() {
        return;
    }
    let realm_names = || place.realms.iter().map(|known| known.name.as_str());
    if let (Some(name), Some(field)) = (realm, map.get("realm"))
        && !realm_names().any(|known| known == name)
    {
        let message = format!("this worker has no realm `{name}`");
        reader.error_suggesting(&field, message, nearest(name, realm_names()));
        return;
    }
    if !has_role(place, realm, role) {
        let holder = realm.map_or("no realm of this worker".to_owned(), |_| "the realm".to_owned());
        let verb = if realm.is_some() { "has no" } else { "has a" };
        let message = format!("{holder} {verb} role `{role}`");
        let roles = || role_names(place, realm);
        match map.get("role") {
            Some(field) => reader.error_suggesting(&field, message, nearest(role, roles())),
            None => reader.error_at(map.position, &map.path, message, None),
        }
    }
}

fn has_role(place: &Place<'_>, realm: Option<&str>, role: &str) -> bool {
    role_names(place, realm).any(|known| known == role)
}

/// The names of the roles of one realm, or of all.
fn role_names<'a>(
    place: &Place<'a>,
    realm: Option<&'a str>,
) -> impl Iterator<Item = &'a str> + use<'a> {
    place
        .realms
        .iter()
        .filter(move |known| realm.is_none_or(|name| known.name == name))
        .flat_map(|known| known.roles.iter().map(|role| role.name.as_str()))
}
