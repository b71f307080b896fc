//! The part of the callees.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use flowgate_client::{Closed, Failure, Invocation, Registration, Session};
use flowgate_wire::{Dict, Value};
use tokio::{task::JoinSet, time::sleep};

use super::{
    ReplayError,
    mapping::Who,
    played::Reply,
    router::Router,
    script::{Answered, Calls, Procedure},
};

/// What invocations were answered with.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Served {
    /// What was recorded for the same arguments.
    pub(super) known: u64,
    /// That nothing was.
    pub(super) unknown: u64,
}

/// Registers all procedures and answers, until `stopped` is ready.
pub(super) async fn serve(
    calls: Calls,
    router: &Router,
    speed: f64,
    stopped: impl Future<Output = ()>,
) -> Result<Served, ReplayError> {
    let fault = |source| ReplayError::Session { url: router.url.to_string(), source };
    let mut sessions: BTreeMap<Who, Session> = BTreeMap::new();
    let served = Arc::new(Mutex::new(Served::default()));
    let mut tasks = JoinSet::new();
    for ((_, name), Procedure { who, answers }) in calls.procedures {
        let session = match sessions.get(&who) {
            Some(session) => session.clone(),
            None => router.join(&who).await?,
        };
        let registration = session.register(name, Dict::EMPTY).await.map_err(fault)?;
        sessions.insert(who, session);
        tasks.spawn(answer_all(registration, answers, speed, Arc::clone(&served)));
    }
    super::print(&format!("{} procedures registered\n", tasks.len()))?;
    let ended = tokio::select! {
        () = stopped => None,
        why = first_ended(&sessions) => why,
    };
    tasks.shutdown().await;
    for session in sessions.into_values() {
        // A router that has ended it says nothing new.
        let _ = session.leave().await;
    }
    match ended {
        Some(why) => Err(fault(why.into())),
        None => Ok(*served.lock().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// Why the first session has ended that has.
async fn first_ended(sessions: &BTreeMap<Who, Session>) -> Option<Closed> {
    let mut ending = JoinSet::new();
    for session in sessions.values() {
        let session = session.clone();
        ending.spawn(async move { session.closed().await });
    }
    ending.join_next().await?.ok()
}

async fn answer_all(
    mut registration: Registration,
    mut answers: Vec<Answered>,
    speed: f64,
    served: Arc<Mutex<Served>>,
) {
    let mut pending = JoinSet::new();
    while let Some(invocation) = registration.next().await {
        let answered = choose(&mut answers, &invocation);
        {
            let mut served = served.lock().unwrap_or_else(PoisonError::into_inner);
            match answered {
                Some(_) => served.known += 1,
                None => served.unknown += 1,
            }
        }
        pending.spawn(async move {
            let Some(Answered { reply, after, .. }) = answered else {
                return invocation.fail(not_recorded());
            };
            sleep(after.div_f64(speed)).await;
            match reply {
                Reply::Result(arguments) => invocation.succeed(arguments),
                Reply::Error(error, arguments) => invocation.fail(Failure::new(error, arguments)),
                // Invariant: callees answer with results and errors.
                Reply::Done | Reply::Nothing(_) => invocation.fail(not_recorded()),
            }
        });
        while pending.try_join_next().is_some() {}
    }
}

fn not_recorded() -> Failure {
    Failure::new("flowgate.error.not_recorded", Value::from("not recorded"))
}

/// What was answered to the same arguments: the oldest answer that was not given yet, and from then
/// on the last one.
fn choose(answers: &mut Vec<Answered>, invocation: &Invocation) -> Option<Answered> {
    let is_same = |answered: &Answered| answered.asked == invocation.arguments;
    let place = answers.iter().position(is_same)?;
    if answers.iter().filter(|answered| is_same(answered)).count() > 1 {
        Some(answers.remove(place))
    } else {
        answers.get(place).cloned()
    }
}
