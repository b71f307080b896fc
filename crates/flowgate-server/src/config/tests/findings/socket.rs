//! Findings in endpoints and authentication.

use super::{check, check_text};
use crate::config::tests::{FILE, File};

#[test]
fn findings_of_endpoints() {
    check(
        &File { endpoint: "endpoint: {type: tcp}", ..FILE },
        &["13:15: workers[0].transports[0].endpoint: the key `port` is missing"],
    );
    check(
        &File { endpoint: "endpoint: {port: 1}", ..FILE },
        &["13:15: workers[0].transports[0].endpoint: the key `type` is missing"],
    );
    check(
        &File { endpoint: "endpoint: {type: onion, port: 1}", ..FILE },
        &[
            "13:22: workers[0].transports[0].endpoint.type: `onion` is refused: Tor services are not supported; use `tcp` beside a Tor daemon",
        ],
    );
    check(
        &File { endpoint: "endpoint: {type: tpc}", ..FILE },
        &[
            "13:22: workers[0].transports[0].endpoint.type: must be one of tcp, unix (did you mean `tcp`?)",
        ],
    );
    check(
        &File { endpoint: "endpoint: {type: tcp, port: 65536}", ..FILE },
        &["13:33: workers[0].transports[0].endpoint.port: must be from 0 to 65535, is 65536"],
    );
    check(
        &File { endpoint: "endpoint: {type: tcp, port: -1}", ..FILE },
        &["13:33: workers[0].transports[0].endpoint.port: must be from 0 to 65535, is -1"],
    );
    check(
        &File { endpoint: "endpoint: {type: tcp, port: \"8080\"}", ..FILE },
        &[
            "13:33: workers[0].transports[0].endpoint.port: must be an integer, or the name of a variable as \"$NAME\" (did you mean `8080`?)",
        ],
    );
    check(
        &File { endpoint: "endpoint: {type: tcp, port: \"$NOPE\"}", ..FILE },
        &[
            "13:33: workers[0].transports[0].endpoint.port: the environment variable `NOPE` is not set",
        ],
    );
    check(
        &File { endpoint: "endpoint: {type: tcp, port: $WORD}", ..FILE },
        &[
            "13:33: workers[0].transports[0].endpoint.port: the environment variable `WORD` holds no port number",
        ],
    );
    check(
        &File { endpoint: "endpoint: {type: tcp, port: \"$1\"}", ..FILE },
        &[
            "13:33: workers[0].transports[0].endpoint.port: must be an integer, or the name of a variable as \"$NAME\"",
        ],
    );
    check(
        &File { endpoint: "endpoint: {type: tcp, portrange: [1, 2]}", ..FILE },
        &[
            "13:27: workers[0].transports[0].endpoint.portrange: refused: clients have to know the port; name one with `port`",
        ],
    );
    check(
        &File { endpoint: "endpoint: {type: tcp, port: 1, version: 5}", ..FILE },
        &["13:45: workers[0].transports[0].endpoint.version: must be 4 or 6"],
    );
    check(
        &File {
            endpoint: "endpoint: {type: tcp, port: 1, version: 6, interface: 127.0.0.1}",
            ..FILE
        },
        &[
            "13:59: workers[0].transports[0].endpoint.interface: is not an address of the protocol version that `version` names",
        ],
    );
    check(
        &File { endpoint: "endpoint: {type: tcp, port: 1, interface: example.com}", ..FILE },
        &[
            "13:47: workers[0].transports[0].endpoint.interface: must be an IP address or `localhost`",
        ],
    );
    check(
        &File {
            endpoint: "endpoint: {type: tcp, port: 1, backlog: 0, shared: 1, user_timeout: 70000, host: x}",
            ..FILE
        },
        &[
            "13:45: workers[0].transports[0].endpoint.backlog: must be from 1 to 65535, is 0",
            "13:56: workers[0].transports[0].endpoint.shared: expected a boolean, found an integer",
            "13:73: workers[0].transports[0].endpoint.user_timeout: must be from 0 to 65535, is 70000",
            "13:80: workers[0].transports[0].endpoint.host: unknown key in section tcp endpoint",
        ],
    );
    check(
        &File { endpoint: "endpoint: {type: unix}", ..FILE },
        &["13:15: workers[0].transports[0].endpoint: the key `path` is missing"],
    );
    check(
        &File { endpoint: "endpoint: {type: unix, path: \"\", tls: {}}", ..FILE },
        &[
            "13:34: workers[0].transports[0].endpoint.path: must not be empty",
            "13:38: workers[0].transports[0].endpoint.tls: unknown key in section unix endpoint",
        ],
    );
    check(
        &File { endpoint: "endpoint: {type: unix, path: x, backlog: many}", ..FILE },
        &["13:46: workers[0].transports[0].endpoint.backlog: expected an integer, found a string"],
    );
    check(
        &File { endpoint: "endpoint: {type: tcp, port: 1, tls: {key: k}}", ..FILE },
        &["13:41: workers[0].transports[0].endpoint.tls: the key `certificate` is missing"],
    );
    check(
        &File {
            endpoint: "endpoint: {type: tcp, port: 1, tls: {key: \"\", certificate: 3, chain_certificates: c}}",
            ..FILE
        },
        &[
            "13:47: workers[0].transports[0].endpoint.tls.key: must not be empty",
            "13:64: workers[0].transports[0].endpoint.tls.certificate: expected a string, found an integer",
            "13:87: workers[0].transports[0].endpoint.tls.chain_certificates: expected a list, found a string",
        ],
    );
    check(
        &File {
            endpoint: "endpoint: {type: tcp, port: 1, tls: {key: k, certificate: c, dhparam: d, ciphers: e}}",
            ..FILE
        },
        &[
            "13:66: workers[0].transports[0].endpoint.tls.dhparam: accepted without effect: only elliptic curves are used for key exchange",
            "13:78: workers[0].transports[0].endpoint.tls.ciphers: accepted without effect: the cipher suites of TLS 1.3 and the modern ones of 1.2 are used",
        ],
    );
    check(
        &File {
            endpoint: "endpoint: {type: tcp, port: 1, tls: {key: k, certificate: c, ca_certificates: [x], certificates: y}}",
            ..FILE
        },
        &[
            "13:66: workers[0].transports[0].endpoint.tls.ca_certificates: refused: client certificates are not supported yet",
            "13:88: workers[0].transports[0].endpoint.tls.certificates: unknown key in section tls (did you mean `certificate`?)",
        ],
    );
    check(
        &File { endpoint: "endpoint: 8080", ..FILE },
        &["13:15: workers[0].transports[0].endpoint: expected a map, found an integer"],
    );
    check(
        &File { endpoint: "# none", ..FILE },
        &["12:5: workers[0].transports[0]: the key `endpoint` is missing"],
    );
}

#[test]
fn findings_of_shared_addresses() {
    let endpoint = "endpoint: {type: tcp, port: 1, interface: 127.0.0.1}\n  - type: rawsocket\n    \
                    endpoint: {type: tcp, port: 1, interface: 127.0.0.1, shared: true}";
    check(
        &File { endpoint, ..FILE },
        &[
            "14:5: workers[0].transports[1]: listens on the same address as the transport in line 12",
        ],
    );
    let endpoint = "endpoint: {type: tcp, port: 1, interface: 127.0.0.1}\n  - type: rawsocket\n    \
                    endpoint: {type: tcp, port: 1, interface: 127.0.0.2}";
    check(&File { endpoint, ..FILE }, &[]);
}

#[test]
fn findings_of_authentication() {
    check_text(
        "version: 2\nworkers:\n- type: router\n  realms: [{name: realm1, roles: [{name: user}]}, \
         {name: realm2, roles: [{name: guest}]}]\n  transports:\n  - {type: rawsocket, endpoint: \
         {type: tcp, port: 1}, auth: {anonymous: {type: static, realm: realm1, role: guest}}}",
        &["6:109: workers[0].transports[0].auth.anonymous.role: the realm has no role `guest`"],
    );
    check(
        &File { transport: "type: rawsocket\n    auth: {}", ..FILE },
        &[
            "13:11: workers[0].transports[0].auth: names no authentication method, so nobody could join",
        ],
    );
    check(
        &File { transport: "type: rawsocket\n    auth: {ticket: {type: static}}", ..FILE },
        &[
            "13:12: workers[0].transports[0].auth.ticket: refused: this authentication method is not supported yet; only `anonymous` is",
        ],
    );
    check(
        &File {
            transport: "type: rawsocket\n    auth: {wampcra: {}, anonymous: {type: static}}",
            ..FILE
        },
        &[
            "13:12: workers[0].transports[0].auth.wampcra: refused: this authentication method is not supported yet; only `anonymous` is",
        ],
    );
    check(
        &File { transport: "type: rawsocket\n    auth: {anonymus: {type: static}}", ..FILE },
        &[
            "13:12: workers[0].transports[0].auth.anonymus: unknown key in section auth (did you mean `anonymous`?)",
        ],
    );
    check(
        &File { transport: "type: rawsocket\n    auth: {anonymous: {}}", ..FILE },
        &["13:23: workers[0].transports[0].auth.anonymous: the key `type` is missing"],
    );
    check(
        &File {
            transport: "type: rawsocket\n    auth: {anonymous: {type: dynamic, authenticator: com.example.auth}}",
            ..FILE
        },
        &[
            "13:30: workers[0].transports[0].auth.anonymous.type: `dynamic` is refused: dynamic authentication is not supported yet",
        ],
    );
    check(
        &File {
            transport: "type: rawsocket\n    auth: {anonymous: {type: function, create: x}}",
            ..FILE
        },
        &[
            "13:30: workers[0].transports[0].auth.anonymous.type: `function` is refused: Flowgate runs no Python",
        ],
    );
    check(
        &File { transport: "type: rawsocket\n    auth: {anonymous: {type: statik}}", ..FILE },
        &[
            "13:30: workers[0].transports[0].auth.anonymous.type: must be `static` (did you mean `static`?)",
        ],
    );
    check(
        &File {
            transport: "type: rawsocket\n    auth: {anonymous: {type: static, role: anonymos}}",
            ..FILE
        },
        &[
            "13:44: workers[0].transports[0].auth.anonymous.role: no realm of this worker has a role `anonymos` (did you mean `anonymous`?)",
        ],
    );
    check(
        &File {
            transport: "type: rawsocket\n    auth: {anonymous: {type: static, realm: realm2}}",
            ..FILE
        },
        &[
            "13:45: workers[0].transports[0].auth.anonymous.realm: this worker has no realm `realm2` (did you mean `realm1`?)",
        ],
    );
    check(
        &File {
            transport: "type: rawsocket\n    auth: {anonymous: {type: static, realm: realm1, role: guest}}",
            ..FILE
        },
        &["13:59: workers[0].transports[0].auth.anonymous.role: the realm has no role `guest`"],
    );
    check(
        &File {
            transport: "type: rawsocket\n    auth: {anonymous: {type: static, authid: 7, name: x}}",
            ..FILE
        },
        &[
            "13:46: workers[0].transports[0].auth.anonymous.authid: expected a string, found an integer",
            "13:49: workers[0].transports[0].auth.anonymous.name: unknown key in section anonymous",
        ],
    );
    check_text(
        "version: 2\nworkers:\n- type: router\n  realms: [{name: realm1, roles: [{name: guest}]}]\n  transports:\n  - {type: rawsocket, endpoint: {type: tcp, port: 1}, auth: {anonymous: {type: static}}}",
        &[
            "6:73: workers[0].transports[0].auth.anonymous: no realm of this worker has a role `anonymous`",
        ],
    );
    check_text(
        "version: 2\nworkers:\n- type: router\n  realms: [{name: realm1, roles: [{name: guest}], stat: {}}]\n  transports:\n  - {type: rawsocket, endpoint: {type: tcp, port: 1}, auth: {anonymous: {type: static, realm: realm9}}}",
        &["4:51: workers[0].realms[0].stat: unknown key in section realm (did you mean `stats`?)"],
    );
}
