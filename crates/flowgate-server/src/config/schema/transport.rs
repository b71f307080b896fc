//! Transports, endpoints and authentication.

use super::{Fixed, Key, RefusedValues, Section, Treatment, fixed, ignored, quiet, refused, used};

/// Keys of every transport that owns a port.
const OWNS_PORT: &[Key] = &[used("type"), used("id"), used("endpoint"), used("max_connections")];

/// Keys of a part of a transport that owns the port.
const PART: &[Key] = &[
    refused("endpoint", "the transport that holds this part owns the endpoint"),
    refused("max_connections", "the transport that owns the endpoint counts the connections"),
];

const WEBSOCKET: &[Key] = &[
    used("serializers"),
    used("options"),
    used("auth"),
    quiet("url", "clients are matched by the path of their request only"),
    fixed("debug", false, "the log level is `flowgate.log.level`"),
    refused("cookie", "cookie tracking and cookie authentication are not supported yet"),
];

const RAWSOCKET: &[Key] = &[
    used("serializers"),
    used("options"),
    used("auth"),
    fixed("debug", false, "the log level is `flowgate.log.level`"),
];

pub(in crate::config) const WEBSOCKET_TRANSPORT: Section =
    Section { name: "websocket transport", keys: &[OWNS_PORT, WEBSOCKET] };

pub(in crate::config) const WEBSOCKET_SERVICE: Section = Section {
    name: "websocket path",
    keys: &[&[used("type"), quiet("id", "a path is known by its name")], WEBSOCKET, PART],
};

pub(in crate::config) const WEBSOCKET_OPTIONS: Section = Section {
    name: "websocket options",
    keys: &[&[
        used("allowed_origins"),
        used("allow_null_origin"),
        used("max_frame_size"),
        used("max_message_size"),
        used("auto_ping_interval"),
        used("auto_ping_timeout"),
        used("auto_ping_size"),
        used("open_handshake_timeout"),
        used("close_handshake_timeout"),
        used("require_websocket_subprotocol"),
        used("tcp_nodelay"),
        fixed("enable_webstatus", false, "Flowgate serves no status page on a WebSocket port"),
        fixed("validate_utf8", true, "text is always checked"),
        fixed("mask_server_frames", false, "RFC 6455 forbids it"),
        fixed("require_masked_client_frames", true, "RFC 6455 demands it"),
        fixed("apply_mask", true, "RFC 6455 demands it"),
        Key {
            name: "auto_fragment_size",
            treatment: Treatment::Fixed(Fixed::Integer(0), "messages are sent in one frame"),
        },
        fixed("fail_by_drop", false, "a closing handshake is always tried"),
        fixed("echo_close_codereason", false, "Flowgate sends a close code of its own"),
        fixed(
            "auto_ping_restart_on_any_traffic",
            true,
            "whatever a client sends proves that it is alive",
        ),
        ignored("compression", "permessage-deflate is not supported yet; clients go on without"),
        quiet("external_port", "Flowgate does not compare the port of the request"),
        fixed("show_server_version", false, "the handshake never names a version"),
        fixed("enable_rfc6455", true, "it is the only version of WebSocket"),
        fixed("enable_hybi10", false, "drafts of WebSocket are not supported"),
        fixed("enable_flash_policy", false, "Flash is not supported"),
        ignored("flash_policy", "Flash is not supported"),
        refused("max_connections", "it belongs to the transport, beside `endpoint`"),
    ]],
};

pub(in crate::config) const RAWSOCKET_TRANSPORT: Section =
    Section { name: "rawsocket transport", keys: &[OWNS_PORT, RAWSOCKET] };

pub(in crate::config) const RAWSOCKET_SERVICE: Section = Section {
    name: "rawsocket part",
    keys: &[&[used("type"), quiet("id", "there is at most one RawSocket part")], RAWSOCKET, PART],
};

pub(in crate::config) const RAWSOCKET_OPTIONS: Section =
    Section { name: "rawsocket options", keys: &[&[used("max_message_size")]] };

pub(in crate::config) const UNIVERSAL_TRANSPORT: Section = Section {
    name: "universal transport",
    keys: &[
        OWNS_PORT,
        &[
            used("rawsocket"),
            used("websocket"),
            refused("web", "Flowgate serves no web content; use a web server beside it"),
            refused("mqtt", "MQTT is not supported"),
        ],
    ],
};

pub(in crate::config) const WEB_TRANSPORT: Section =
    Section { name: "web transport", keys: &[OWNS_PORT, &[used("paths"), used("options")]] };

pub(in crate::config) const WEB_OPTIONS: Section = Section {
    name: "web options",
    keys: &[&[
        fixed("access_log", false, "Flowgate logs connections, not requests"),
        fixed("display_tracebacks", false, "Flowgate runs no Python"),
        fixed("hsts", false, "Flowgate serves no web content"),
        quiet("hsts_max_age", "Flowgate serves no web content"),
        ignored("client_timeout", "use `open_handshake_timeout` or `flowgate.handshake_timeout`"),
    ]],
};

pub(in crate::config) const TRANSPORT_TYPES: RefusedValues = RefusedValues {
    section: "transport",
    key: "type",
    values: &[
        ("mqtt", "MQTT is not supported"),
        ("flashpolicy", "Flash is not supported"),
        ("websocket.testee", "Flowgate is no WebSocket test peer"),
        ("stream.testee", "Flowgate is no test peer"),
    ],
};

const NO_WEB: &str = "Flowgate serves no web content; use a web server beside it";
const NO_BRIDGE: &str = "bridges to HTTP are not supported yet";

pub(in crate::config) const PATH_TYPES: RefusedValues = RefusedValues {
    section: "web path",
    key: "type",
    values: &[
        ("static", NO_WEB),
        ("nodeinfo", NO_WEB),
        ("redirect", NO_WEB),
        ("json", NO_WEB),
        ("archive", NO_WEB),
        ("cgi", NO_WEB),
        ("wsgi", NO_WEB),
        ("wap", NO_WEB),
        ("catalog", NO_WEB),
        ("pairme", NO_WEB),
        ("resource", NO_WEB),
        ("upload", NO_WEB),
        ("path", "nested paths are not supported"),
        ("longpoll", "long polling is not supported yet"),
        ("publisher", NO_BRIDGE),
        ("caller", NO_BRIDGE),
        ("webhook", NO_BRIDGE),
        ("reverseproxy", "Flowgate is no proxy"),
        ("websocket-reverseproxy", "Flowgate is no proxy"),
    ],
};

pub(in crate::config) const TCP_ENDPOINT: Section = Section {
    name: "tcp endpoint",
    keys: &[&[
        used("type"),
        used("port"),
        used("version"),
        used("interface"),
        used("backlog"),
        used("shared"),
        used("user_timeout"),
        used("tls"),
        refused("portrange", "clients have to know the port; name one with `port`"),
    ]],
};

pub(in crate::config) const UNIX_ENDPOINT: Section =
    Section { name: "unix endpoint", keys: &[&[used("type"), used("path"), used("backlog")]] };

pub(in crate::config) const TLS: Section = Section {
    name: "tls",
    keys: &[&[
        used("key"),
        used("certificate"),
        used("chain_certificates"),
        ignored("dhparam", "only elliptic curves are used for key exchange"),
        ignored("ciphers", "the cipher suites of TLS 1.3 and the modern ones of 1.2 are used"),
        refused("ca_certificates", "client certificates are not supported yet"),
    ]],
};

pub(in crate::config) const ENDPOINT_TYPES: RefusedValues = RefusedValues {
    section: "endpoint",
    key: "type",
    values: &[
        ("twisted", "Flowgate is not built on Twisted; use `tcp` or `unix`"),
        ("onion", "Tor services are not supported; use `tcp` beside a Tor daemon"),
        ("tor", "Tor services are not supported; use `tcp` beside a Tor daemon"),
    ],
};

pub(in crate::config) const SERIALIZERS: RefusedValues = RefusedValues {
    section: "serializers",
    key: "items",
    values: &[
        ("ubjson", "UBJSON is not supported; use json, msgpack or cbor"),
        ("flatbuffers", "FlatBuffers is not supported; use json, msgpack or cbor"),
    ],
};

const LATER: &str = "this authentication method is not supported yet; only `anonymous` is";

pub(in crate::config) const AUTH: Section = Section {
    name: "auth",
    keys: &[&[
        used("anonymous"),
        refused("ticket", LATER),
        refused("wampcra", LATER),
        refused("scram", LATER),
        refused("cryptosign", LATER),
        refused("tls", LATER),
        refused("cookie", LATER),
        refused("anonymous-proxy", "Flowgate has no proxy workers"),
        refused("cryptosign-proxy", "Flowgate has no proxy workers"),
    ]],
};

pub(in crate::config) const ANONYMOUS: Section = Section {
    name: "anonymous",
    keys: &[&[used("type"), used("realm"), used("role"), used("authid")]],
};

pub(in crate::config) const ANONYMOUS_TYPES: RefusedValues = RefusedValues {
    section: "anonymous",
    key: "type",
    values: &[
        ("dynamic", "dynamic authentication is not supported yet"),
        ("function", "Flowgate runs no Python"),
    ],
};
