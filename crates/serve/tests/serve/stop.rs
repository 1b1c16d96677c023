//! Stopping the server.

use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use headstart_serve::Routes;

use crate::support::{Request, Running, picture, until};

#[test]
fn what_has_begun_is_finished_and_nothing_else_is_begun() {
    let mut server = Running::new();
    let file = picture("Bag");
    let request = Request::post("/predict", "", file.clone());
    let mut half = server.connect();
    half.write(&request.head_bytes());
    half.write(&file[..file.len() / 2]);
    let mut idle = server.connect();
    assert_eq!(idle.send(&Request::get("/readyz")).status, 200);
    thread::sleep(Duration::from_millis(50));
    server.stop();
    // An idle connection is closed at once.
    assert!(idle.is_closed());
    let address = server.address;
    until("no one is let in", || std::net::TcpStream::connect(address).is_err());
    half.write(&file[file.len() / 2..]);
    assert_eq!(half.response().expect("an answer").status, 200);
    assert!(half.is_closed());
    assert!(server.ended());
}

#[test]
fn under_load_every_request_that_was_taken_is_answered() {
    let mut server = Running::new();
    let address = server.address;
    let request = Request::post("/predict", "", picture("Bag"));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut answered = 0;
                    while let Ok(stream) = std::net::TcpStream::connect(address) {
                        drop(stream);
                        let mut client = crate::support::Client::new(address);
                        loop {
                            client.write(&request.bytes());
                            let Some(response) = client.response() else { break };
                            assert_eq!(response.status, 200, "{}", response.text());
                            answered += 1;
                        }
                    }
                    answered
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(500));
        server.stop();
        let begun = Instant::now();
        assert!(server.ended());
        assert!(begun.elapsed() < Duration::from_secs(5));
        let answered: usize = clients.into_iter().filter_map(|client| client.join().ok()).sum();
        assert!(answered > 8, "{answered}");
    });
}

#[test]
fn what_takes_longer_than_it_may_is_left() {
    let slow = || async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        "late"
    };
    let routes =
        Routes { guarded: Router::new().route("/slow", get(slow)), pages: None, alone: false };
    let mut server =
        Running::with_routes(|config| config.grace = Duration::from_millis(200), routes);
    let mut client = server.connect();
    client.write(&Request::get("/slow").bytes());
    thread::sleep(Duration::from_millis(50));
    server.stop();
    let begun = Instant::now();
    assert!(!server.ended());
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(client.is_closed());
}
