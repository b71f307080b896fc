//! The opening handshake.

use flowgate_wire::{Format, Limits, Message};

use crate::{AnonymousPolicy, AuthOffer, AuthPolicy, ClientFeatures, HandshakeStep};

/// What the handshake says, as a line.
fn judge(policy: &AuthPolicy, message: &str) -> String {
    let message = Message::decode(Format::Json, message.as_bytes(), &Limits::default());
    match policy.judge(&message.expect("the script's messages are valid")) {
        HandshakeStep::Join(accepted) => {
            let ClientFeatures { callee_call_canceling, callee_progressive_call_results, .. } =
                accepted.features;
            format!(
                "join {} {} {} {} {} {callee_call_canceling} {callee_progressive_call_results}",
                accepted.realm,
                accepted.authid.as_deref().unwrap_or("(random)"),
                accepted.authrole,
                accepted.authmethod,
                accepted.authprovider,
            )
        }
        HandshakeStep::Refuse(refusal) => format!("refuse {} {}", refusal.reason, refusal.message),
        HandshakeStep::Close => "close".to_owned(),
    }
}

/// Each feature is taken from its own role, and changes nothing else.
#[test]
fn features_are_those_of_the_role_that_announces_them() {
    type Set = fn(&mut ClientFeatures);
    let features: [(&str, &str, Set); 9] = [
        ("callee", "call_canceling", |all| all.callee_call_canceling = true),
        ("callee", "progressive_call_results", |all| all.callee_progressive_call_results = true),
        ("callee", "progressive_call_invocations", |all| {
            all.callee_progressive_call_invocations = true;
        }),
        ("callee", "call_timeout", |all| all.callee_call_timeout = true),
        ("callee", "call_reroute", |all| all.callee_call_reroute = true),
        ("callee", "registration_revocation", |all| all.callee_registration_revocation = true),
        ("callee", "payload_passthru_mode", |all| all.callee_payload_passthru_mode = true),
        ("caller", "progressive_call_invocations", |all| {
            all.caller_progressive_call_invocations = true;
        }),
        ("caller", "payload_passthru_mode", |all| all.caller_payload_passthru_mode = true),
    ];
    for (role, feature, set) in features {
        let hello =
            format!(r#"[1,"realm1",{{"roles":{{"{role}":{{"features":{{"{feature}":true}}}}}}}}]"#);
        let message = Message::decode(Format::Json, hello.as_bytes(), &Limits::default()).unwrap();
        let HandshakeStep::Join(accepted) = policy(AuthOffer::Everyone).judge(&message) else {
            panic!("{hello} is refused");
        };
        let mut expected = ClientFeatures::default();
        set(&mut expected);
        assert_eq!(accepted.features, expected, "for {hello}");
    }
}

fn policy(offer: AuthOffer) -> AuthPolicy {
    let anonymous = AnonymousPolicy { realm: None, role: "anonymous".to_owned(), authid: None };
    AuthPolicy { offer, anonymous }
}

fn check(policy: &AuthPolicy, message: &str, expected: &str) {
    assert_eq!(judge(policy, message), expected, "for {message}");
}

#[test]
fn hello_joins() {
    let everyone = policy(AuthOffer::Everyone);
    let joined = "join realm1 (random) anonymous anonymous static";
    check(&everyone, r#"[1,"realm1",{"roles":{"caller":{}}}]"#, &format!("{joined} false false"));
    check(
        &everyone,
        r#"[1,"realm1",{"roles":{"callee":{"features":{"call_canceling":true,"progressive_call_results":true}}}}]"#,
        &format!("{joined} true true"),
    );
    // What is not announced with `true` is not announced.
    check(
        &everyone,
        r#"[1,"realm1",{"roles":{"caller":{"features":{"call_canceling":true}},"callee":{"features":{"call_canceling":1}}}}]"#,
        &format!("{joined} false false"),
    );
    check(
        &everyone,
        r#"[1,"realm1",{"roles":{"caller":{}},"authmethods":["ticket"]}]"#,
        &format!("{joined} false false"),
    );
}

/// A feature counts where its role announces it.
#[test]
fn features_of_publishers_and_subscribers_are_noted() {
    let features = |roles: &str| {
        let hello = format!(r#"[1,"realm1",{{"roles":{roles}}}]"#);
        let message = Message::decode(Format::Json, hello.as_bytes(), &Limits::default());
        match policy(AuthOffer::Everyone).judge(&message.expect("a valid HELLO")) {
            HandshakeStep::Join(accepted) => accepted.features,
            step @ (HandshakeStep::Refuse(_) | HandshakeStep::Close) => panic!("{step:?}"),
        }
    };
    let both = r#"{"features":{"payload_passthru_mode":true,"subscription_revocation":true}}"#;
    let publisher = features(&format!(r#"{{"publisher":{both}}}"#));
    assert!(publisher.publisher_payload_passthru_mode);
    assert!(!publisher.subscriber_subscription_revocation);
    let subscriber = features(&format!(r#"{{"subscriber":{both}}}"#));
    assert!(!subscriber.publisher_payload_passthru_mode);
    assert!(subscriber.subscriber_subscription_revocation);
}

#[test]
fn hello_without_roles_is_refused() {
    let everyone = policy(AuthOffer::Everyone);
    for details in ["{}", r#"{"roles":{}}"#, r#"{"roles":["caller"]}"#, r#"{"roles":null}"#] {
        let refused = "refuse wamp.error.protocol_violation HELLO announces no roles";
        check(&everyone, &format!(r#"[1,"realm1",{details}]"#), refused);
    }
}

#[test]
fn an_invalid_realm_is_refused() {
    let refused = r#"refuse wamp.error.invalid_uri "a..b" is not a valid realm"#;
    check(&policy(AuthOffer::Everyone), r#"[1,"a..b",{"roles":{"caller":{}}}]"#, refused);
}

#[test]
fn authentication_methods_are_matched_where_they_are_configured() {
    let anonymous = policy(AuthOffer::AnonymousMethod);
    let hello = |methods| format!(r#"[1,"realm1",{{"roles":{{"caller":{{}}}}{methods}}}]"#);
    let joined = "join realm1 (random) anonymous anonymous static false false";
    check(&anonymous, &hello(""), joined);
    check(&anonymous, &hello(r#","authmethods":null"#), joined);
    check(&anonymous, &hello(r#","authmethods":["ticket","anonymous"]"#), joined);
    let refused = "refuse wamp.error.no_matching_auth_method only the authentication method \
                   \"anonymous\" is offered";
    check(&anonymous, &hello(r#","authmethods":["ticket"]"#), refused);
    check(&anonymous, &hello(r#","authmethods":[]"#), refused);
    let refused = "refuse wamp.error.protocol_violation HELLO.authmethods is not a list of strings";
    check(&anonymous, &hello(r#","authmethods":"anonymous""#), refused);
    check(&anonymous, &hello(r#","authmethods":[1]"#), refused);
}

/// "Authentication Methods": those of the specification and those of the field, alone and together.
#[test]
fn no_other_authentication_method_than_anonymous_is_offered() {
    let anonymous = policy(AuthOffer::AnonymousMethod);
    let methods = ["ticket", "wampcra", "wamp-scram", "scram", "cryptosign", "tls", "cookie"];
    let lists = methods.iter().map(|method| format!("[\"{method}\"]"));
    for list in lists.chain([format!("{methods:?}")]) {
        let hello = format!(
            r#"[1,"realm1",{{"roles":{{"caller":{{}}}},"authmethods":{list},"authid":"joe"}}]"#
        );
        let refused = "refuse wamp.error.no_matching_auth_method only the authentication method \
                       \"anonymous\" is offered";
        check(&anonymous, &hello, refused);
    }
}

#[test]
fn anonymous_clients_get_what_their_policy_says() {
    let mut policy = policy(AuthOffer::Everyone);
    policy.anonymous = AnonymousPolicy {
        realm: Some("realm1".to_owned()),
        role: "guest".to_owned(),
        authid: Some("joe".to_owned()),
    };
    let joined = "join realm1 joe guest anonymous static false false";
    check(&policy, r#"[1,"realm1",{"roles":{"caller":{}}}]"#, joined);
    let refused =
        r#"refuse wamp.error.not_authorized anonymous clients may not join realm "realm2""#;
    check(&policy, r#"[1,"realm2",{"roles":{"caller":{}}}]"#, refused);
}

#[test]
fn only_hello_and_abort_come_before_a_session() {
    let everyone = policy(AuthOffer::Everyone);
    check(&everyone, r#"[3,{},"com.tired"]"#, "close");
    for (message, name) in [
        (r#"[6,{},"wamp.close.close_realm"]"#, "GOODBYE"),
        (r#"[32,1,{},"com.x"]"#, "SUBSCRIBE"),
        (r#"[5,"secret",{}]"#, "AUTHENTICATE"),
        ("[2,1,{}]", "WELCOME"),
        (r#"[8,68,1,{},"com.failed"]"#, "ERROR"),
    ] {
        let refused = "before a session is open";
        let refused = format!("refuse wamp.error.protocol_violation {name} {refused}");
        check(&everyone, message, &refused);
    }
}
