//! Bodies that are too large, too slow, too numerous or incomplete.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::support::{Request, Running, form, picture, until};

#[test]
fn a_body_that_is_too_large_is_refused_however_it_is_declared_and_the_client_is_told() {
    let server = Running::with(|config| config.limits.body = 100_000);
    let large = vec![7; 5_000_000];
    for _ in 0..5 {
        // The whole body is sent before the response is read.
        server.post("/predict", "", large.clone()).assert_failed(413, &["100000 bytes"]);
        let mut chunked = Request::post("/predict", "", Vec::new());
        chunked.headers.retain(|(name, _)| name != "Content-Length");
        let mut client = server.connect();
        client.write(&chunked.with("Transfer-Encoding", "chunked").head_bytes());
        for chunk in large.chunks(50_000) {
            client.write(format!("{:x}\r\n", chunk.len()).as_bytes());
            client.write(chunk);
            client.write(b"\r\n");
        }
        client.response().expect("an answer").assert_failed(413, &["100000 bytes"]);
    }
    server.assert_answers();
}

#[test]
fn a_body_that_ends_early_is_told_of() {
    let server = Running::new();
    let file = picture("Bag");
    let request = Request::post("/predict", "image/png", file.clone());
    let mut client = server.connect();
    client.write(&request.head_bytes());
    client.write(&file[..100]);
    client.finish_writing();
    let part = format!("after 100 of {} bytes", file.len());
    client.response().expect("an answer").assert_failed(400, &["ended early", &part]);
    assert!(client.is_closed());
    // A client that disconnects.
    let mut client = server.connect();
    client.write(&request.head_bytes());
    drop(client);
    server.assert_answers();
    until("the connections are gone", || server.metric("headstart_connections") == Some(1.0));
}

#[test]
fn a_slow_client_is_told_and_holds_nobody_up() {
    let server = Running::with(|config| config.limits.send_time = Duration::from_millis(300));
    let file = picture("Bag");
    let mut slow = server.connect();
    slow.write(&Request::post("/predict", "image/png", file.clone()).head_bytes());
    let begun = Instant::now();
    for byte in &file[..20] {
        slow.write(&[*byte]);
        std::thread::sleep(Duration::from_millis(20));
        if begun.elapsed() < Duration::from_millis(200) {
            server.assert_answers();
        }
    }
    slow.response().expect("an answer").assert_failed(408, &["0.3 s"]);
    assert!(slow.is_closed());
    // A client that never finishes its head, and one that sends nothing.
    for head in ["POST /predict HTTP/1.1\r\nHost: local", ""] {
        let mut slow = server.connect();
        slow.write(head.as_bytes());
        assert!(slow.is_closed());
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    server.assert_answers();
}

#[test]
fn a_client_that_reads_nothing_is_left() {
    let server = Running::with(|config| config.limits.receive_time = Duration::from_millis(200));
    let mut client = server.connect();
    // Unread responses fill the system's buffers.
    let request = Request::get("/metrics").bytes();
    client.stream.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        match client.stream.write(&request.repeat(100)) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
            Ok(_) => {}
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "it was never left");
    until("the connection is gone", || server.metric("headstart_connections") == Some(1.0));
    server.assert_answers();
}

#[test]
fn more_pictures_or_pixels_than_there_may_be_are_refused() {
    let server = Running::with(|config| {
        config.limits.pictures = 2;
        config.limits.pixels = 1_000_000;
    });
    let bag = picture("Bag");
    let (media_type, body) = form(&[("a", &*bag), ("b", &*bag), ("c", &*bag)]);
    server.post("/predict", &media_type, body).assert_failed(413, &["more than 2 pictures"]);
    // 30,000 x 30,000 pixels in a few bytes.
    let bomb = bomb(30_000, 30_000);
    assert!(bomb.len() < 2_000_000);
    server.post("/predict", "image/png", bomb.clone()).assert_failed(413, &["30000 x 30000"]);
    let (media_type, body) = form(&[("bomb", &*bomb), ("bag", &*bag)]);
    let answers = server.post("/predict", &media_type, body).json();
    assert_eq!(answers["predictions"][0]["kind"], "limit_exceeded");
    assert!(answers["predictions"][1]["scores"].is_object());
    server.assert_answers();
}

#[test]
fn bodies_together_take_no_more_than_they_may() {
    let server = Running::with(|config| {
        config.limits.bodies = 64 << 10;
        config.limits.body = 64 << 10;
    });
    let request = Request::post("/predict", "", vec![0; 60_000]);
    let mut first = server.connect();
    first.write(&request.head_bytes());
    first.write(&request.body[..50_000]);
    std::thread::sleep(Duration::from_millis(300));
    let refused = server.send(&request);
    refused.assert_failed(503, &["too many bodies"]);
    assert_eq!(refused.headers["retry-after"], "1");
    first.write(&request.body[50_000..]);
    first.response().expect("an answer").assert_failed(422, &[]);
    server.send(&request).assert_failed(422, &[]);
    server.assert_answers();
}

#[test]
fn a_body_that_is_packed_is_refused() {
    let server = Running::new();
    let request = Request::post("/predict", "", picture("Bag")).with("Content-Encoding", "gzip");
    server.send(&request).assert_failed(415, &["Content-Encoding"]);
}

/// A PNG of this size whose rows are all zeros.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().unwrap();
    let mut rows = writer.stream_writer().unwrap();
    let row = vec![0; width.div_ceil(8) as usize];
    for _ in 0..height {
        rows.write_all(&row).unwrap();
    }
    rows.finish().unwrap();
    drop(writer);
    file
}
