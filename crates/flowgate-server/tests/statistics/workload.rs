//! A varied life of a session.

use flowgate_client::Session;
use flowgate_wire::{Dict, Value as WampValue};
use serde_json::{Value, json};

use crate::support::{
    client::Client,
    router::{JSON, Router, Transport},
};

/// The size by which the tests' realms rate messages: not the default, so that using the default
/// by mistake shows.
pub(super) const RATED_MESSAGE_SIZE: u64 = 256;

/// The other side of the workload: it answers calls and publishes.
pub(super) struct Partner {
    session: Session,
}

impl Partner {
    pub(super) async fn join(router: &Router) -> Self {
        let session = router.join((Transport::RawSocket, JSON)).await;
        let echo = session.register("com.partner.echo", Dict::EMPTY).await.unwrap();
        tokio::spawn(echo.serve(8, |_, arguments| async move { Ok(arguments) }));
        Self { session }
    }

    async fn publish(&self, topic: &str, len: usize) {
        let payload = WampValue::from("x".repeat(len));
        let topic = topic.to_owned();
        self.session.publish_acknowledged(topic, Dict::EMPTY, payload).await.unwrap();
    }
}

/// Requests, events, invocations and errors with payloads around the rated size and far beyond;
/// when it returns, nothing is under way.
pub(super) async fn work(client: &mut Client, partner: &Partner) {
    let topic = format!("com.topic.{}", client.session);
    let procedure = format!("com.procedure.{}", client.session);
    client.subscribe(&topic).await;
    client.register(&procedure).await;
    for len in [0, 1, 100, 255, 256, 257, 1000, 102_400] {
        let payload = "x".repeat(len);
        publish_to_itself(client, &topic, &payload).await;
        call(client, "com.partner.echo", &payload).await;
        call_itself(client, &procedure, &payload).await;
        partner.publish(&topic, len).await;
        assert_eq!(client.hear().await[4][0].as_str().unwrap().len(), len);
    }
    for rated in 1..4 {
        for around in [-1, 0, 1] {
            let bytes = (RATED_MESSAGE_SIZE * rated).checked_add_signed(around).unwrap();
            publish_exactly(client, usize::try_from(bytes).unwrap()).await;
        }
    }
    fail(client).await;
}

async fn publish_to_itself(client: &mut Client, topic: &str, payload: &str) {
    let request = client.request();
    let options = json!({"acknowledge": true, "exclude_me": false});
    client.say(&json!([16, request, options, topic, [payload], {"len": payload.len()}])).await;
    let mut types = [client.hear().await, client.hear().await].map(|message| message[0].clone());
    types.sort_by_key(Value::as_u64);
    assert_eq!(types, [17, 36]);
}

async fn call(client: &mut Client, procedure: &str, payload: &str) {
    let request = client.request();
    client.say(&json!([48, request, {}, procedure, [payload]])).await;
    let result = client.hear().await;
    assert_eq!((&result[0], &result[1]), (&json!(50), &json!(request)));
    assert_eq!(result[3][0], payload);
}

async fn call_itself(client: &mut Client, procedure: &str, payload: &str) {
    let request = client.request();
    client.say(&json!([48, request, {}, procedure, [payload]])).await;
    let invocation = client.hear().await;
    assert_eq!(invocation[0], 68, "{invocation}");
    client.say(&json!([70, invocation[1], {}, [payload]])).await;
    let result = client.hear().await;
    assert_eq!((&result[0], &result[1]), (&json!(50), &json!(request)));
}

/// Publishes, unacknowledged and to nobody, a message of exactly so many octets.
async fn publish_exactly(client: &mut Client, bytes: usize) {
    let request = client.request();
    let message = |len: usize| json!([16, request, {}, "com.nobody", ["x".repeat(len)]]);
    // The length of a string's prefix depends on the string, so the right length is searched.
    let message = (0..bytes)
        .rev()
        .map(message)
        .find(|message| client.encode(message).len() <= bytes)
        .unwrap();
    assert_eq!(client.encode(&message).len(), bytes);
    client.say(&message).await;
}

/// Requests that are answered with ERROR.
async fn fail(client: &mut Client) {
    for (message, error) in [
        (json!([48, 0, {}, "com.nobody.there"]), "wamp.error.no_such_procedure"),
        (json!([34, 0, 4711]), "wamp.error.no_such_subscription"),
        (json!([66, 0, 4711]), "wamp.error.no_such_registration"),
        (json!([64, 0, {}, "com.partner.echo"]), "wamp.error.procedure_already_exists"),
    ] {
        let mut message = message;
        message[1] = json!(client.request());
        client.say(&message).await;
        let answer = client.hear().await;
        assert_eq!((&answer[0], &answer[4]), (&json!(8), &json!(error)), "{answer}");
    }
}
