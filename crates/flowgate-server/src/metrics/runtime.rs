//! Metrics of the threads that do the work.

use flowgate_metrics::{
    CollectorKind, Descriptor, Label, Registration, Registry, Samples, Unit, Verbosity,
};
use tokio::runtime::{Handle, RuntimeMetrics};

use super::MetricsError;

/// Registers everything, for the runtime of the caller; the metrics stay as long as what is
/// returned.
pub(super) fn register(registry: &Registry) -> Result<Vec<Registration>, MetricsError> {
    type Pull = fn(&RuntimeMetrics) -> usize;
    let runtime = Handle::current().metrics();
    let busy = runtime.clone();
    let pulls: [(Descriptor, Pull); 2] = [
        (
            named("runtime_tasks", "Tasks", "Tasks that have not ended."),
            RuntimeMetrics::num_alive_tasks,
        ),
        (
            named("runtime_queue_depth", "QueueDepth", "Tasks that wait for any worker."),
            RuntimeMetrics::global_queue_depth,
        ),
    ];
    let mut registrations = Vec::new();
    for (descriptor, pull) in pulls {
        let runtime = runtime.clone();
        #[expect(clippy::cast_precision_loss, reason = "there are fewer tasks than 2^53")]
        let pull = move || Ok(pull(&runtime) as f64);
        registrations.push(registry.pull(descriptor, CollectorKind::Gauge, pull)?);
    }
    let descriptor = named("runtime_busy", "Busy", "Time that a worker thread was busy.")
        .container_label("worker")
        .unit(Unit::Seconds)
        .measured();
    let workers = [Label::closed("worker")];
    let collect = move |samples: &mut Samples<1>| {
        for worker in 0..busy.num_workers() {
            let seconds = busy.worker_total_busy_duration(worker).as_secs_f64();
            samples.push([&worker.to_string()], seconds);
        }
        Ok(())
    };
    registrations.push(registry.collect(descriptor, CollectorKind::Counter, workers, collect)?);
    Ok(registrations)
}

fn named(name: &'static str, short_name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new(name, help).stat("runtime", short_name).verbosity(Verbosity::Debug)
}
