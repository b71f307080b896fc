//! Findings in transports and their options.

use super::{check, check_text};
use crate::config::tests::{FILE, File};

#[test]
fn findings_of_transports() {
    let message = "an id has 3 to 64 characters: a lower-case letter, then lower-case letters, \
                   digits or `_`";
    let expected = format!("13:9: workers[0].transports[0].id: {message}");
    for transport in ["type: rawsocket\n    id: ab", "type: rawsocket\n    id: _ab"] {
        check(&File { transport, ..FILE }, &[&expected]);
    }
    check(
        &File { transport: "type: mqtt", ..FILE },
        &["12:11: workers[0].transports[0].type: `mqtt` is refused: MQTT is not supported"],
    );
    check(
        &File { transport: "type: websockets", ..FILE },
        &[
            "12:11: workers[0].transports[0].type: must be one of websocket, rawsocket, universal, web (did you mean `websocket`?)",
        ],
    );
    check(
        &File { transport: "id: ws1", ..FILE },
        &["12:5: workers[0].transports[0]: the key `type` is missing"],
    );
    check(
        &File { transport: "type: web", ..FILE },
        &["12:5: workers[0].transports[0]: the key `paths` is missing"],
    );
    check(
        &File {
            transport: "type: websocket\n    paths: {}\n    cookie: {}\n    debug: true\n    max_connections: 0\n    url: \"ws://x\"\n    id: WS",
            ..FILE
        },
        &[
            "13:5: workers[0].transports[0].paths: unknown key in section websocket transport",
            "14:5: workers[0].transports[0].cookie: refused: cookie tracking and cookie authentication are not supported yet",
            "16:22: workers[0].transports[0].max_connections: must be from 1 to 1073741824, is 0",
            "18:9: workers[0].transports[0].id: an id has 3 to 64 characters: a lower-case letter, then lower-case letters, digits or `_`",
        ],
    );
    check(
        &File { transport: "type: websocket\n    serializers: []", ..FILE },
        &[
            "13:18: workers[0].transports[0].serializers: lists no serializer, so nobody could connect",
        ],
    );
    check(
        &File { transport: "type: websocket\n    serializers: [ubjson, jsn, json, json]", ..FILE },
        &[
            "13:19: workers[0].transports[0].serializers[0]: `ubjson` is refused: UBJSON is not supported; use json, msgpack or cbor",
            "13:27: workers[0].transports[0].serializers[1]: must be one of json, msgpack, cbor (did you mean `json`?)",
            "13:38: workers[0].transports[0].serializers[3]: `json` is listed twice",
        ],
    );
    check(
        &File { transport: "type: websocket\n    serializers: json", ..FILE },
        &["13:18: workers[0].transports[0].serializers: expected a list, found a string"],
    );
    check(
        &File { transport: "type: rawsocket\n    options: {max_message_size: 511}", ..FILE },
        &[
            "13:33: workers[0].transports[0].options.max_message_size: must be from 512 to 16777216, is 511",
        ],
    );
    check(
        &File { transport: "type: rawsocket\n    options: {max_mesage_size: 512}", ..FILE },
        &[
            "13:15: workers[0].transports[0].options.max_mesage_size: unknown key in section rawsocket options (did you mean `max_message_size`?)",
        ],
    );
    check(
        &File { transport: "type: universal", ..FILE },
        &[
            "12:5: workers[0].transports[0]: serves nothing: neither `rawsocket` nor a path under `websocket` is there",
        ],
    );
    check(
        &File { transport: "type: universal\n    web: {paths: {}}", ..FILE },
        &[
            "13:5: workers[0].transports[0].web: refused: Flowgate serves no web content; use a web server beside it",
        ],
    );
    check(
        &File {
            transport: "type: universal\n    mqtt: {}\n    rawsocket: {type: websocket, endpoint: {}}",
            ..FILE
        },
        &[
            "13:5: workers[0].transports[0].mqtt: refused: MQTT is not supported",
            "14:23: workers[0].transports[0].rawsocket.type: must be `rawsocket` (did you mean `rawsocket`?)",
            "14:34: workers[0].transports[0].rawsocket.endpoint: refused: the transport that holds this part owns the endpoint",
        ],
    );
    check(
        &File {
            transport: "type: universal\n    websocket: {/ws: {}, a/b: {}, ws: {type: static}, x: {type: longpoll}, y: {max_connections: 1}, z: 3}",
            ..FILE
        },
        &[
            "13:17: workers[0].transports[0].websocket[\"/ws\"]: a path is `/` or one segment of letters, digits, `_` and `-` without slashes (did you mean `ws`?)",
            "13:26: workers[0].transports[0].websocket[\"a/b\"]: a path is `/` or one segment of letters, digits, `_` and `-` without slashes",
            "13:46: workers[0].transports[0].websocket.ws.type: `static` is refused: Flowgate serves no web content; use a web server beside it",
            "13:65: workers[0].transports[0].websocket.x.type: `longpoll` is refused: long polling is not supported yet",
            "13:80: workers[0].transports[0].websocket.y.max_connections: refused: the transport that owns the endpoint counts the connections",
            "13:104: workers[0].transports[0].websocket.z: expected a map, found an integer",
        ],
    );
    check(
        &File { transport: "type: web\n    paths: {}", ..FILE },
        &["13:12: workers[0].transports[0].paths: serves nothing: there is no path"],
    );
    check(
        &File {
            transport: "type: web\n    paths: {/: {type: static, directory: ..}, info: {type: nodeinfo}, ws: {}}",
            ..FILE
        },
        &[
            "13:23: workers[0].transports[0].paths[\"/\"].type: `static` is refused: Flowgate serves no web content; use a web server beside it",
            "13:60: workers[0].transports[0].paths.info.type: `nodeinfo` is refused: Flowgate serves no web content; use a web server beside it",
            "13:75: workers[0].transports[0].paths.ws: the key `type` is missing",
        ],
    );
    check(
        &File {
            transport: "type: web\n    paths: {ws: {type: websocket}}\n    options: {access_log: true, hsts: false, client_timeout: 5}",
            ..FILE
        },
        &[
            "14:15: workers[0].transports[0].options.access_log: accepted without effect: Flowgate logs connections, not requests",
            "14:46: workers[0].transports[0].options.client_timeout: accepted without effect: use `open_handshake_timeout` or `flowgate.handshake_timeout`",
        ],
    );
    check_text(
        "version: 2\nworkers:\n- type: router\n  realms: [{name: realm1, roles: [{name: anonymous}]}]\n  transports:\n  - {type: rawsocket, id: one, endpoint: {type: tcp, port: 1}}\n  - {type: rawsocket, id: one, endpoint: {type: tcp, port: 1, interface: 127.0.0.1}}\n  - {type: rawsocket, endpoint: {type: unix, path: sock}}\n  - {type: rawsocket, endpoint: {type: unix, path: /etc/flowgate/sock}}",
        &[
            "7:5: workers[0].transports[1]: another transport has the id `one`",
            "7:5: workers[0].transports[1]: listens on the same address as the transport in line 6",
            "9:5: workers[0].transports[3]: listens on the same address as the transport in line 8",
        ],
    );
}

#[test]
fn findings_of_websocket_options() {
    check(
        &File { transport: "type: websocket\n    options: {max_connections: 5}", ..FILE },
        &[
            "13:15: workers[0].transports[0].options.max_connections: refused: it belongs to the transport, beside `endpoint`",
        ],
    );
    check(
        &File { transport: "type: websocket\n    options: {max_message_size: 0}", ..FILE },
        &[
            "13:33: workers[0].transports[0].options.max_message_size: messages are never unlimited; 67108864 is used",
        ],
    );
    check(
        &File { transport: "type: websocket\n    options: {max_message_size: 67108865}", ..FILE },
        &[
            "13:33: workers[0].transports[0].options.max_message_size: must be from 0 to 67108864, is 67108865",
        ],
    );
    check(
        &File { transport: "type: websocket\n    options: {max_message_size: -1}", ..FILE },
        &[
            "13:33: workers[0].transports[0].options.max_message_size: must be from 0 to 67108864, is -1",
        ],
    );
    check(
        &File { transport: "type: websocket\n    options: {max_frame_size: 1.5}", ..FILE },
        &[
            "13:31: workers[0].transports[0].options.max_frame_size: expected an integer, found a fractional number",
        ],
    );
    check(
        &File { transport: "type: websocket\n    options: {auto_ping_interval: 999}", ..FILE },
        &[
            "13:35: workers[0].transports[0].options.auto_ping_interval: is in milliseconds: must be 0 or at least 1000, is 999",
        ],
    );
    check(
        &File { transport: "type: websocket\n    options: {auto_ping_timeout: \"5\"}", ..FILE },
        &[
            "13:34: workers[0].transports[0].options.auto_ping_timeout: expected an integer, found a string",
        ],
    );
    check(
        &File { transport: "type: websocket\n    options: {auto_ping_size: 11}", ..FILE },
        &["13:31: workers[0].transports[0].options.auto_ping_size: must be from 12 to 125, is 11"],
    );
    check(
        &File { transport: "type: websocket\n    options: {auto_ping_size: 126}", ..FILE },
        &["13:31: workers[0].transports[0].options.auto_ping_size: must be from 12 to 125, is 126"],
    );
    check(
        &File { transport: "type: websocket\n    options: {allowed_origins: \"*\"}", ..FILE },
        &[
            "13:32: workers[0].transports[0].options.allowed_origins: expected a list, found a string",
        ],
    );
    check(
        &File { transport: "type: websocket\n    options: {allowed_origins: [3, \"\"]}", ..FILE },
        &[
            "13:33: workers[0].transports[0].options.allowed_origins[0]: expected a string, found an integer",
            "13:36: workers[0].transports[0].options.allowed_origins[1]: must not be empty",
        ],
    );
    check(
        &File { transport: "type: websocket\n    options: {allow_null_origin: 0}", ..FILE },
        &[
            "13:34: workers[0].transports[0].options.allow_null_origin: expected a boolean, found an integer",
        ],
    );
    check(
        &File { transport: "type: websocket\n    options: {compression: {deflate: {}}}", ..FILE },
        &[
            "13:15: workers[0].transports[0].options.compression: accepted without effect: permessage-deflate is not supported yet; clients go on without",
        ],
    );
    check(
        &File {
            transport: "type: websocket\n    options: {validate_utf8: true, mask_server_frames: false, apply_mask: true, auto_fragment_size: 0}",
            ..FILE
        },
        &[],
    );
    check(
        &File {
            transport: "type: websocket\n    options: {validate_utf8: false, auto_fragment_size: 65536, fail_by_drop: true, enable_webstatus: true}",
            ..FILE
        },
        &[
            "13:15: workers[0].transports[0].options.validate_utf8: accepted without effect: text is always checked",
            "13:37: workers[0].transports[0].options.auto_fragment_size: accepted without effect: messages are sent in one frame",
            "13:64: workers[0].transports[0].options.fail_by_drop: accepted without effect: a closing handshake is always tried",
            "13:84: workers[0].transports[0].options.enable_webstatus: accepted without effect: Flowgate serves no status page on a WebSocket port",
        ],
    );
    check(
        &File { transport: "type: websocket\n    options: {auto_ping_intervall: 1000}", ..FILE },
        &[
            "13:15: workers[0].transports[0].options.auto_ping_intervall: unknown key in section websocket options (did you mean `auto_ping_interval`?)",
        ],
    );
    check(
        &File { transport: "type: websocket\n    options: {open_handshake_timeout: 10}", ..FILE },
        &[
            "13:39: workers[0].transports[0].options.open_handshake_timeout: is in milliseconds: must be 0 or at least 1000, is 10",
        ],
    );
    check(
        &File {
            transport: "type: websocket\n    options: {require_websocket_subprotocol: maybe}",
            ..FILE
        },
        &[
            "13:46: workers[0].transports[0].options.require_websocket_subprotocol: expected a boolean, found a string",
        ],
    );
    check(
        &File { transport: "type: websocket\n    options: {tcp_nodelay: null}", ..FILE },
        &["13:28: workers[0].transports[0].options.tcp_nodelay: expected a boolean, found null"],
    );
}
