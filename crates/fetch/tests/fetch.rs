//! Tests against a local server that breaks connections, misbehaves and redirects.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use headstart_error::ErrorKind;
use headstart_fetch::{Arrived, Expected, FetchError, Hash, Program, Size, Slot, Step};

/// How the server answers a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    /// Correctly.
    Well,
    /// Breaks the connection after this many bytes of the requested range.
    BreaksOff(usize),
    /// Sends the whole file, whatever range was requested.
    Whole,
    /// The same, but breaks the connection after this many bytes.
    WholeBreaksOff(usize),
    /// Redirects to another path on the same server.
    LeadsTo(&'static str),
    /// Sends only a status.
    Status(u16),
    /// Never answers.
    Silent,
}

/// A server of one file, with a record of the requests: the path and the first byte.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<(String, usize)>>>,
}

impl Server {
    /// A server that answers the first requests in these manners, and all others correctly.
    fn new(content: &[u8], manners: &[Manner]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (content, manners) = (content.to_vec(), manners.to_vec());
        let seen = asked.clone();
        thread::spawn(move || {
            let mut manners = manners.into_iter();
            for stream in listener.incoming().map_while(Result::ok) {
                let manner = manners.next().unwrap_or(Manner::Well);
                let (content, seen) = (content.clone(), seen.clone());
                thread::spawn(move || serve(stream, &content, manner, &seen));
            }
        });
        Self { address, asked }
    }

    fn url(&self) -> String {
        format!("http://{}/weights.pth", self.address)
    }

    /// The first byte of each request.
    fn offsets(&self) -> Vec<usize> {
        self.asked.lock().unwrap().iter().map(|(_, from)| *from).collect()
    }
}

fn serve(
    mut stream: TcpStream,
    content: &[u8],
    manner: Manner,
    asked: &Mutex<Vec<(String, usize)>>,
) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut from = None;
    for line in lines.take_while(|line| !line.is_empty()) {
        let range = line.to_ascii_lowercase();
        let range = range.strip_prefix("range: bytes=").and_then(|range| range.strip_suffix('-'));
        from = range.map(|from| from.parse::<usize>().unwrap()).or(from);
    }
    asked.lock().unwrap().push((path, from.unwrap_or(0)));
    let total = content.len();
    let head = |status: &str, more: &str, len: usize| {
        format!("HTTP/1.1 {status}\r\n{more}Connection: close\r\nContent-Length: {len}\r\n\r\n")
    };
    let (head, body) = match (manner, from) {
        (Manner::Silent, _) => {
            let _ = stream.read(&mut [0; 1]);
            return;
        }
        (Manner::Status(status), _) => (head(&format!("{status} No"), "", 0), &content[..0]),
        (Manner::LeadsTo(place), _) => {
            (head("302 Found", &format!("Location: {place}\r\n"), 0), &content[..0])
        }
        (Manner::Whole | Manner::WholeBreaksOff(_), _) | (_, None) => {
            (head("200 OK", "", total), content)
        }
        (_, Some(from)) if from >= total => {
            (head("416 Range Not Satisfiable", "", 0), &content[..0])
        }
        (_, Some(from)) => {
            let range = format!("Content-Range: bytes {from}-{}/{total}\r\n", total - 1);
            (head("206 Partial Content", &range, total - from), &content[from..])
        }
    };
    let body = match manner {
        Manner::BreaksOff(after) | Manner::WholeBreaksOff(after) => &body[..after.min(body.len())],
        _ => body,
    };
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// SHA-256 of [`content`], computed with Python's `hashlib`.
const SHA256: Hash =
    Hash::Sha256("136f334d647619879743ff33fde1ac6547f40e314692441f2a125e087cad47c9");

fn content() -> Vec<u8> {
    (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn expected() -> Expected {
    Expected { size: Some(Size::Bytes(300_000)), hash: Some(SHA256) }
}

/// The programs on this machine, each found in a `PATH` without the others.
fn programs() -> Vec<Program> {
    let mut found = Vec::new();
    for name in ["curl", "wget"] {
        let path = std::env::var_os("PATH").unwrap();
        let Some(at) = std::env::split_paths(&path).map(|d| d.join(name)).find(|at| at.is_file())
        else {
            eprintln!("skipped with {name}, which is not installed");
            continue;
        };
        // A folder that contains only this program.
        let alone = tempfile::tempdir().unwrap().keep();
        #[cfg(unix)]
        std::os::unix::fs::symlink(at, alone.join(name)).unwrap();
        found.extend(Program::find_in(alone.as_os_str()));
    }
    found
}

fn fetch(
    to: &Path,
    url: &str,
    expected: &Expected,
    program: &Program,
    watch: &mut dyn FnMut(Step) -> bool,
) -> Result<Arrived, FetchError> {
    Slot::take(to, watch)?.fetch(url, expected, 1 << 30, Some(program), watch)
}

/// The names of all files in a folder, except locks.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".lock")).collect()
}

#[test]
fn a_file_arrives_whole_whatever_happens_on_its_way() {
    use Manner::{BreaksOff, LeadsTo, Status, Whole};
    let content = content();
    for program in programs() {
        for (manners, offsets) in [
            (vec![], vec![0]),
            (vec![BreaksOff(100_000), BreaksOff(50_000)], vec![0, 100_000, 150_000]),
            (
                vec![BreaksOff(100_000), Status(503), BreaksOff(0)],
                vec![0, 100_000, 100_000, 100_000],
            ),
            (vec![LeadsTo("/elsewhere/weights.pth")], vec![0, 0]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let (to, server) = (folder.path().join("w"), Server::new(&content, &manners));
            let arrived = fetch(&to, &server.url(), &expected(), &program, &mut |_| true);
            let arrived = arrived.unwrap_or_else(|e| panic!("{program:?} {manners:?}: {e}"));
            assert!(!to.exists());
            assert_eq!(arrived.keep().unwrap().0.bytes, 300_000);
            assert_eq!(std::fs::read(&to).unwrap(), content);
            assert_eq!(names(folder.path()), ["w"]);
            assert_eq!(server.offsets(), offsets, "{program:?} {manners:?}");
        }
        // A server without range support sends the whole file again.
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("w");
        let server = Server::new(&content, &[BreaksOff(100_000), Whole]);
        fetch(&to, &server.url(), &expected(), &program, &mut |_| true).unwrap().keep().unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), content);
    }
}

#[test]
fn what_was_interrupted_goes_on_where_it_was() {
    let content = content();
    for program in programs() {
        let folder = tempfile::tempdir().unwrap();
        let (to, server) = (folder.path().join("w"), Server::new(&content, &[]));
        let part = folder.path().join(".w.part");
        let mut stops = |step| !matches!(step, Step::Received(n) if n > 0);
        let stopped = fetch(&to, &server.url(), &expected(), &program, &mut stops);
        assert!(matches!(stopped, Err(FetchError::Cancelled)), "{stopped:?}");
        let had = std::fs::read(&part).unwrap();
        assert!(!had.is_empty() && content.starts_with(&had));
        fetch(&to, &server.url(), &expected(), &program, &mut |_| true).unwrap().keep().unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), content);
        // Everything was received, but the file was not put in place.
        std::fs::rename(&to, &part).unwrap();
        fetch(&to, &server.url(), &expected(), &program, &mut |_| true).unwrap().keep().unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), content);
        // A part of another file is not continued.
        std::fs::write(&part, vec![7; 1000]).unwrap();
        fetch(&to, &server.url(), &expected(), &program, &mut |_| true).unwrap().keep().unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), content);
    }
}

#[test]
fn what_is_not_the_published_file_is_refused_and_gone() {
    let content = content();
    for program in programs() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("w");
        let other = Expected { hash: Some(Hash::Sha256("00000000")), ..expected() };
        let longer = Expected { size: Some(Size::Bytes(300_001)), ..expected() };
        for (expected, says) in [
            (other, "is not the published file: its SHA-256 is"),
            (longer, "300000 bytes arrived, but the published file has 300001"),
        ] {
            let server = Server::new(&content, &[]);
            let error = fetch(&to, &server.url(), &expected, &program, &mut |_| true).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            assert_eq!(names(folder.path()), [""; 0]);
        }
        let server = Server::new(&content, &[]);
        let slot = Slot::take(&to, &mut |_| true).unwrap();
        let endless = slot.fetch(&server.url(), &expected(), 1000, Some(&program), &mut |_| true);
        assert_eq!(endless.unwrap_err().kind(), ErrorKind::LimitExceeded);
        assert_eq!(names(folder.path()), [""; 0]);
        // A file that the caller does not keep is deleted too.
        drop(fetch(&to, &server.url(), &expected(), &program, &mut |_| true).unwrap());
        assert_eq!(names(folder.path()), [""; 0]);
    }
}

#[test]
fn a_server_that_is_not_there_or_has_no_such_file_is_told_of() {
    let content = content();
    // A port without a listener.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for program in programs() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("w");
        let go = |url: &str, watch: &mut dyn FnMut(Step) -> bool| {
            fetch(&to, url, &expected(), &program, watch).unwrap_err()
        };
        let error = go(&format!("http://{nobody}/w"), &mut |_| true);
        assert!(matches!(error, FetchError::Unreachable { received: 0, .. }), "{error}");
        let missing = Server::new(&content, &[Manner::Status(404)]);
        let error = go(&missing.url(), &mut |_| true);
        assert!(matches!(error, FetchError::Refused { status: 404, .. }), "{error}");
        assert!(error.to_string().ends_with("the server does not have the file (status 404)"));
        let busy = Server::new(&content, &[Manner::Status(503)]);
        let error = go(&busy.url(), &mut |_| true);
        assert!(matches!(error, FetchError::Refused { status: 503, .. }), "{error}");
        assert!(!error.to_string().contains("does not have the file"), "{error}");
        // A server without range support that always breaks off at the same place never gets further.
        let stuck = Server::new(&content, &[Manner::WholeBreaksOff(100_000); 30]);
        let error = go(&stuck.url(), &mut |_| true);
        assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
        assert!(stuck.offsets().len() < 10, "{:?}", stuck.offsets());
        std::fs::remove_file(folder.path().join(".w.part")).unwrap();
        assert!(matches!(go("ftp://x/w", &mut |_| true), FetchError::BadUrl { .. }));
        // A redirect loop ends.
        let round = Server::new(&content, &[Manner::LeadsTo("/again"); 30]);
        assert!(!matches!(go(&round.url(), &mut |_| true), FetchError::Cancelled));
        // A silent server is abandoned when the callback cancels.
        let silent = Server::new(&content, &[Manner::Silent]);
        let mut asked = 0;
        let error = go(&silent.url(), &mut |_| {
            asked += 1;
            asked < 3
        });
        assert!(matches!(error, FetchError::Cancelled), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let slot = Slot::take(&folder.path().join("w"), &mut |_| true).unwrap();
    let error = slot.fetch("https://x/w", &expected(), 1, None, &mut |_| true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "https://x/w: cannot be fetched, since neither curl nor wget is on the PATH"
    );
}

#[test]
fn of_two_that_fetch_the_same_file_one_waits() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("w");
    let first = Slot::take(&to, &mut |_| true).unwrap();
    let mut waited = 0;
    let second = Slot::take(&to, &mut |step| {
        assert_eq!(step, Step::Waiting);
        waited += 1;
        waited < 3
    });
    assert!(matches!(second, Err(FetchError::Cancelled)));
    thread::scope(|scope| {
        let second = scope.spawn(|| Slot::take(&to, &mut |_| true).map(drop));
        drop(first);
        second.join().unwrap().unwrap();
    });
}
