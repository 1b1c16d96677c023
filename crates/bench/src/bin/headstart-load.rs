//! A load generator for an HTTP server on this machine: posts pictures, one after another on each connection, and
//! prints the results as a line of JSON. For `benchmarks/serving`.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

const USAGE: &str = "usage: headstart-load ADDRESS PATH CONNECTIONS SECONDS BROKEN ABORTED FILE...
  ADDRESS is of this machine; BROKEN and ABORTED are shares of requests, such as 0.01";

/// Timeout of an answer.
const PATIENCE: Duration = Duration::from_secs(60);

struct Load {
    address: SocketAddr,
    path: String,
    connections: usize,
    seconds: f64,
    /// The fraction of truncated pictures.
    broken: f64,
    /// The fraction of requests whose connection closes before their body is complete.
    aborted: f64,
    pictures: Vec<Vec<u8>>,
}

#[derive(Default)]
struct Outcome {
    /// For valid requests answered with 200, in seconds.
    latencies: Vec<f64>,
    /// For other valid requests.
    failed: BTreeMap<String, usize>,
    /// The number of invalid requests answered as such.
    refused: usize,
    aborted: usize,
}

fn main() -> ExitCode {
    let Some(load) = parse(&env::args().skip(1).collect::<Vec<_>>()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let begun = Instant::now();
    let is_over = AtomicBool::new(false);
    let mut all = Outcome::default();
    thread::scope(|scope| {
        let (load, is_over) = (&load, &is_over);
        let threads: Vec<_> = (0..load.connections)
            .map(|index| scope.spawn(move || load.run(index, is_over)))
            .collect();
        thread::sleep(Duration::from_secs_f64(load.seconds));
        is_over.store(true, Ordering::Relaxed);
        for outcome in threads.into_iter().map(|thread| thread.join().expect("no panic")) {
            all.latencies.extend(outcome.latencies);
            outcome
                .failed
                .into_iter()
                .for_each(|(what, n)| *all.failed.entry(what).or_default() += n);
            all.refused += outcome.refused;
            all.aborted += outcome.aborted;
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    all.latencies.sort_by(f64::total_cmp);
    let quantile = |share: f64| {
        let last = all.latencies.len().saturating_sub(1);
        let at = (all.latencies.len() as f64 * share) as usize;
        all.latencies.get(at.min(last)).map_or(f64::NAN, |seconds| seconds * 1e3)
    };
    let failed: Vec<String> = all.failed.iter().map(|(what, n)| format!("{what:?}:{n}")).collect();
    println!(
        "{{\"answered\":{},\"per_second\":{:.2},\"p50_ms\":{:.2},\"p99_ms\":{:.2},\"max_ms\":{:.2},\"failed\":{{{}}},\"refused\":{},\"aborted\":{}}}",
        all.latencies.len(),
        all.latencies.len() as f64 / seconds,
        quantile(0.5),
        quantile(0.99),
        quantile(1.0),
        failed.join(","),
        all.refused,
        all.aborted,
    );
    ExitCode::SUCCESS
}

fn parse(arguments: &[String]) -> Option<Load> {
    let [address, path, connections, seconds, broken, aborted, files @ ..] = arguments else {
        return None;
    };
    let address: SocketAddr = address.parse().ok()?;
    let pictures: Vec<_> = files.iter().map(fs::read).collect::<Result<_, _>>().ok()?;
    if !address.ip().is_loopback() || pictures.is_empty() {
        return None;
    }
    Some(Load {
        address,
        path: path.clone(),
        connections: connections.parse().ok()?,
        seconds: seconds.parse().ok()?,
        broken: broken.parse().ok()?,
        aborted: aborted.parse().ok()?,
        pictures,
    })
}

impl Load {
    fn run(&self, index: usize, is_over: &AtomicBool) -> Outcome {
        let mut outcome = Outcome::default();
        let mut connection: Option<TcpStream> = None;
        // Different pictures and random events on each connection.
        let mut draw = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        let mut number = index;
        while !is_over.load(Ordering::Relaxed) {
            number += 1;
            draw = draw
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let chance = (draw >> 40) as f64 / (1 << 24) as f64;
            let picture = &self.pictures[number % self.pictures.len()];
            let is_aborted = chance < self.aborted;
            let is_broken = !is_aborted && chance < self.aborted + self.broken;
            let body = if is_broken { &picture[..picture.len() / 2] } else { &picture[..] };
            let begun = Instant::now();
            let answer = self.send(&mut connection, body, is_aborted);
            match answer {
                _ if is_aborted => outcome.aborted += 1,
                Ok(422) if is_broken => outcome.refused += 1,
                Ok(200) if !is_broken => outcome.latencies.push(begun.elapsed().as_secs_f64()),
                other => {
                    let what = other
                        .map_or_else(|error| error.kind().to_string(), |status| status.to_string());
                    *outcome.failed.entry(what).or_default() += 1;
                    connection = None;
                }
            }
        }
        outcome
    }

    /// Returns the status of the answer; aborted requests have none.
    fn send(
        &self,
        connection: &mut Option<TcpStream>,
        body: &[u8],
        is_aborted: bool,
    ) -> io::Result<u16> {
        let stream = match connection {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                connection.insert(stream)
            }
        };
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            self.path,
            body.len()
        );
        let sent = if is_aborted { &body[..body.len() / 2] } else { body };
        stream.write_all(&[head.as_bytes(), sent].concat())?;
        if is_aborted {
            *connection = None;
            return Ok(0);
        }
        let mut received = Vec::with_capacity(4096);
        loop {
            let mut chunk = [0; 4096];
            let n = stream.read(&mut chunk)?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            received.extend(&chunk[..n]);
            if let Some((status, keeps_open)) = whole(&received)? {
                if !keeps_open {
                    *connection = None;
                }
                return Ok(status);
            }
        }
    }
}

/// The status of a complete answer, and whether the connection stays open.
fn whole(received: &[u8]) -> io::Result<Option<(u16, bool)>> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let wrong = || io::Error::from(io::ErrorKind::InvalidData);
    let head = std::str::from_utf8(&received[..end]).map_err(|_| wrong())?.to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(wrong)?;
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let length = length.ok_or_else(wrong)?;
    let is_whole = received.len() >= end + 4 + length;
    Ok(is_whole.then(|| (status, !head.contains("connection: close"))))
}
