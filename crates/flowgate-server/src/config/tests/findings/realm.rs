//! Findings in realms, roles and permissions.

use super::{check, check_text};
use crate::config::tests::{FILE, File};

#[test]
fn findings_of_realms() {
    check(
        &File { realm: "stats: {rated_mesage_size: 256}", ..FILE },
        &[
            "8:13: workers[0].realms[0].stats.rated_mesage_size: unknown key in section stats (did you mean `rated_message_size`?)",
        ],
    );
    check(
        &File { realm: "stats: {rated_message_size: 6}", ..FILE },
        &[
            "8:33: workers[0].realms[0].stats.rated_message_size: must be a power of two, is 6; the nearest are 4 and 8",
        ],
    );
    check(
        &File { realm: "stats: {rated_message_size: 0}", ..FILE },
        &[
            "8:33: workers[0].realms[0].stats.rated_message_size: must be from 1 to 4294967296, is 0",
        ],
    );
    check(
        &File { realm: "stats: {rated_message_size: \"512\"}", ..FILE },
        &[
            "8:33: workers[0].realms[0].stats.rated_message_size: expected an integer, found a string",
        ],
    );
    check(
        &File { realm: "stats: {trigger_after_duration: -1}", ..FILE },
        &[
            "8:37: workers[0].realms[0].stats.trigger_after_duration: must be 0 or from 0.001 to 31536000 seconds, is -1",
        ],
    );
    check(
        &File { realm: "stats: {trigger_after_duration: 0.0001}", ..FILE },
        &[
            "8:37: workers[0].realms[0].stats.trigger_after_duration: must be 0 or from 0.001 to 31536000 seconds, is 0.0001",
        ],
    );
    check(
        &File { realm: "stats: {trigger_after_duration: 1e9}", ..FILE },
        &[
            "8:37: workers[0].realms[0].stats.trigger_after_duration: must be 0 or from 0.001 to 31536000 seconds, is 1000000000",
        ],
    );
    check(
        &File { realm: "stats: {trigger_after_duration: \"5s\"}", ..FILE },
        &[
            "8:37: workers[0].realms[0].stats.trigger_after_duration: expected a number of seconds, found a string",
        ],
    );
    check(
        &File { realm: "stats: {trigger_after_rated_messages: 1.5}", ..FILE },
        &[
            "8:43: workers[0].realms[0].stats.trigger_after_rated_messages: expected an integer, found a fractional number",
        ],
    );
    check(
        &File { realm: "stats: {trigger_after_rated_messages: -1}", ..FILE },
        &[
            "8:43: workers[0].realms[0].stats.trigger_after_rated_messages: must be from 0 to 18446744073709551615, is -1",
        ],
    );
    check(
        &File { realm: "stats: {trigger_on_join: 1, trigger_on_leave: yes}", ..FILE },
        &[
            "8:30: workers[0].realms[0].stats.trigger_on_join: expected a boolean, found an integer",
            "8:51: workers[0].realms[0].stats.trigger_on_leave: expected a boolean, found a string (did you mean `true`?)",
        ],
    );
    check(
        &File { realm: "stats: {triggerOnJoin: true, unheard: 1}", ..FILE },
        &[
            "8:13: workers[0].realms[0].stats.triggerOnJoin: unknown key in section stats (did you mean `trigger_on_join`?)",
            "8:34: workers[0].realms[0].stats.unheard: unknown key in section stats",
        ],
    );
    check(
        &File { realm: "stats: true", ..FILE },
        &["8:12: workers[0].realms[0].stats: expected a map, found a boolean"],
    );
    check(
        &File { realm: "options: {uri_check: strickt}", ..FILE },
        &[
            "8:26: workers[0].realms[0].options.uri_check: must be one of loose, strict (did you mean `strict`?)",
        ],
    );
    check(
        &File {
            realm: "options: {uri_check: 3, enable_meta_api: \"on\", bridge_meta_api: true}",
            ..FILE
        },
        &[
            "8:26: workers[0].realms[0].options.uri_check: expected a string, found an integer",
            "8:46: workers[0].realms[0].options.enable_meta_api: expected a boolean, found a string (did you mean `true`?)",
        ],
    );
    check(
        &File {
            realm: "options: {bridge_meta_api: false, event_dispatching_chunk_size: 10}",
            ..FILE
        },
        &[],
    );
    check(
        &File { realm: "store: {type: cfxdb, sync: true}", ..FILE },
        &[
            "8:19: workers[0].realms[0].store.type: `cfxdb` is refused: use `redb`, the file format of Flowgate",
            "8:26: workers[0].realms[0].store.sync: refused: what is written is always synced",
        ],
    );
    check(
        &File { realm: "store: {type: redb, limit: 0}", ..FILE },
        &[
            "8:12: workers[0].realms[0].store: the key `path` is missing",
            "8:32: workers[0].realms[0].store.limit: must be from 1 to 10000000, is 0",
        ],
    );
    check(
        &File {
            realm: "store: {type: memory, event-history: [{uri: com.a}, {match: exact, uri: com.a}, {uri: a..b}, {limit: 5}]}",
            ..FILE
        },
        &[
            "8:57: workers[0].realms[0].store.event-history[1]: `com.a` has a history already",
            "8:91: workers[0].realms[0].store.event-history[2].uri: not a valid URI for match `exact`",
            "8:98: workers[0].realms[0].store.event-history[3]: the key `uri` is missing",
        ],
    );
    check(
        &File { realm: "retention: {limit: -1, ttl: x}", ..FILE },
        &[
            "8:24: workers[0].realms[0].retention.limit: must be from 0 to 10000000, is -1",
            "8:33: workers[0].realms[0].retention.ttl: expected a number of seconds, found a string",
        ],
    );
    check(&File { realm: "rlinks: []", ..FILE }, &[]);
    check(
        &File { realm: "rlinks: [{}]", ..FILE },
        &["8:5: workers[0].realms[0].rlinks: refused: links between routers are not supported yet"],
    );
    check(
        &File { realm: "inventory: {}", ..FILE },
        &["8:5: workers[0].realms[0].inventory: refused: payload validation is not supported"],
    );
    check(
        &File { realm: "description: none", ..FILE },
        &["8:5: workers[0].realms[0].description: unknown key in section realm"],
    );
    check_text(
        "version: 2\nworkers:\n- type: router\n  realms: [{name: r1}, {name: \"\"}, {name: 5}, {roles: []}, 7]\n  transports: {}",
        &[
            "4:19: workers[0].realms[0].name: a realm name has 3 to 255 characters: a letter, then letters, digits or any of `_-@.`; or it is an Ethereum address or name",
            "4:31: workers[0].realms[1].name: must not be empty",
            "4:43: workers[0].realms[2].name: expected a string, found an integer",
            "4:47: workers[0].realms[3]: the key `name` is missing",
            "4:60: workers[0].realms[4]: expected a map, found an integer",
            "5:15: workers[0].transports: expected a list, found a map",
        ],
    );
    check_text(
        "version: 2\nworkers:\n- type: router\n  realms: [{name: realm1}]\n  transports: [{type: websocket, endpoint: {type: tcp, port: 1}}]\n- type: router\n  realms: [{name: realm1}]",
        &[
            "7:12: workers[1].realms[0]: realm `realm1` is defined already in line 4; all router workers form one router, and a realm exists once",
        ],
    );
}

#[test]
fn findings_of_roles_and_permissions() {
    check(
        &File { realm: "roles: []", ..FILE },
        &["9:5: duplicate key `roles`, first given in line 8"],
    );
    check(
        &File { role: "authorizer: com.example.authorize", ..FILE },
        &[
            "10:7: workers[0].realms[0].roles[0].authorizer: refused: dynamic authorization is not supported yet",
        ],
    );
    check(
        &File { role: "allow_by_default: true", ..FILE },
        &[
            "10:7: workers[0].realms[0].roles[0].allow_by_default: unknown key in section role (did you mean `allow-by-default`?)",
        ],
    );
    check(
        &File { role: "allow-by-default: true, permissions: []", ..FILE },
        &[
            "10:25: workers[0].realms[0].roles[0].allow-by-default: has no effect beside `permissions`: what no rule allows is denied",
        ],
    );
    check(
        &File { role: "permissions: {}", ..FILE },
        &["10:20: workers[0].realms[0].roles[0].permissions: expected a list, found a map"],
    );
    check(
        &File { role: "permissions: [{match: exact}]", ..FILE },
        &["10:21: workers[0].realms[0].roles[0].permissions[0]: the key `uri` is missing"],
    );
    check(
        &File { role: "permissions: [{uri: \"\", match: any}]", ..FILE },
        &[
            "10:38: workers[0].realms[0].roles[0].permissions[0].match: must be one of exact, prefix, wildcard",
        ],
    );
    check(
        &File { role: "permissions: [{uri: \"\", match: prefx}]", ..FILE },
        &[
            "10:38: workers[0].realms[0].roles[0].permissions[0].match: must be one of exact, prefix, wildcard (did you mean `prefix`?)",
        ],
    );
    check(
        &File { role: "permissions: [{uri: \"\"}]", ..FILE },
        &[
            "10:27: workers[0].realms[0].roles[0].permissions[0].uri: an empty URI needs `match: prefix` to stand for all URIs",
        ],
    );
    check(
        &File { role: "permissions: [{uri: \"com. a\"}]", ..FILE },
        &[
            "10:27: workers[0].realms[0].roles[0].permissions[0].uri: a URI has neither white space nor `#`",
        ],
    );
    check(
        &File { role: "permissions: [{uri: \"com.a#\"}]", ..FILE },
        &[
            "10:27: workers[0].realms[0].roles[0].permissions[0].uri: a URI has neither white space nor `#`",
        ],
    );
    check(
        &File { role: "permissions: [{uri: \"com.a*.b\"}]", ..FILE },
        &[
            "10:27: workers[0].realms[0].roles[0].permissions[0].uri: a star stands for a whole component, or for the rest at the end",
        ],
    );
    check(
        &File { role: "permissions: [{uri: \"com..b\"}]", ..FILE },
        &[
            "10:27: workers[0].realms[0].roles[0].permissions[0].uri: not a valid URI; empty components need `match: wildcard` or a star",
        ],
    );
    check(
        &File { role: "permissions: [{uri: \"com.*\", match: prefix}]", ..FILE },
        &[
            "10:27: workers[0].realms[0].roles[0].permissions[0].uri: a star is only understood without `match`; beside it, write the empty component or the prefix itself (did you mean `com.`?)",
        ],
    );
    check(
        &File { role: "permissions: [{uri: \"com..a\", match: exact}]", ..FILE },
        &[
            "10:27: workers[0].realms[0].roles[0].permissions[0].uri: not a valid URI for match `exact`",
        ],
    );
    check(
        &File {
            role: "permissions: [{uri: com.a, allow: {cal: true, publish: \"yes\"}, disclose: {me: true}, validate: {}, caches: true}]",
            ..FILE
        },
        &[
            "10:42: workers[0].realms[0].roles[0].permissions[0].allow.cal: unknown key in section allow (did you mean `call`?)",
            "10:62: workers[0].realms[0].roles[0].permissions[0].allow.publish: expected a boolean, found a string (did you mean `true`?)",
            "10:81: workers[0].realms[0].roles[0].permissions[0].disclose.me: unknown key in section disclose",
            "10:92: workers[0].realms[0].roles[0].permissions[0].validate: refused: payload validation is not supported",
            "10:106: workers[0].realms[0].roles[0].permissions[0].caches: unknown key in section permission (did you mean `cache`?)",
        ],
    );
    check(
        &File {
            role: "permissions: [{uri: com.a}, {uri: com.b}, {uri: com.a, match: prefix}]",
            ..FILE
        },
        &[
            "10:49: workers[0].realms[0].roles[0].permissions[2]: replaces the rule for the same URI in line 10",
        ],
    );
    check(
        &File { role: "permissions: [7, {uri: 7}, {uri: com.a, allow: all}]", ..FILE },
        &[
            "10:21: workers[0].realms[0].roles[0].permissions[0]: expected a map, found an integer",
            "10:30: workers[0].realms[0].roles[0].permissions[1].uri: expected a string, found an integer",
            "10:54: workers[0].realms[0].roles[0].permissions[2].allow: expected a map, found a string",
        ],
    );
    check_text(
        "version: 2\nworkers:\n- type: router\n  realms: [{name: realm1, roles: [{name: a}, {name: a}, {name: trusted}, {name: \"\"}, {}]}]\n  transports: []",
        &[
            "4:46: workers[0].realms[0].roles[1]: role `a` is defined twice in this realm",
            "4:64: workers[0].realms[0].roles[2].name: `trusted` is refused: the name is reserved for the router itself",
            "4:81: workers[0].realms[0].roles[3].name: must not be empty",
            "4:86: workers[0].realms[0].roles[4]: the key `name` is missing",
        ],
    );
}

#[test]
fn findings_of_trust_levels() {
    check(
        &File {
            node: "flowgate: {trustlevels: [{realm: realm2, role: anonymous, trustlevel: 1}, {realm: realm1, role: anonymos, trustlevel: 1}, {realm: realm1, role: anonymous, trustlevel: -1}, {role: anonymous, levle: 1}]}",
            ..FILE
        },
        &[
            "2:34: flowgate.trustlevels[0].realm: no realm `realm2` (did you mean `realm1`?)",
            "2:97: flowgate.trustlevels[1].role: realm `realm1` has no role `anonymos` (did you mean `anonymous`?)",
            "2:168: flowgate.trustlevels[2].trustlevel: must be from 0 to 4294967295, is -1",
            "2:173: flowgate.trustlevels[3]: the key `trustlevel` is missing",
            "2:173: flowgate.trustlevels[3]: the key `realm` is missing",
            "2:191: flowgate.trustlevels[3].levle: unknown key in section flowgate trust level",
        ],
    );
    check(
        &File {
            node: "flowgate: {trustlevels: [{realm: realm1, role: anonymous, trustlevel: 1}, {realm: realm1, role: anonymous, trustlevel: 2}]}",
            ..FILE
        },
        &["2:75: flowgate.trustlevels[1]: role `anonymous` has a trust level already"],
    );
}

#[test]
fn faults_in_rights_to_trace_are_reported() {
    check(
        &File {
            node: "flowgate: {tracing: {admin: everything, max_disk: 5, otlp: {\n  url: 'https://c',\n  sample: 2}}}",
            ..FILE
        },
        &[
            "2:29: flowgate.tracing.admin: must be one of off, messages, payload",
            "2:51: flowgate.tracing.max_disk: must be from 1048576 to 1125899906842624, is 5",
            "3:8: flowgate.tracing.otlp.url: must be a URL such as \"http://127.0.0.1:4318/v1/traces\"",
            "4:11: flowgate.tracing.otlp.sample: must be a number above 0 and up to 1",
        ],
    );
    check(
        &File {
            node: "flowgate: {tracing: {allow: [\n  {realm: realm2, role: anonymous},\n  {realm: realm1, role: anonymos},\n  {realm: realm1, role: anonymous, traced: [realm9]},\n  {role: anonymous},\n  {realm: realm1, role: anonymous}]}}",
            ..FILE
        },
        &[
            "3:11: flowgate.tracing.allow[0].realm: no realm `realm2` (did you mean `realm1`?)",
            "4:25: flowgate.tracing.allow[1].role: realm `realm1` has no role `anonymos` (did you mean `anonymous`?)",
            "5:45: flowgate.tracing.allow[2].traced[0]: no realm `realm9` (did you mean `realm1`?)",
            "6:3: flowgate.tracing.allow[3]: the key `realm` is missing",
            "7:3: flowgate.tracing.allow[4]: role `anonymous` is named already",
        ],
    );
}
