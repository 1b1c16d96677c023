//! More connections than the limit, and more requests than fit into the queue.

use std::thread;
use std::time::Duration;

use crate::support::{Client, Request, Running, picture, until};

#[test]
fn connections_beyond_the_limit_are_told_so_and_those_before_are_answered() {
    let server = Running::with(|config| config.limits.connections = 8);
    let mut held: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    // Every connection is accepted.
    for client in &mut held {
        assert_eq!(client.send(&Request::get("/healthz")).status, 200);
    }
    for _ in 0..100 {
        let mut client = server.connect();
        let refused = client.response().expect("an answer");
        assert_eq!(refused.status, 503);
        assert!(
            refused.json()["error"].as_str().unwrap().starts_with("8 connections"),
            "{}",
            refused.text()
        );
        assert_eq!(
            (&*refused.headers["retry-after"], &*refused.headers["connection"]),
            ("1", "close")
        );
        assert!(client.is_closed());
    }
    let request = Request::post("/predict", "", picture("Bag"));
    for client in &mut held {
        assert_eq!(client.send(&request).status, 200);
    }
    let metrics = held[0].send(&Request::get("/metrics")).text();
    assert!(metrics.contains("headstart_connections_refused_total 100\n"), "{metrics}");
    held.pop();
    until("there is room again", || {
        let mut client = server.connect();
        client.write(&request.bytes());
        client.response().is_some_and(|response| response.status == 200)
    });
}

#[test]
fn a_flood_of_connections_harms_nobody_who_is_in() {
    let server = Running::with(|config| config.limits.connections = 50);
    let mut inside = server.connect();
    assert_eq!(inside.send(&Request::get("/healthz")).status, 200);
    // These clients never read their refusals.
    let flood: Vec<Client> = (0..2_000).map(|_| server.connect()).collect();
    let request = Request::post("/predict", "", picture("Bag"));
    for _ in 0..10 {
        assert_eq!(inside.send(&request).status, 200);
    }
    drop(flood);
    until("the flood is over", || {
        let mut client = server.connect();
        client.write(&request.bytes());
        client.response().is_some_and(|response| response.status == 200)
    });
}

#[test]
fn requests_beyond_the_queue_are_told_when_to_come_back_and_the_others_are_answered() {
    let server = Running::with(|config| {
        config.threads = 1;
        config.limits.queue = 2;
        config.limits.pictures = 2;
    });
    let request = Request::post("/predict?explain=1", "", picture("Bag"));
    let statuses: Vec<u16> = thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = server.connect();
                    let statuses = (0..10).map(|_| {
                        let response = client.send(&request);
                        if response.status == 503 {
                            response.assert_failed(503, &["try again in a second"]);
                            assert_eq!(response.headers["retry-after"], "1");
                        }
                        response.status
                    });
                    statuses.collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let count = |status| statuses.iter().filter(|known| **known == status).count();
    assert_eq!(count(200) + count(503), 160, "{statuses:?}");
    assert!(count(200) >= 3 && count(503) >= 1, "{statuses:?}");
    server.assert_answers();
}

#[test]
fn requests_on_one_connection_are_answered_in_their_order() {
    let server = Running::new();
    let mut client = server.connect();
    let requests = [
        Request::get("/healthz"),
        Request::post("/predict", "", picture("Bag")),
        Request::get("/nothing"),
    ];
    client.write(&requests.each_ref().map(Request::bytes).concat());
    let statuses: Vec<u16> = (0..3).map(|_| client.response().expect("an answer").status).collect();
    assert_eq!(statuses, [200, 200, 404]);
    thread::sleep(Duration::from_millis(50));
    assert_eq!(client.send(&Request::get("/healthz")).status, 200);
}
