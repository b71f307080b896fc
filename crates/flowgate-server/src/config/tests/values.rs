//! What accepted files mean.

use flowgate_router::CallSettings;
use std::{net::SocketAddr, num::NonZeroU64, path::PathBuf, time::Duration};

use flowgate_event::Disclosure;
use flowgate_meter::{RatedMessageSize, StatsConfig};
use flowgate_observer::Limits;
use flowgate_router::RetentionConfig;
use flowgate_trace::Sampling;
use flowgate_wire::{Format, MatchPolicy, UriCheck};

use super::{FILE, File, accepted, warnings};
use crate::config::{
    AdminTracing, Allow, AnonymousAuth, AuthConfig, Disclose, Endpoint, FlowgateConfig,
    HistoryRule, HttpUrl, Keepalive, ListenerConfig, LogConfig, LogFormat, LogLevel, MetricsConfig,
    NodeConfig, ObserverConfig, OriginPattern, OtlpConfig, PathPattern, Permissions, RequestIds,
    StoreConfig, StoreKind, TlsConfig, TopicPattern, TraceGrant, TracedRealms, TracingConfig,
    UnixEndpoint,
};

fn only_listener(file: &File) -> ListenerConfig {
    let mut listeners = accepted(&file.text()).listeners;
    assert_eq!(listeners.len(), 1);
    listeners.remove(0)
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

fn rules(permissions: &'static str) -> Vec<(String, MatchPolicy)> {
    let config = accepted(&File { role: permissions, ..FILE }.text());
    let Permissions::Rules(rules) = &config.realms[0].roles[0].permissions else { panic!() };
    rules.iter().map(|rule| (rule.uri.clone(), rule.match_policy)).collect()
}

#[test]
fn the_built_in_configuration_is_what_its_comments_say() {
    let config = NodeConfig::built_in().unwrap();
    assert_eq!(warnings(&config), [""; 0]);
    let grant = TraceGrant {
        realm: "realm1".to_owned(),
        role: "anonymous".to_owned(),
        traced: TracedRealms::All,
        payload: true,
    };
    let admin = AdminTracing::Payload;
    let tracing = TracingConfig { admin, grants: vec![grant], ..TracingConfig::default() };
    assert_eq!(config.flowgate, FlowgateConfig { tracing, ..FlowgateConfig::default() });
    let [realm] = config.realms.as_slice() else { panic!("{:?}", config.realms) };
    assert_eq!((realm.name.as_str(), realm.uri_check), ("realm1", UriCheck::Loose));
    let every_minute =
        StatsConfig { trigger_after_duration: Some(seconds(60)), ..StatsConfig::default() };
    assert_eq!(realm.stats, Some(every_minute));
    let Permissions::Rules(rules) = &realm.roles[0].permissions else { panic!("no rules") };
    let everything = Allow { call: true, register: true, publish: true, subscribe: true };
    assert_eq!((rules[0].uri.as_str(), rules[0].match_policy), ("", MatchPolicy::Prefix));
    assert_eq!((rules[0].allow, rules[0].disclose), (everything, Disclose::default()));

    let [listener] = config.listeners.as_slice() else { panic!("{:?}", config.listeners) };
    let Endpoint::Tcp(endpoint) = &listener.endpoint else { panic!("not TCP") };
    assert_eq!(endpoint.address, SocketAddr::from(([127, 0, 0, 1], 8080)));
    assert!(listener.rawsocket.is_some());
    assert_eq!(listener.websocket_at("/ws").map(|at| &at.auth), Some(&AuthConfig::Open));
    assert_eq!(listener.websocket_at("/").map(|at| &at.path), Some(&PathPattern::Root));
    assert_eq!(listener.websocket_at("/other"), None);
    assert_eq!(
        config.summary().to_string(),
        "realm realm1: roles anonymous; session statistics on\n\
         transport transport001: tcp 127.0.0.1:8080; WebSocket at /ws; WebSocket at /; RawSocket\n\
         administration: http://127.0.0.1:8081"
    );
}

#[test]
fn statistics_are_off_without_the_section_and_have_the_documented_defaults_with_it() {
    let stats = |realm| accepted(&File { realm, ..FILE }.text()).realms[0].stats;
    assert_eq!(stats(""), None);
    assert_eq!(stats("stats: {}"), Some(StatsConfig::default()));
    let given = "stats: {rated_message_size: 256, trigger_after_rated_messages: 10, \
                 trigger_after_duration: 0, trigger_on_join: false, trigger_on_leave: false}";
    let expected = StatsConfig {
        rated_message_size: RatedMessageSize::try_from(256_u64).unwrap(),
        trigger_after_rated_messages: NonZeroU64::new(10),
        trigger_after_duration: None,
        trigger_on_join: false,
        trigger_on_leave: false,
    };
    assert_eq!(stats(given), Some(expected));
    let duration = |realm| stats(realm).unwrap().trigger_after_duration;
    assert_eq!(duration("stats: {trigger_after_duration: 5}"), Some(seconds(5)));
    assert_eq!(duration("stats: {trigger_after_duration: 0.5}"), Some(Duration::from_millis(500)));
}

#[test]
fn a_role_has_the_trust_level_that_names_it() {
    let level = |node| accepted(&File { node, ..FILE }.text()).realms[0].roles[0].trustlevel;
    assert_eq!(level(""), None);
    let given = |number| -> &'static str {
        let entry = format!("realm: realm1, role: anonymous, trustlevel: {number}");
        format!("flowgate: {{trustlevels: [{{{entry}}}]}}").leak()
    };
    assert_eq!(level(given(0)), Some(0));
    assert_eq!(level(given(7)), Some(7));
}

#[test]
fn a_uri_without_match_is_starred() {
    let starred = |uri: &str, expected: (&str, MatchPolicy)| {
        let text: &'static str = format!("permissions: [{{uri: {uri:?}}}]").leak();
        assert_eq!(rules(text), [(expected.0.to_owned(), expected.1)], "{uri}");
    };
    starred("com.example.a", ("com.example.a", MatchPolicy::Exact));
    starred("com.example.*", ("com.example.", MatchPolicy::Prefix));
    starred("com.example.a*", ("com.example.a", MatchPolicy::Prefix));
    starred("*", ("", MatchPolicy::Prefix));
    starred("com.*.a", ("com..a", MatchPolicy::Wildcard));
    starred("com.*.a.*", ("com..a.", MatchPolicy::Wildcard));
    starred("*.a", (".a", MatchPolicy::Wildcard));
    let explicit = "permissions: [{uri: com..a, match: wildcard}, {uri: com., match: prefix}, \
                    {uri: com.a, match: exact}]";
    let policies: Vec<_> = rules(explicit).into_iter().map(|(_, policy)| policy).collect();
    assert_eq!(policies, [MatchPolicy::Wildcard, MatchPolicy::Prefix, MatchPolicy::Exact]);
}

#[test]
fn a_later_rule_replaces_an_earlier_one_for_the_same_uri() {
    let both = "permissions: [{uri: com.a}, {uri: com.b}, {uri: com.a, match: prefix}, \
                {uri: com.a, match: wildcard}]";
    let expected = [
        ("com.b".to_owned(), MatchPolicy::Exact),
        ("com.a".to_owned(), MatchPolicy::Prefix),
        ("com.a".to_owned(), MatchPolicy::Wildcard),
    ];
    assert_eq!(rules(both), expected);
}

#[test]
fn a_rule_allows_and_discloses_only_what_it_says() {
    let role = "permissions: [{uri: a, allow: {call: true, subscribe: true}, \
                disclose: {caller: never, publisher: true}}, {uri: b, disclose: {caller: false}}]";
    let config = accepted(&File { role, ..FILE }.text());
    let Permissions::Rules(rules) = &config.realms[0].roles[0].permissions else { panic!() };
    let allow = Allow { call: true, subscribe: true, ..Allow::default() };
    let disclose = Disclose { caller: Disclosure::Never, publisher: Disclosure::Always };
    assert_eq!((rules[0].allow, rules[0].disclose), (allow, disclose));
    assert_eq!((rules[1].allow, rules[1].disclose), (Allow::default(), Disclose::default()));
}

#[test]
fn a_role_without_permissions_has_its_default() {
    let permissions =
        |role| accepted(&File { role, ..FILE }.text()).realms.remove(0).roles.remove(0).permissions;
    assert_eq!(permissions(""), Permissions::DenyAll);
    assert_eq!(permissions("allow-by-default: false"), Permissions::DenyAll);
    assert_eq!(permissions("allow-by-default: true"), Permissions::AllowAll);
    assert_eq!(permissions("permissions: []"), Permissions::Rules(Vec::new()));
}

#[test]
fn what_is_kept_of_events_is_read() {
    let realm = |realm| accepted(&File { realm, ..FILE }.text()).realms.remove(0);
    let default = realm("");
    assert_eq!((default.retention, default.store), Default::default());
    let retention = realm("retention: {limit: 5, limit_bytes: 1000, ttl: 0.5}").retention;
    let ttl = Some(Duration::from_millis(500));
    assert_eq!(retention, RetentionConfig { limit: 5, limit_bytes: 1000, ttl });
    let rule = |uri: &str, match_policy, limit| {
        let uri = uri.to_owned();
        HistoryRule { uri, match_policy, limit }
    };
    let store = realm(
        "store: {type: memory, limit: 7, event-history: [{uri: com.a}, \
         {uri: com., match: prefix, limit: 10000}, {uri: com.a, match: wildcard}]}",
    );
    let histories = vec![
        rule("com.a", MatchPolicy::Exact, 7),
        rule("com.", MatchPolicy::Prefix, 10_000),
        rule("com.a", MatchPolicy::Wildcard, 7),
    ];
    assert_eq!(store.store, StoreConfig { kind: StoreKind::Memory, histories });
    let kind = |text| realm(text).store.kind;
    let path = PathBuf::from("/etc/flowgate/events.redb");
    let max_buffer_count = StoreConfig::DEFAULT_MAX_BUFFER_COUNT;
    let expected = StoreKind::Redb { path: path.clone(), max_buffer_count };
    assert_eq!(kind("store: {type: redb, path: events.redb}"), expected);
    let expected = StoreKind::Redb { path, max_buffer_count: 3 };
    assert_eq!(kind("store: {type: redb, path: events.redb, max-buffer: 3}"), expected);
}

#[test]
fn realm_options_are_read() {
    let realm = "options: {uri_check: strict, enable_meta_api: false}";
    let config = accepted(&File { realm, ..FILE }.text());
    assert_eq!(config.realms[0].uri_check, UriCheck::Strict);
    assert!(!config.realms[0].enable_meta_api);
}

#[test]
fn router_workers_form_one_router_but_their_transports_keep_to_their_realms() {
    let config = accepted(
        "version: 2\nworkers:\n\
         - {type: router, realms: [{name: one}], transports: [{type: websocket, id: first, \
            endpoint: {type: tcp, port: 1}}, {type: rawsocket, endpoint: {type: tcp, port: 2}}]}\n\
         - {type: container, options: {disabled: true}}\n\
         - {type: router, options: {disabled: \"${PORT}\"}, realms: [{name: one}]}\n\
         - {type: router, options: {disabled: \"${EMPTY}\"}, realms: [{name: two}], \
            transports: [{type: rawsocket, id: transport001, endpoint: {type: tcp, port: 3}}]}\n",
    );
    let realms: Vec<_> = config.realms.iter().map(|realm| realm.name.as_str()).collect();
    assert_eq!(realms, ["one", "two"]);
    let listeners: Vec<_> = config
        .listeners
        .iter()
        .map(|listener| (listener.id.as_str(), listener.realms.join(" ")))
        .collect();
    let expected = [("first", "one"), ("transport002", "one"), ("transport001", "two")];
    assert_eq!(listeners, expected.map(|(id, realm)| (id, realm.to_owned())));
}

#[test]
fn tcp_endpoints_name_an_address() {
    let address = |rest: &str| {
        let endpoint = format!("endpoint: {{type: tcp, {rest}}}").leak();
        match only_listener(&File { endpoint, ..FILE }).endpoint {
            Endpoint::Tcp(endpoint) => endpoint.address.to_string(),
            Endpoint::Unix(_) => panic!("not TCP"),
        }
    };
    assert_eq!(address("port: 8080"), "0.0.0.0:8080");
    assert_eq!(address("port: 0"), "0.0.0.0:0");
    assert_eq!(address("port: $PORT"), "0.0.0.0:9090");
    assert_eq!(address("port: 1, version: 6"), "[::]:1");
    assert_eq!(address("port: 1, interface: ''"), "0.0.0.0:1");
    assert_eq!(address("port: 1, interface: 10.0.0.1, version: 4"), "10.0.0.1:1");
    assert_eq!(address("port: 1, interface: '::1'"), "[::1]:1");
    assert_eq!(address("port: 1, interface: localhost"), "127.0.0.1:1");
    assert_eq!(address("port: 1, interface: localhost, version: 6"), "[::1]:1");
}

#[test]
fn socket_options_are_read() {
    let socket = |endpoint| match only_listener(&File { endpoint, ..FILE }).endpoint {
        Endpoint::Tcp(tcp) => (tcp.backlog, tcp.shared, tcp.user_timeout),
        Endpoint::Unix(_) => panic!("not TCP"),
    };
    assert_eq!(socket("endpoint: {type: tcp, port: 1}"), (1024, false, None));
    assert_eq!(
        socket("endpoint: {type: tcp, port: 1, backlog: 50, shared: true, user_timeout: 300}"),
        (50, true, Some(Duration::from_millis(300)))
    );
}

#[test]
fn paths_are_relative_to_the_file() {
    let unix = "endpoint: {type: unix, path: run/wamp.sock, backlog: 7}";
    let expected = UnixEndpoint { path: "/etc/flowgate/run/wamp.sock".into(), backlog: 7 };
    let listener = only_listener(&File { endpoint: unix, ..FILE });
    assert_eq!(listener.endpoint, Endpoint::Unix(expected));
    let tls = "endpoint: {type: tcp, port: 1, tls: {key: key.pem, certificate: /srv/cert.pem, \
               chain_certificates: [a.pem, b.pem]}}";
    let expected = TlsConfig {
        key: "/etc/flowgate/key.pem".into(),
        certificate: "/srv/cert.pem".into(),
        chain: ["/etc/flowgate/a.pem", "/etc/flowgate/b.pem"].map(PathBuf::from).to_vec(),
    };
    assert_eq!(only_listener(&File { endpoint: tls, ..FILE }).tls, Some(expected));
}

#[test]
fn a_shared_port_can_be_listened_on_twice() {
    let endpoint = "endpoint: {type: tcp, port: 1, shared: true}\n  - type: rawsocket\n    \
                    endpoint: {type: tcp, port: 1, shared: true}";
    assert_eq!(accepted(&File { endpoint, ..FILE }.text()).listeners.len(), 2);
}

#[test]
fn every_transport_type_serves_what_it_names() {
    let serves = |transport| {
        let listener = only_listener(&File { transport, ..FILE });
        let paths: Vec<_> = listener.websocket.iter().map(|at| at.path.to_string()).collect();
        (listener.rawsocket.is_some(), paths.join(" "))
    };
    let any = (false, "any path".to_owned());
    assert_eq!(serves("type: websocket"), any);
    assert_eq!(serves("type: rawsocket"), (true, String::new()));
    assert_eq!(
        serves("type: web\n    paths: {/: {type: websocket}, ws_2: {type: websocket}}"),
        (false, "/ /ws_2".to_owned())
    );
    assert_eq!(
        serves("type: universal\n    rawsocket: {type: rawsocket}\n    websocket: {ws: {}}"),
        (true, "/ws".to_owned())
    );
    assert_eq!(serves("type: universal\n    rawsocket: {}"), (true, String::new()));
}

#[test]
fn a_path_is_matched_by_its_first_segment() {
    let ws = PathPattern::Segment("ws".to_owned());
    for (target, segment, root) in [
        ("/ws", true, false),
        ("/ws/", true, false),
        ("//ws/more?x=/", true, false),
        ("/ws?token=1", true, false),
        ("/wss", false, false),
        ("/", false, true),
        ("", false, true),
        ("/?ws", false, true),
        ("/other/ws", false, false),
    ] {
        assert_eq!((ws.matches(target), PathPattern::Root.matches(target)), (segment, root));
        assert!(PathPattern::Any.matches(target));
    }
}

#[test]
fn an_origin_is_matched_as_it_came_and_with_its_default_port() {
    for (pattern, origin, expected) in [
        ("*", "https://example.com", true),
        ("https://example.com", "https://example.com", true),
        ("https://Example.com", "HTTPS://example.com", true),
        ("https://example.com:443", "https://example.com", true),
        ("http://*:80", "http://example.com", true),
        ("http://*:80", "http://example.com:8080", false),
        ("http://*:80", "http://[::1]", true),
        ("http://*:80", "http://[::1]:8080", false),
        ("http://*.example.com", "http://a.example.com", true),
        ("http://*.example.com", "http://a.example.com.evil.com", false),
        ("http://*.a.*.com", "http://x.a.a.com", true),
        ("http://*.a.*.com", "http://x.b.com", false),
        ("*example*", "http://my.example.org", true),
        ("a*a", "a", false),
        ("", "", true),
    ] {
        assert_eq!(OriginPattern::new(pattern).matches(origin), expected, "{pattern} {origin}");
    }
}

#[test]
fn websocket_options_are_read() {
    let transport = "type: websocket\n    max_connections: 9\n    serializers: [cbor, json]\n    \
                     options: {allowed_origins: [a, 'b*'], allow_null_origin: false, \
                     max_frame_size: 2000, max_message_size: 1000, auto_ping_size: 125, \
                     open_handshake_timeout: 2500, close_handshake_timeout: 3000, \
                     require_websocket_subprotocol: false, tcp_nodelay: false}";
    let mut listener = only_listener(&File { transport, ..FILE });
    assert_eq!(listener.max_connections, 9);
    let section = listener.websocket.remove(0);
    assert_eq!(section.serializers, [Format::Cbor, Format::Json]);
    let options = section.options;
    let origins = ["a", "b*"].map(OriginPattern::new);
    assert_eq!((options.allowed_origins, options.allow_null_origin), (origins.to_vec(), false));
    assert_eq!((options.max_frame_bytes, options.max_message_bytes), (1000, 1000));
    assert_eq!(options.ping_payload_bytes, 125);
    assert_eq!(options.open_handshake_timeout, Duration::from_millis(2500));
    assert_eq!(options.close_handshake_timeout, seconds(3));
    assert!(!options.require_subprotocol);
    assert!(!options.tcp_nodelay);
}

#[test]
fn websocket_options_have_the_documented_defaults() {
    let listener = only_listener(&FILE);
    let options = &listener.websocket[0].options;
    assert_eq!(listener.max_connections, 50_000);
    assert_eq!(listener.websocket[0].serializers, Format::ALL);
    assert_eq!(options.max_frame_bytes, 16 * 1024 * 1024);
    assert_eq!(options.max_message_bytes, 16 * 1024 * 1024);
    assert_eq!(options.ping_payload_bytes, 12);
    assert_eq!(options.open_handshake_timeout, seconds(10));
    assert_eq!(options.close_handshake_timeout, seconds(1));
    assert!(options.require_subprotocol);
    assert!(options.tcp_nodelay);
    assert!(options.allow_null_origin);
    assert!(options.allowed_origins[0].matches("anything"));
}

#[test]
fn a_transports_pings_override_the_nodes() {
    let keepalive = |node, options: &str| {
        let transport = format!("type: websocket\n    options: {{{options}}}").leak();
        only_listener(&File { node, transport, ..FILE }).websocket.remove(0).options.keepalive
    };
    let of = |interval, timeout| {
        Some(Keepalive { interval: seconds(interval), timeout: Some(seconds(timeout)) })
    };
    let never = |interval| Some(Keepalive { interval: seconds(interval), timeout: None });
    let node = "flowgate: {keepalive: {interval: 7, timeout: 3}}";
    let off = "flowgate: {keepalive: {interval: 0}}";
    assert_eq!(keepalive("", ""), Some(Keepalive::default()));
    assert_eq!(keepalive(node, ""), of(7, 3));
    assert_eq!(keepalive(node, "auto_ping_interval: 9000"), of(9, 3));
    assert_eq!(keepalive(node, "auto_ping_timeout: 5000"), of(7, 5));
    assert_eq!(keepalive(node, "auto_ping_timeout: 0"), never(7));
    assert_eq!(keepalive(node, "auto_ping_interval: 0, auto_ping_timeout: 5000"), None);
    assert_eq!(keepalive(off, ""), None);
    assert_eq!(keepalive(off, "auto_ping_interval: 9000"), of(9, 20));
    let rawsocket = only_listener(&File { node, transport: "type: rawsocket", ..FILE }).rawsocket;
    assert_eq!(rawsocket.unwrap().keepalive, None);
    let node = "flowgate: {keepalive: {interval: 7, timeout: 3, rawsocket: true}}";
    let rawsocket = only_listener(&File { node, transport: "type: rawsocket", ..FILE }).rawsocket;
    assert_eq!(rawsocket.unwrap().keepalive, of(7, 3));
}

#[test]
fn rawsocket_options_are_read() {
    let transport = "type: rawsocket\n    serializers: [msgpack]\n    \
                     options: {max_message_size: 1000000}";
    let rawsocket = only_listener(&File { transport, ..FILE }).rawsocket.unwrap();
    assert_eq!(rawsocket.serializers, [Format::MessagePack]);
    assert_eq!(rawsocket.max_message_bytes, 1_000_000);
    let default = only_listener(&File { transport: "type: rawsocket", ..FILE }).rawsocket.unwrap();
    assert_eq!(default.max_message_bytes, 16 * 1024 * 1024);
}

#[test]
fn anonymous_authentication_is_read() {
    let auth = |auth: &str| {
        let transport = format!("type: rawsocket\n    {auth}").leak();
        only_listener(&File { transport, ..FILE }).rawsocket.unwrap().auth
    };
    let anonymous = |realm: Option<&str>, authid: Option<&str>| {
        AuthConfig::Anonymous(AnonymousAuth {
            realm: realm.map(str::to_owned),
            role: "anonymous".to_owned(),
            authid: authid.map(str::to_owned),
        })
    };
    assert_eq!(auth(""), AuthConfig::Open);
    assert_eq!(auth("auth: {anonymous: {type: static}}"), anonymous(None, None));
    let full = "auth: {anonymous: {type: static, realm: realm1, role: anonymous, authid: me}}";
    assert_eq!(auth(full), anonymous(Some("realm1"), Some("me")));
}

#[test]
fn flowgates_own_settings_are_read() {
    let settings = |node| accepted(&File { node, ..FILE }.text()).flowgate;
    assert_eq!(settings(""), FlowgateConfig::default());
    assert_eq!(settings("flowgate: {}"), FlowgateConfig::default());
    let all = "flowgate: {admin: {listen: '[::1]:9', hosts: [proxy.example]}, \
               observer: {listen: 'off', counters: '127.0.0.1:7777', timeout: 0.5, \
               max_label_values: 9, max_line_bytes: 70000, sources: ['http://a:1'], every: 2}, \
               metrics: {topics: [{uri: com.a}, {uri: com.b., match: prefix}]}, \
               tracing: {directory: traces, max_disk: 2000000, admin: payload, allow: [ \
               {realm: realm1, role: anonymous}], \
               otlp: {url: 'http://c:4318/v1/traces', sample: 0.5}}, \
               log: {format: json, level: debug}, \
               limits: {send_queue_bytes: 65536, call_timeout: 2.5, max_call_timeout: 60, \
               call_queue: 7}, handshake_timeout: 2.5, \
               keepalive: {interval: 30, timeout: 0, rawsocket: true}, shutdown_timeout: 0, \
               strict_request_ids: true, worker_threads: 3}";
    let expected = FlowgateConfig {
        admin: Some("[::1]:9".parse().unwrap()),
        admin_hosts: vec!["proxy.example".parse().unwrap()],
        observer: Some(ObserverConfig {
            listen: None,
            counters: Some("127.0.0.1:7777".parse().unwrap()),
            timeout: Duration::from_millis(500),
            limits: Limits {
                max_label_value_count: 9,
                max_line_bytes: 70_000,
                ..Limits::default()
            },
            sources: vec!["http://a:1".to_owned()],
            every: seconds(2),
        }),
        metrics: MetricsConfig {
            topics: [("com.a", MatchPolicy::Exact), ("com.b.", MatchPolicy::Prefix)]
                .map(|(uri, match_policy)| TopicPattern { uri: uri.to_owned(), match_policy })
                .to_vec(),
        },
        tracing: TracingConfig {
            directory: Some(PathBuf::from("/etc/flowgate/traces")),
            max_disk_bytes: 2_000_000,
            admin: AdminTracing::Payload,
            grants: vec![TraceGrant {
                realm: "realm1".to_owned(),
                role: "anonymous".to_owned(),
                traced: TracedRealms::Only(vec!["realm1".to_owned()]),
                payload: false,
            }],
            otlp: Some(OtlpConfig {
                url: HttpUrl { authority: "c:4318".to_owned(), path: "/v1/traces".to_owned() },
                sampling: Sampling::new(0.5).unwrap(),
            }),
        },
        log: LogConfig { format: LogFormat::Json, level: LogLevel::Debug },
        send_queue_bytes: 65_536,
        calls: CallSettings {
            default_timeout: Some(Duration::from_millis(2500)),
            max_timeout: Some(seconds(60)),
            queue_limit: 7,
        },
        handshake_timeout: Duration::from_millis(2500),
        keepalive: Some(Keepalive { interval: seconds(30), timeout: None }),
        rawsocket_pings: true,
        shutdown_timeout: Duration::ZERO,
        request_ids: RequestIds::Strict,
        worker_threads: std::num::NonZeroUsize::new(3),
    };
    assert_eq!(settings(all), expected);
    assert_eq!(settings("flowgate: {admin: {listen: 'off'}}").admin, None);
    assert_eq!(settings("flowgate: {observer: {}}").observer, Some(ObserverConfig::default()));
    let clash = File { endpoint: "endpoint: {type: tcp, port: 8081}", ..FILE };
    assert_eq!(accepted(&clash.text()).flowgate.admin, None);
}

#[test]
fn rights_to_trace_are_read() {
    let granted = |allow: &str| {
        let node = format!("flowgate: {{tracing: {{allow: [{allow}]}}}}").leak();
        let mut grants = accepted(&File { node, ..FILE }.text()).flowgate.tracing.grants;
        grants.remove(0)
    };
    let all = granted("{realm: realm1, role: anonymous, traced: all, payload: true}");
    assert_eq!((all.traced, all.payload), (TracedRealms::All, true));
    let some = granted("{realm: realm1, role: anonymous, traced: [realm1]}");
    let realm1 = TracedRealms::Only(vec!["realm1".to_owned()]);
    assert_eq!((some.traced, some.payload), (realm1, false));
}
