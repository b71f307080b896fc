//! Registers a procedure, calls it, and shows what the connection carried:
//! `cargo run -p flowgate-client --example echo -- ws://localhost:8080/ws realm1`.

use std::{error::Error, process::ExitCode};

use flowgate_client::{Arguments, ConnectOptions, Connection, JoinOptions, Session};
use flowgate_wire::{Dict, Value};

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stderr, reason = "an example talks to its reader")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "ws://localhost:8080/ws".to_owned());
    let realm = arguments.next().unwrap_or_else(|| "realm1".to_owned());
    match echo(&url, realm).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{url}: {error}");
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout, reason = "an example talks to its reader")]
async fn echo(url: &str, realm: String) -> Result<(), Box<dyn Error>> {
    let connection = Connection::open(&url.parse()?, &ConnectOptions::default()).await?;
    let session = Session::join(connection, realm, JoinOptions::default()).await?;

    let registration = session.register("com.example.echo", Dict::EMPTY).await?;
    let serving = tokio::spawn(
        registration.serve(16, |_details, arguments: Arguments| async move { Ok(arguments) }),
    );

    let result = session.call("com.example.echo", Dict::EMPTY, Value::from("hello")).await?;
    println!("session {} heard {:?}", session.id(), result.arguments.first());

    session.leave().await?;
    serving.await?;
    println!("{:?}", session.traffic());
    Ok(())
}
