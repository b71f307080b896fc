//! The part of the callees.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use flowgate_client::{Failure, Invocation, Registration, Session, Target};
use flowgate_wire::Dict;
use tokio::{task::JoinSet, time::sleep};

use super::{
    ReplayError,
    client::Reply,
    join,
    script::{Answered, Calls},
};

/// What invocations were answered with.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Served {
    /// What was recorded for the same arguments.
    pub(super) known: u64,
    /// That nothing was.
    pub(super) unknown: u64,
}

/// Registers all procedures and answers, until `stopped` is ready or the router ends it.
pub(super) async fn serve(
    calls: Calls,
    url: &Target,
    speed: f64,
    stopped: impl Future<Output = ()>,
) -> Result<Served, ReplayError> {
    let mut sessions: BTreeMap<String, Session> = BTreeMap::new();
    let served = Arc::new(Mutex::new(Served::default()));
    let mut tasks = JoinSet::new();
    for ((realm, procedure), answers) in calls.procedures {
        if !sessions.contains_key(&realm) {
            sessions.insert(realm.clone(), join(url, &realm).await?);
        }
        let Some(session) = sessions.get(&realm) else { continue };
        let registration = session
            .register(procedure, Dict::EMPTY)
            .await
            .map_err(|source| ReplayError::Session { url: url.to_string(), source })?;
        tasks.spawn(answer_all(registration, answers, speed, Arc::clone(&served)));
    }
    super::print(&format!("{} procedures registered\n", tasks.len()))?;
    tokio::select! {
        () = stopped => {}
        () = async { while tasks.join_next().await.is_some() {} } => {}
    }
    tasks.shutdown().await;
    for session in sessions.into_values() {
        // A router that has ended it says nothing new.
        let _ = session.leave().await;
    }
    let served = *served.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(served)
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
                let why = flowgate_wire::Value::from("not recorded");
                return invocation.fail(Failure::new("flowgate.error.not_recorded", why));
            };
            sleep(after.div_f64(speed)).await;
            match reply {
                Reply::Result(arguments) => invocation.succeed(arguments),
                Reply::Error(error, arguments) => invocation.fail(Failure::new(error, arguments)),
                // Records have none of these.
                Reply::Nothing(why) => {
                    let why = flowgate_wire::Value::from(why);
                    invocation.fail(Failure::new("flowgate.error.not_recorded", why));
                }
            }
        });
        while pending.try_join_next().is_some() {}
    }
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
