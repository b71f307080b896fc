use socket2::SockRef;
use tokio::net::TcpStream;

use super::*;

/// All of them are set on the listening socket alone, and rely on the system to hand them on.
#[tokio::test]
async fn accepted_connections_have_the_options_of_their_listener() {
    let seconds = Duration::from_secs;
    let endpoint = TcpEndpoint {
        address: ([127, 0, 0, 1], 0).into(),
        backlog: 1,
        shared: false,
        user_timeout: Some(seconds(11)),
    };
    let keepalive = Keepalive { interval: seconds(30), timeout: Some(seconds(15)) };
    let bound = Bound::bind(&Endpoint::Tcp(endpoint), Some(keepalive)).unwrap();
    let client = TcpStream::connect(bound.place()).await.unwrap();
    let (ReadHalf::Tcp(accepted), _, _) = bound.accept().await.unwrap() else {
        panic!("the endpoint is TCP")
    };
    drop(client);
    let socket = SockRef::from(accepted.as_ref());
    assert!(socket.tcp_nodelay().unwrap());
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), seconds(30));
    assert_eq!(socket.tcp_keepalive_interval().unwrap(), seconds(5));
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), PROBES);
    #[cfg(target_os = "linux")]
    assert_eq!(socket.tcp_user_timeout().unwrap(), Some(seconds(11)));
}
