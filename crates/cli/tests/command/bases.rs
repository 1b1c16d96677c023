//! `headstart bases get`, `add`, `verify` and `remove`, and training with the bases that they store.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{Place, Run, file};

/// The Keras file for `mobilenetv2`. Its length is published, but no hash.
const KERAS: &str = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_160_no_top.h5";
const KERAS_BYTES: usize = 9_406_464;

/// Weights of MobileNetV2 in a file of that length. The header is padded with white space.
fn weights() -> Vec<u8> {
    let own =
        std::fs::read(file("crates/bundled/assets/mobilenetv2_1.00_160.safetensors")).unwrap();
    let header = u64::from_le_bytes(*own.first_chunk().unwrap()) as usize;
    let fill = KERAS_BYTES - own.len();
    let mut file = ((header + fill) as u64).to_le_bytes().to_vec();
    file.extend(&own[8..8 + header]);
    file.resize(8 + header + fill, b' ');
    file.extend(&own[8 + header..]);
    assert_eq!(file.len(), KERAS_BYTES);
    file
}

/// A server that returns this content under every name, and the number of requests so far. The first
/// connection breaks after half of the content.
fn mirror(content: Vec<u8>, pause: Duration) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let breaks = count.fetch_add(1, Ordering::SeqCst) == 0;
            // A client may disconnect before it has received everything.
            let _ = serve(stream, &content, breaks, pause);
        }
    });
    (format!("http://{address}/mirror"), asked)
}

fn serve(
    mut stream: TcpStream,
    content: &[u8],
    breaks: bool,
    pause: Duration,
) -> std::io::Result<()> {
    let lines = BufReader::new(stream.try_clone()?).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let from = head.iter().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("range: bytes=")?.trim_end_matches('-').parse().ok()
    });
    let (status, from) = from.map_or(("200 OK", 0), |from: usize| ("206 Partial Content", from));
    let (body, total) = (&content[from..], content.len());
    let range = format!("Content-Range: bytes {from}-{}/{total}\r\n", total - 1);
    let head = format!("HTTP/1.1 {status}\r\n{range}Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    let body = if breaks { &body[..body.len() / 2] } else { body };
    let (first, rest) = body.split_at(body.len() / 2);
    stream.write_all(first)?;
    thread::sleep(pause);
    stream.write_all(rest)
}

fn get(place: &Place, base: &str, mirror: &str) -> Run {
    place.run(&format!("bases get {base} --mirror {mirror}"))
}

#[test]
fn fetched_weights_are_trained_on_verified_and_removed() {
    let place = Place::with_pictures(3);
    let bundled =
        place.run("train pictures --input-size 32 --output before.safetensors").succeeded();
    assert!(bundled.stdout.contains("Weights     bundled: ImageNet"), "{}", bundled.stdout);
    let (address, asked) = mirror(weights(), Duration::ZERO);
    let got = get(&place, "mobilenetv2", &address).succeeded().stdout;
    assert!(got.contains(&format!("Fetching    {address}/{KERAS}")), "{got}");
    assert!(got.contains("mobilenetv2: Keras, Apache-2.0") && got.contains("Fetched."), "{got}");
    assert_eq!(asked.load(Ordering::SeqCst), 2, "it goes on where the connection broke");
    let again = get(&place, "mobilenetv2", &address).succeeded().stdout;
    assert!(again.contains("There already."), "{again}");
    assert_eq!(asked.load(Ordering::SeqCst), 2);

    let trained = place.run("train pictures --input-size 32 --output m.safetensors").succeeded();
    assert!(trained.stdout.contains(&format!("Weights     Keras: {KERAS}")), "{}", trained.stdout);
    let stored = place.run("bases --json").succeeded().json()[0]["stored"].clone();
    let model = std::fs::read(place.path("m.safetensors")).unwrap();
    let header = 8 + u64::from_le_bytes(*model.first_chunk().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&model[8..header]).unwrap();
    let about: serde_json::Value =
        serde_json::from_str(header["__metadata__"]["headstart"].as_str().unwrap()).unwrap();
    let weights = &about["training"]["weights"];
    assert_eq!((&weights["file"], &weights["origin"]), (&KERAS.into(), &"Keras".into()), "{about}");
    assert_eq!(weights["sha256"], stored["sha256"]);
    assert_eq!(weights["sha256"].as_str().unwrap().len(), 64);

    let sound = place.run("bases verify").succeeded().stdout;
    assert!(sound.starts_with("mobilenetv2 ") && sound.ends_with("sound\n"), "{sound}");
    let path = place.path(&format!("bases/mobilenetv2/{KERAS}"));
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let damaged = place.run("bases verify");
    assert_eq!(damaged.code, 1);
    assert!(damaged.stdout.contains("damaged: its SHA-256 is "), "{}", damaged.stdout);
    let mended = get(&place, "mobilenetv2", &address).succeeded().stdout;
    assert!(mended.contains("Fetched."), "{mended}");
    place.run("bases verify mobilenetv2").succeeded();

    // A part of another file of the base counts too.
    place.write("bases/mobilenetv2/.other.h5.part", vec![0; 1 << 20]);
    let removed = place.run("bases remove mobilenetv2").succeeded().stdout;
    assert_eq!(removed, "Removed     mobilenetv2, 10.0 MiB freed\n");
    assert_eq!(place.below("bases"), [""; 0]);
    place.run("bases remove mobilenetv2").failed(1, &["no weights of 'mobilenetv2' are in "]);
    place.run("bases verify mobilenetv2").failed(1, &["`headstart bases` lists those that are"]);
}

#[test]
fn what_is_not_the_published_file_is_refused_with_the_way_out() {
    let place = Place::new();
    let url = "https://download.pytorch.org/models/mobilenet_v2-b0353104.pth";
    let way_out = format!(
        "or fetch {url} with another computer, and type here: headstart bases add mobilenet_v2-b0353104.pth"
    );
    // 13.555 MiB of other content, and content that is too short.
    for (bytes, says) in [
        (14_213_448, "is not the published file: its SHA-256 is "),
        (1_000_000, "1000000 bytes arrived, but the published file has about 14213448"),
    ] {
        let (address, _) = mirror(vec![b'x'; bytes], Duration::ZERO);
        get(&place, "mobilenetv2-torch", &address).failed(1, &[says, &way_out]);
        assert!(place.below("bases/mobilenetv2-torch").iter().all(|name| name.ends_with(".lock")));
    }
    // The length is right, and no hash is published: the file must fit the base.
    let (address, _) = mirror(vec![b'x'; KERAS_BYTES], Duration::ZERO);
    let keras = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2";
    get(&place, "mobilenetv2", &address).failed(
        1,
        &[
            "what arrived is not the published file of mobilenetv2: ",
            "is not a weight file",
            &format!("or fetch {keras}/{KERAS} with another computer"),
            &format!("headstart bases add {KERAS}"),
        ],
    );
    assert!(place.below("bases/mobilenetv2").iter().all(|name| name.ends_with(".lock")));
    // An address that nothing listens on.
    let nobody: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let missing = get(&place, "mobilenetv2-torch", &format!("http://{nobody}"));
    missing.failed(1, &["cannot be fetched (", &way_out]);
    let mut process = place.process();
    process.args(["bases", "get", "mobilenetv2-torch"]).env("PATH", place.path("nowhere"));
    let nothing = Run::of(process.output().unwrap());
    nothing.failed(1, &[url, "neither curl nor wget is on the PATH; or fetch it with another"]);
    place.run("bases get mobilenetv3000").failed(2, &["mobilenetv3000"]);
    place.run("train nowhere --base mobilenetv2-torch").failed(1, &["nowhere"]);
    assert!(place.run("bases verify").succeeded().stdout.starts_with("There are no bases in "));
}

#[test]
fn two_that_fetch_at_once_fetch_once() {
    let place = Place::new();
    let (address, asked) = mirror(weights(), Duration::from_millis(700));
    let start = || {
        let mut process = place.process();
        process.args(["bases", "get", "mobilenetv2", "--mirror", &address]);
        process.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        process.spawn().unwrap()
    };
    let both = [start(), start()].map(|child| Run::of(child.wait_with_output().unwrap()));
    let mut said = both.map(|run| {
        let text = run.succeeded().stdout;
        text.lines().last().unwrap().split('.').next().unwrap().to_owned()
    });
    said.sort();
    assert_eq!(said, ["Fetched", "There already"]);
    assert_eq!(asked.load(Ordering::SeqCst), 2, "one that broke, and one that went on");
    place.run("bases verify").succeeded();
}

#[test]
fn a_file_that_was_fetched_elsewhere_is_added() {
    let place = Place::with_pictures(3);
    let bundled = file("crates/bundled/assets/efficientnet_lite0.safetensors");
    let added = place.run(&format!("bases add {bundled} --json")).succeeded().json_line();
    assert_eq!((&added["base"], &added["publisher"]), (&"efficientnet-lite0".into(), &().into()));
    let trained = place.run("train pictures --input-size 32 --base efficientnet-lite0").succeeded();
    let says = "Weights     added: efficientnet_lite0.safetensors\n";
    assert!(trained.stdout.contains(says), "{}", trained.stdout);
    // Another file of the same base replaces it.
    let other = place.write("other.safetensors", std::fs::read(&bundled).unwrap());
    place.run(&format!("bases add {}", other.display())).succeeded();
    let left = place.below("bases/efficientnet-lite0");
    assert_eq!(left, ["other.safetensors", "record.json"]);
    let list = place.run("bases").succeeded().stdout;
    let line = list.lines().find(|line| line.starts_with("efficientnet-lite0 ")).unwrap();
    assert!(line.ends_with("  added"), "{line}");
    let wrong = place.run(&format!("bases add {bundled} --base mobilenetv2"));
    assert_eq!(wrong.code, 1, "{wrong:?}");
    place.run("bases add nothing.pth").failed(1, &["cannot read nothing.pth"]);
    place.write("text.pth", "no weights, but some text");
    place.run("bases add text.pth").failed(1, &["text.pth", "is not a weight file"]);
    place.write("bases/efficientnet-lite0/record.json", "{");
    place
        .run("train pictures --base efficientnet-lite0")
        .failed(1, &["record.json", "`headstart bases remove"]);
    // The damage hides neither the other bases nor itself.
    let list = place.run("bases").succeeded().stdout;
    let line = list.lines().find(|line| line.starts_with("efficientnet-lite0 ")).unwrap();
    assert!(line.contains("  damaged (see"), "{line}");
    assert!(list.contains("\nresnet50 "), "{list}");
    let verified = place.run("bases verify");
    assert_eq!(verified.code, 1, "{verified:?}");
    assert!(
        verified.stdout.contains("efficientnet-lite0 ") && verified.stdout.contains("damaged: ")
    );
    place.run("bases remove efficientnet-lite0").succeeded();
}

/// On a file system of one megabyte, where one can be mounted without leaving a trace.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_what_has_arrived_can_be_gone_on_with() {
    let place = Place::new();
    let (address, _) = mirror(weights(), Duration::ZERO);
    let get = format!("bases get mobilenetv2 --mirror {address}");
    if let Some((run, _)) = place.run_on_disk("bases", "1m", &get) {
        run.failed(1, &["No space left on device; make room there"]);
    }
}

#[test]
fn the_base_is_chosen_by_how_heads_do_on_pictures_that_they_have_not_seen() {
    let place = Place::with_pictures(12);
    let trained = place.run("train pictures --base auto --input-size 64 --json").succeeded().json();
    let compared = &trained[0];
    assert_eq!(compared["event"], "bases_compared");
    let bases = compared["comparison"]["bases"].as_array().unwrap();
    let mut names: Vec<&str> = bases.iter().map(|base| base["base"].as_str().unwrap()).collect();
    let best = names[0].to_owned();
    let accuracy = |index: usize| bases[index]["accuracy"].as_f64().unwrap();
    assert!(accuracy(0) >= accuracy(1) && bases[0]["pictures"] == 36, "{compared}");
    let behind = bases[1]["behind"].as_f64().unwrap();
    assert!((behind - (accuracy(0) - accuracy(1))).abs() < 1e-9, "{compared}");
    names.sort_unstable();
    assert_eq!(names, ["efficientnet-lite0", "mobilenetv2"]);
    // Training uses the chosen base, and choosing again gives the same base.
    let text = place.run("train pictures --base auto --input-size 64").succeeded().stdout;
    assert!(text.contains(&format!("\nChosen      {best}, ")), "{text}");
    assert!(text.contains(&format!("\nBase        {best} at 64 x 64")), "{text}");
    let weights = file("crates/bundled/assets/efficientnet_lite0.safetensors");
    let both = place.run(&format!("train pictures --base auto --weights {weights}"));
    assert_eq!(both.code, 2, "{both:?}");
    assert!(both.stderr.contains("cannot be combined with --weights"), "{}", both.stderr);
    let alone = place.run("train pictures --budget 5");
    assert_eq!(alone.code, 2, "{alone:?}");
    assert!(alone.stderr.contains("--budget requires --base auto"), "{}", alone.stderr);
}
