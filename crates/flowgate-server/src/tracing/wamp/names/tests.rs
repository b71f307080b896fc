use super::*;

#[test]
fn the_core_is_told_of_every_procedure_once() {
    let mut told: Vec<_> = served()
        .into_iter()
        .flat_map(|api| {
            api.procedures.into_iter().map(move |name| format!("{}.{name}", api.prefix))
        })
        .collect();
    told.sort_unstable();
    let known: Vec<_> = Procedure::by_name().into_keys().collect();
    assert_eq!(told, known);
    assert_eq!(known.len(), 4 * 5 + 7 + 3);
}

#[test]
fn no_topic_is_outside_the_prefixes() {
    let events = [TraceEvent::Started, TraceEvent::Stopped, TraceEvent::Data];
    let leads = [Lead::Nothing, Lead::Place];
    let topics = leads.map(|lead| events.map(|event| event.topics(lead)).concat()).concat();
    assert_eq!(topics.len(), 4 * 3);
    for topic in topics.into_iter().chain([CenterEvent::Data.topic()]) {
        let is_below = |prefix: &&str| topic.starts_with(&format!("{prefix}."));
        assert_eq!(PREFIXES.iter().filter(|prefix| is_below(prefix)).count(), 1, "{topic}");
    }
}

/// The names of Crossbar.io have ours in them.
#[test]
fn the_names_of_node_and_worker_are_those_in_the_prefixes() {
    assert_eq!(OF_ROUTER[1], format!("crossbar.worker.{WORKER_ID}"));
    assert_eq!(OF_ROUTER[2], format!("crossbarfabriccenter.node.{NODE_ID}.worker.{WORKER_ID}"));
}

#[test]
fn what_is_about_traces_is_known_by_its_prefix() {
    for uri in ["flowgate.tracing.on_trace_data", "flowgate.tracing", "crossbar.worker.router.x"] {
        assert!(is_about_traces(uri), "{uri}");
    }
    for uri in ["flowgate.tracings.x", "flowgate", "flowgate.", "crossbar.worker.other.x", ""] {
        assert!(!is_about_traces(uri), "{uri}");
    }
}
