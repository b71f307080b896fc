use std::sync::{Arc, Mutex};

use flowgate_trace::{OtlpCounts, Sampling};
use http_body_util::{BodyExt as _, Full};
use hyper::{Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::Notify};

use super::*;
use crate::{
    config::{OtlpConfig, TracingConfig},
    tracing::tests::{Rig, config},
};

/// A collector that answers with these statuses, one after the other, and keeps what it gets.
async fn collector(statuses: Vec<u16>) -> (HttpUrl, Arc<Mutex<Vec<Bytes>>>, Arc<Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap()).parse().unwrap();
    let (bodies, came) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
    let (kept, coming) = (Arc::clone(&bodies), Arc::clone(&came));
    tokio::spawn(async move {
        let mut statuses = statuses.into_iter();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let status = statuses.next().unwrap_or(200);
            let service = service_fn(|request: Request<Incoming>| {
                let (kept, coming) = (Arc::clone(&kept), Arc::clone(&coming));
                async move {
                    assert_eq!(request.uri().path(), "/v1/traces");
                    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
                    let body = request.into_body().collect().await?.to_bytes();
                    kept.lock().unwrap().push(body);
                    coming.notify_one();
                    let answer = Response::builder().status(status).header("retry-after", "0");
                    Ok::<_, hyper::Error>(answer.body(Full::<Bytes>::default()).unwrap())
                }
            });
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.unwrap();
        }
    });
    (url, bodies, came)
}

fn with_otlp(url: &HttpUrl) -> Rig {
    let otlp = OtlpConfig { url: url.clone(), sampling: Sampling::ALL };
    Rig::new(TracingConfig { otlp: Some(otlp), ..config() })
}

async fn counts(rig: &Rig) -> OtlpCounts {
    rig.tracing.otlp_counts().await.unwrap()
}

#[tokio::test]
async fn spans_of_finished_actions_are_posted_and_tried_again() {
    let (url, bodies, came) = collector(vec![503, 200]).await;
    let mut rig = with_otlp(&url);
    let (stop, stopped) = watch::channel(Stop::Never);
    let task = tokio::spawn(export_spans(rig.tracing.clone(), url, stopped));
    // The standing trace has begun.
    while !rig.tracing.switch().is_on() {
        tokio::task::yield_now().await;
    }
    rig.publish("realm1", 5);
    came.notified().await;
    came.notified().await;
    stop.send_replace(Stop::Now);
    task.await.unwrap();
    let bodies = bodies.lock().unwrap().clone();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1], "the same once more");
    let name = b"com.example.topic";
    assert!(bodies[0].windows(name.len()).any(|octets| octets == name));
    assert_eq!(counts(&rig).await.exported, 1);
}

#[tokio::test]
async fn what_is_left_at_the_end_is_sent() {
    let (url, bodies, _) = collector(Vec::new()).await;
    let mut rig = with_otlp(&url);
    let (stop, stopped) = watch::channel(Stop::Never);
    while !rig.tracing.switch().is_on() {
        tokio::task::yield_now().await;
    }
    rig.publish("realm1", 5);
    stop.send_replace(Stop::Now);
    export_spans(rig.tracing.clone(), url, stopped).await;
    assert_eq!(bodies.lock().unwrap().len(), 1);
    assert_eq!(counts(&rig).await.exported, 1);
}
