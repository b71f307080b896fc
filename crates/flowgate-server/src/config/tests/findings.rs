//! Every finding: line, column, key path, reason, suggestion.

mod realm;
mod socket;
mod transport;

use super::{FILE, File, accepted, errors, parse_yaml, warnings};

/// Checks what is reported for a file, which is refused or, for warnings, accepted.
fn check(file: &File, expected: &[&str]) {
    let text = file.text();
    let found = errors(parse_yaml(&text));
    let found = if found.is_empty() { warnings(&accepted(&text)) } else { found };
    assert_eq!(found, expected, "\n--- in\n{text}");
}

/// Checks a text without the usual surroundings.
fn check_text(text: &str, expected: &[&str]) {
    assert_eq!(errors(parse_yaml(text)), expected, "\n--- in\n{text}");
}

#[test]
fn findings_of_the_node() {
    check_text("[]", &["1:1: expected a map, found a list"]);
    check_text(
        "version: 2",
        &["1:1: workers: no router worker has a transport, so nobody could connect"],
    );
    check_text("workers: []", &["1:1: the key `version` is missing"]);
    check_text(
        "version: 1\nworkers: []",
        &["1:10: version: version 1 is too old; convert the file with `crossbar upgrade`"],
    );
    check_text("version: \"2\"\nworkers: []", &["1:10: version: must be the integer 2"]);
    check_text(
        "version: 2\nworkers: [{type: router, realms: [{name: realm1}]}]",
        &["1:1: workers: no router worker has a transport, so nobody could connect"],
    );
    check_text(
        "version: 2\nworkers: [{type: router, transports: [{type: websocket, endpoint: {type: tcp, port: 1}}]}]",
        &["1:1: workers: no router worker has a realm, so nobody could join"],
    );
    check(
        &File { node: "worker: []", ..FILE },
        &["2:1: worker: unknown key in section node (did you mean `workers`?)"],
    );
    check(&File { node: "controller: {id: node1, options: {title: x}}", ..FILE }, &[]);
    check(
        &File { node: "controller: {keyring: {}, enable_docker: true}", ..FILE },
        &[
            "2:14: controller.keyring: accepted without effect: Flowgate has no node key",
            "2:27: controller.enable_docker: accepted without effect: Flowgate does not manage containers",
        ],
    );
    check(
        &File { node: "controller: {manhole: {}, connections: [1], option: {}}", ..FILE },
        &[
            "2:14: controller.manhole: refused: Flowgate has no remote shell",
            "2:27: controller.connections: refused: Flowgate opens no database connections",
            "2:45: controller.option: unknown key in section controller (did you mean `options`?)",
        ],
    );
    check(
        &File { node: "controller: {connections: [], options: {tilte: y}}", ..FILE },
        &[
            "2:41: controller.options.tilte: unknown key in section controller options (did you mean `title`?)",
        ],
    );
    check(
        &File { node: "controller: {options: {shutdown: x}}", ..FILE },
        &[
            "2:24: controller.options.shutdown: accepted without effect: Flowgate runs until SIGTERM or SIGINT",
        ],
    );
    check(&File { node: "\"$schema\": \"https://example.com/schema.json\"", ..FILE }, &[]);
}

#[test]
fn findings_of_workers() {
    let endpoint = "endpoint: {type: tcp, port: 1}\n- type: router\n  transports: \
                    [{type: rawsocket, endpoint: {type: tcp, port: 2}}]";
    check(
        &File { endpoint, ..FILE },
        &[
            "15:15: workers[1].transports: this worker has no realm, so nobody can join through its \
           transports",
        ],
    );
    check_text(
        "version: 2\nworkers:\n- {type: container}\n- {type: ruoter}\n- {id: one}\n- 3\n- {type: guest, options: {disabled: true}}",
        &[
            "3:10: workers[0].type: `container` is refused: Flowgate does not host Python components; run them as clients of their own",
            "4:10: workers[1].type: must be `router` (did you mean `router`?)",
            "5:3: workers[2]: the key `type` is missing",
            "6:3: workers[3]: expected a map, found an integer",
        ],
    );
    check(
        &File { worker: "components: [{}]", ..FILE },
        &[
            "5:3: workers[0].components: refused: Flowgate does not host Python components; run them as clients of their own",
        ],
    );
    check(&File { worker: "components: []", ..FILE }, &[]);
    check(
        &File { worker: "options: {disabled: \"yes\"}", ..FILE },
        &[
            "5:23: workers[0].options.disabled: must be a boolean or the name of a variable as \"${NAME}\"",
        ],
    );
    check(
        &File {
            worker: "options: {pythonpath: [x], cpu_affinity: [0], expose_controller: true}",
            ..FILE
        },
        &[
            "5:30: workers[0].options.cpu_affinity: accepted without effect: threads are not pinned; see `flowgate.worker_threads`",
            "5:49: workers[0].options.expose_controller: accepted without effect: Flowgate has no node controller session",
        ],
    );
    check(
        &File { worker: "options: []", ..FILE },
        &["5:12: workers[0].options: expected a map, found a list"],
    );
    check(
        &File { worker: "options: {cpu: 1}", ..FILE },
        &[
            "5:13: workers[0].options.cpu: unknown key in section router worker options (did you mean `cpu_affinity`?)",
        ],
    );
    check(
        &File { worker: "transport: []", ..FILE },
        &[
            "5:3: workers[0].transport: unknown key in section router worker (did you mean `transports`?)",
        ],
    );
    check(
        &File { worker: "manhole: {}", ..FILE },
        &["5:3: workers[0].manhole: refused: Flowgate has no remote shell"],
    );
}

#[test]
fn findings_of_flowgates_own_settings() {
    check(
        &File { node: "flowgate: {admin: {listen: 8081}}", ..FILE },
        &["2:28: flowgate.admin.listen: expected a string, found an integer"],
    );
    check(
        &File { node: "flowgate: {admin: {listen: localhost}}", ..FILE },
        &[
            "2:28: flowgate.admin.listen: must be an address and port such as \"127.0.0.1:8081\", or \"off\"",
        ],
    );
    check(
        &File { node: "flowgate: {admin: {listen: \"127.0.0.1:8080\"}}", ..FILE },
        &["2:28: flowgate.admin.listen: the transport in line 12 listens on the same address"],
    );
    check(
        &File { node: "flowgate: {admin: {port: 1}}", ..FILE },
        &["2:20: flowgate.admin.port: unknown key in section flowgate admin"],
    );
    check(
        &File { node: "flowgate: {admin: {hosts: [a.example, 'b:8081', 5, '']}}", ..FILE },
        &[
            "2:39: flowgate.admin.hosts[1]: must be the name of a host without a port, such as \"flowgate.example\"",
            "2:49: flowgate.admin.hosts[2]: expected a string, found an integer",
            "2:52: flowgate.admin.hosts[3]: must be the name of a host without a port, such as \"flowgate.example\"",
        ],
    );
    check(
        &File { node: "flowgate: {admin: 1}", ..FILE },
        &["2:19: flowgate.admin: expected a map, found an integer"],
    );
    check(
        &File {
            node: "flowgate: {metrics: {topics: [{uri: com.a}, {uri: com.a, match: prefix}, {uri: ''}, {match: exact}]}}",
            ..FILE
        },
        &[
            "2:45: flowgate.metrics.topics[1]: `com.a` is there already",
            "2:80: flowgate.metrics.topics[2].uri: not a valid URI for match `exact`",
            "2:85: flowgate.metrics.topics[3]: the key `uri` is missing",
        ],
    );
    let many: Vec<String> = (0..=100).map(|number| format!("{{uri: t{number}}}")).collect();
    let many = format!("flowgate: {{metrics: {{topics: [{}]}}}}", many.join(", ")).leak();
    check(
        &File { node: many, ..FILE },
        &["2:1221: flowgate.metrics.topics[100]: more than 100 topics"],
    );
    check(
        &File { node: "flowgate: {log: {format: xml, level: verbose}}", ..FILE },
        &[
            "2:26: flowgate.log.format: must be one of human, json",
            "2:38: flowgate.log.level: must be one of error, warn, info, debug, trace",
        ],
    );
    check(
        &File { node: "flowgate: {log: {format: jso, level: warning}}", ..FILE },
        &[
            "2:26: flowgate.log.format: must be one of human, json (did you mean `json`?)",
            "2:38: flowgate.log.level: must be one of error, warn, info, debug, trace (did you mean `warn`?)",
        ],
    );
    check(
        &File { node: "flowgate: {limits: {send_queue_bytes: 1}}", ..FILE },
        &["2:39: flowgate.limits.send_queue_bytes: must be from 65536 to 4294967296, is 1"],
    );
    check(
        &File { node: "flowgate: {limits: {send_queue: 65536}}", ..FILE },
        &[
            "2:21: flowgate.limits.send_queue: unknown key in section flowgate limits (did you mean `send_queue_bytes`?)",
        ],
    );
    check(
        &File { node: "flowgate: {handshake_timeout: 0}", ..FILE },
        &["2:31: flowgate.handshake_timeout: must be above 0 seconds"],
    );
    check(
        &File { node: "flowgate: {handshake_timeout: 10s}", ..FILE },
        &["2:31: flowgate.handshake_timeout: expected a number of seconds, found a string"],
    );
    check(
        &File { node: "flowgate: {shutdown_timeout: -1}", ..FILE },
        &["2:30: flowgate.shutdown_timeout: must be 0 or from 0.001 to 31536000 seconds, is -1"],
    );
    check(
        &File { node: "flowgate: {keepalive: {interval: -1, timeout: no, intervals: 1}}", ..FILE },
        &[
            "2:34: flowgate.keepalive.interval: must be 0 or from 0.001 to 31536000 seconds, is -1",
            "2:47: flowgate.keepalive.timeout: expected a number of seconds, found a string",
            "2:51: flowgate.keepalive.intervals: unknown key in section flowgate keepalive (did you mean `interval`?)",
        ],
    );
    check(
        &File { node: "flowgate: {keepalive: false}", ..FILE },
        &["2:23: flowgate.keepalive: expected a map, found a boolean"],
    );
    check(
        &File { node: "flowgate: {strict_request_ids: 1}", ..FILE },
        &["2:32: flowgate.strict_request_ids: expected a boolean, found an integer"],
    );
    check(
        &File { node: "flowgate: {worker_threads: 2000}", ..FILE },
        &["2:28: flowgate.worker_threads: must be from 0 to 1024, is 2000"],
    );
    check(
        &File { node: "flowgate: {logs: {}}", ..FILE },
        &["2:12: flowgate.logs: unknown key in section flowgate (did you mean `log`?)"],
    );
    check(
        &File { endpoint: "endpoint: {type: tcp, port: 8081}", ..FILE },
        &[
            "12:5: workers[0].transports[0]: listens on 127.0.0.1:8081, the default of `flowgate.admin.listen`; the administration interface is off",
        ],
    );
}
