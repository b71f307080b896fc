//! The part of the clients.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use flowgate_client::{Arguments, ClientError, Session, Target};
use flowgate_wire::{SessionId, Value};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::{
    ReplayError, join,
    script::{Act, Script, Step},
};

/// How long the last events are waited for.
const LINGER: Duration = Duration::from_millis(500);

/// What a call was answered with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    Result(Arguments),
    Error(String, Arguments),
    /// Not at all: the session has ended, or the call was not sent.
    Nothing(String),
}

/// How many events sessions have got, by their places and topics.
type Events = BTreeMap<(usize, String), u64>;

/// What has come of a script.
#[derive(Debug)]
pub(super) struct Played {
    /// The replies to the steps that are calls, in the order of the steps.
    pub(super) replies: Vec<Option<Reply>>,
    /// The identifiers of the sessions, by their places.
    pub(super) sessions: Vec<SessionId>,
    /// `None` if nobody has counted.
    pub(super) events: Option<Events>,
}

/// Plays a script.
pub(super) async fn play(script: &Script, url: &Target, speed: f64) -> Result<Played, ReplayError> {
    let mut sessions = Vec::new();
    for player in &script.players {
        sessions.push(Arc::new(join(url, &player.realm).await?));
    }
    let events = Arc::new(Mutex::new(Events::new()));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    let mut listeners = JoinSet::new();
    for (place, step) in script.steps.iter().enumerate() {
        sleep_until(start + step.after.div_f64(speed)).await;
        // The places are those of the script's players.
        let Some(session) = sessions.get(step.player) else { continue };
        match &step.act {
            Act::Call(_) => {
                let (session, step) = (Arc::clone(session), step.clone());
                tasks.spawn(async move { (place, call(&session, step).await) });
            }
            Act::Publish => publish(session, step).await,
            Act::Subscribe => subscribe(session, step, &events, &mut listeners).await,
        }
    }
    let mut replies = vec![None; script.steps.len()];
    while let Some(answered) = tasks.join_next().await {
        if let Ok((place, reply)) = answered
            && let Some(slot) = replies.get_mut(place)
        {
            *slot = Some(reply);
        }
    }
    if !listeners.is_empty() {
        sleep(LINGER).await;
    }
    listeners.shutdown().await;
    let ids = sessions.iter().map(|session| session.id()).collect();
    for session in sessions {
        // A router that has ended it says nothing new.
        let _ = session.leave().await;
    }
    let events = std::mem::take(&mut *events.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Played { replies, sessions: ids, events: Some(events) })
}

async fn call(session: &Session, step: Step) -> Reply {
    let options = step.options();
    match session.call(step.uri, options, step.arguments).await {
        Ok(result) => Reply::Result(result.arguments),
        Err(ClientError::Error { error, arguments, .. }) => {
            Reply::Error(error.as_str().to_owned(), arguments)
        }
        Err(error) => Reply::Nothing(error.to_string()),
    }
}

/// What goes wrong with a publication is seen by nobody, as when it was recorded.
async fn publish(session: &Session, step: &Step) {
    let (options, arguments) = (step.options(), step.arguments.clone());
    let is_acknowledged =
        step.options.iter().any(|(key, value)| key == "acknowledge" && *value == Value::Bool(true));
    if is_acknowledged {
        let _ = session.publish_acknowledged(step.uri.clone(), options, arguments).await;
    } else {
        let _ = session.publish(step.uri.clone(), options, arguments).await;
    }
}

/// Subscribes, before what comes next, and counts the events.
async fn subscribe(
    session: &Session,
    step: &Step,
    events: &Arc<Mutex<Events>>,
    listeners: &mut JoinSet<()>,
) {
    // A refused subscription gets no events, which shows.
    let Ok(mut subscription) = session.subscribe(step.uri.clone(), step.options()).await else {
        return;
    };
    let (events, key) = (Arc::clone(events), (step.player, step.uri.clone()));
    listeners.spawn(async move {
        while subscription.next().await.is_some() {
            let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
            *events.entry(key.clone()).or_default() += 1;
        }
    });
}

impl Played {
    /// A line for each answer and each count of events that is not the same; sessions count as the
    /// same by their places, whatever their identifiers.
    pub(super) fn differences(&self, other: &Self, script: &Script) -> Vec<String> {
        let mut lines = Vec::new();
        let replies = self.replies.iter().zip(&other.replies).zip(&script.steps);
        for ((one, two), step) in replies {
            let (Some(one), Some(two)) = (one, two) else { continue };
            let (one, two) = (one.with_places(&self.sessions), two.with_places(&other.sessions));
            if one != two {
                let who = step.player + 1;
                lines.push(format!("call {} by session {who}: {one}, then {two}", step.uri));
            }
        }
        if let (Some(one), Some(two)) = (&self.events, &other.events) {
            let all: BTreeMap<_, _> = one.iter().chain(two).collect();
            for key in all.keys() {
                let count = |events: &Events| events.get(*key).copied().unwrap_or(0);
                let (one, two) = (count(one), count(two));
                if one != two {
                    let (player, topic) = key;
                    let who = player + 1;
                    lines.push(format!("topic {topic} at session {who}: {one} events, then {two}"));
                }
            }
        }
        lines
    }
}

impl Reply {
    /// The reply with the places of sessions instead of their identifiers.
    fn with_places(&self, sessions: &[SessionId]) -> Self {
        let of = |arguments: &Arguments| Arguments {
            args: arguments.args.iter().map(|value| placed(value, sessions)).collect(),
            kwargs: arguments
                .kwargs
                .iter()
                .map(|(key, value)| (key.clone(), placed(value, sessions)))
                .collect(),
        };
        match self {
            Self::Result(arguments) => Self::Result(of(arguments)),
            Self::Error(error, arguments) => Self::Error(error.clone(), of(arguments)),
            Self::Nothing(why) => Self::Nothing(why.clone()),
        }
    }
}

fn placed(value: &Value<'static>, sessions: &[SessionId]) -> Value<'static> {
    match value {
        Value::Unsigned(number) => {
            let place = sessions.iter().position(|session| session.get() == *number);
            place.map_or_else(|| value.clone(), |place| format!("session {}", place + 1).into())
        }
        Value::List(items) => {
            Value::List(items.iter().map(|item| placed(item, sessions)).collect())
        }
        Value::Dict(entries) => Value::Dict(
            entries.iter().map(|(key, item)| (key.clone(), placed(item, sessions))).collect(),
        ),
        Value::Null
        | Value::Bool(_)
        | Value::Signed(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Binary(_) => value.clone(),
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = |arguments: &Arguments| {
            let kwargs = Value::Dict(arguments.kwargs.clone());
            let both = Value::List(vec![Value::List(arguments.args.clone()), kwargs]);
            serde_json::to_string(&both).unwrap_or_default()
        };
        match self {
            Self::Result(arguments) => write!(f, "result {}", json(arguments)),
            Self::Error(error, arguments) => write!(f, "error {error} {}", json(arguments)),
            Self::Nothing(why) => write!(f, "no answer ({why})"),
        }
    }
}
