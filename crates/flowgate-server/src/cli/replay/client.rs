//! The part of the clients.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use flowgate_client::{ClientError, Session, Subscription};
use flowgate_wire::Value;
use tokio::{
    task::{JoinSet, yield_now},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    ReplayError,
    played::{Event, Played, Reply, Seat, Subscriber},
    router::{Router, detail},
    script::{Act, Script, Step},
};

/// No events for so long are the end of them.
const QUIET: Duration = Duration::from_millis(500);

/// How long the end of events is waited for where others publish, too.
const QUIET_MAX: Duration = Duration::from_secs(10);

/// How much longer than when it was recorded an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Events so far, by subscription.
type Events = Arc<Mutex<BTreeMap<Subscriber, Vec<Event>>>>;

/// Players at their seats.
struct Stage<'a> {
    script: &'a Script,
    sessions: Vec<Session>,
    seats: Vec<Seat>,
    events: Events,
    /// Calls that wait for their answers, each with the place of its step.
    calls: JoinSet<(usize, Reply)>,
    listeners: JoinSet<()>,
    replies: Vec<Option<Reply>>,
}

/// Plays a script.
pub(super) async fn play(
    script: &Script,
    router: &Router,
    speed: f64,
) -> Result<Played, ReplayError> {
    let mut sessions = Vec::new();
    for player in &script.players {
        sessions.push(router.join(&player.who).await?);
    }
    let seat = |session: &Session| Seat {
        session: session.id(),
        authid: detail(session, "authid").map(str::to_owned),
    };
    let mut stage = Stage {
        script,
        seats: sessions.iter().map(seat).collect(),
        sessions,
        events: Events::default(),
        calls: JoinSet::new(),
        listeners: JoinSet::new(),
        replies: vec![None; script.steps.len()],
    };
    let start = Instant::now();
    for (place, step) in script.steps.iter().enumerate() {
        sleep_until(start + step.after.div_f64(speed)).await;
        for call in &step.waits_for {
            stage.hear_answer(*call).await;
        }
        stage.take(place, step).await;
    }
    Ok(stage.end().await)
}

impl Stage<'_> {
    async fn take(&mut self, place: usize, step: &Step) {
        // Invariant: a script names players that it has.
        let Some(session) = self.sessions.get(step.player) else { return };
        let (options, arguments) = step.translated(self.script, &self.seats);
        let reply = match step.act {
            Act::Call => {
                let (session, uri) = (session.clone(), step.uri.clone());
                let limit =
                    PATIENCE + step.answer.as_ref().map_or(Duration::ZERO, |(time, _)| *time);
                self.calls.spawn(async move {
                    let answer = timeout(limit, session.call(uri, options, arguments)).await;
                    let late = || Reply::Nothing(format!("none within {} s", limit.as_secs()));
                    (place, answer.map_or_else(|_| late(), reply_to_call))
                });
                // The call is sent before the next step is taken.
                yield_now().await;
                return;
            }
            Act::Publish if step.is_acknowledged() => {
                let published =
                    session.publish_acknowledged(step.uri.clone(), options, arguments).await;
                Some(done(published.map(|_| ())))
            }
            Act::Publish => {
                // Nobody hears what goes wrong with it, as when it was recorded.
                let _ = session.publish(step.uri.clone(), options, arguments).await;
                None
            }
            Act::Subscribe => {
                let subscribed = session.subscribe(step.uri.clone(), options).await;
                Some(done(subscribed.map(|subscription| self.listen(step, subscription))))
            }
        };
        self.keep(place, reply);
    }

    fn listen(&mut self, step: &Step, mut subscription: Subscription) {
        let subscriber = (step.player, step.uri.clone());
        let events = Arc::clone(&self.events);
        self.listeners.spawn(async move {
            while let Some(event) = subscription.next().await {
                let topic = event.detail("topic").and_then(Value::as_str);
                let topic = topic.unwrap_or(&subscriber.1).to_owned();
                let event = Event { topic, arguments: event.arguments };
                let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
                events.entry(subscriber.clone()).or_default().push(event);
            }
        });
    }

    fn keep(&mut self, place: usize, reply: Option<Reply>) {
        if let Some(slot) = self.replies.get_mut(place) {
            *slot = reply;
        }
    }

    /// Waits for the answer to a call, if it is not there yet.
    async fn hear_answer(&mut self, call: usize) {
        while self.replies.get(call).is_some_and(Option::is_none) && self.hear_any().await {}
    }

    /// Waits for the next answer; whether there was one to wait for.
    async fn hear_any(&mut self) -> bool {
        let Some(answered) = self.calls.join_next().await else { return false };
        if let Ok((place, reply)) = answered {
            self.keep(place, Some(reply));
        }
        true
    }

    /// Waits for the last answers and events.
    async fn end(mut self) -> Played {
        while self.hear_any().await {}
        if !self.listeners.is_empty() {
            self.hear_events().await;
        }
        self.listeners.shutdown().await;
        for session in self.sessions {
            // A router that has ended it says nothing new.
            let _ = session.leave().await;
        }
        let events =
            std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner));
        Played { replies: self.replies, seats: self.seats, events: Some(events) }
    }

    async fn hear_events(&self) {
        let count = || {
            let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            events.values().map(Vec::len).sum::<usize>()
        };
        let _ = timeout(QUIET_MAX, async {
            loop {
                let before = count();
                sleep(QUIET).await;
                if count() == before {
                    return;
                }
            }
        })
        .await;
    }
}

fn reply_to_call(answer: Result<flowgate_client::CallResult, ClientError>) -> Reply {
    match answer {
        Ok(result) => Reply::Result(result.arguments),
        Err(error) => failure(error),
    }
}

fn done(answer: Result<(), ClientError>) -> Reply {
    match answer {
        Ok(()) => Reply::Done,
        Err(error) => failure(error),
    }
}

fn failure(error: ClientError) -> Reply {
    match error {
        ClientError::Error { error, arguments, .. } => {
            Reply::Error(error.as_str().to_owned(), arguments)
        }
        other @ (ClientError::Refused { .. }
        | ClientError::AuthenticationRequired { .. }
        | ClientError::NotSent(_)
        | ClientError::Closed(_)) => Reply::Nothing(other.to_string()),
    }
}
