//! `headstart bases` and `headstart cache`.

use crate::support::{Place, keys};

/// The keys that describe a base of the cache, in the output of every action.
const ABOUT: [&str; 5] = ["fingerprint", "base", "input", "resizing", "compute"];

#[test]
fn bases_lists_every_base_and_which_are_bundled() {
    let place = Place::new();
    let bases = place.run("bases --json").succeeded().json();
    let names: Vec<&str> = bases.iter().map(|base| base["base"].as_str().unwrap()).collect();
    assert_eq!(names[0], "mobilenetv2");
    let bundled = |base: &&serde_json::Value| base["bundled"] == true;
    let bundled: Vec<_> = bases.iter().filter(bundled).map(|base| &base["base"]).collect();
    assert_eq!(bundled, ["mobilenetv2", "efficientnet-lite0"]);
    assert_eq!(bases[0]["widths"].to_string(), "[1.0,0.35,0.5,0.75,1.3,1.4]");
    assert_eq!((&bases[0]["params"], &bases[0]["features"]), (&2_257_984.into(), &1280.into()));

    let text = place.run("bases").succeeded().stdout;
    assert!(names.iter().all(|name| text.lines().any(|line| line.starts_with(name))), "{text}");
    assert!(text.contains("2,257,984") && text.contains("bundled"), "{text}");
}

#[test]
fn the_cache_says_what_it_holds_and_can_be_cleared() {
    let place = Place::with_pictures(3);
    let info = |place: &Place| place.run("cache info --json").succeeded().json_line();
    let empty = info(&place);
    assert_eq!(keys(&empty), ["path", "limit_bytes", "entries", "bytes", "bases"]);
    assert_eq!((&empty["bases"], &empty["entries"]), (&serde_json::json!([]), &0.into()));
    assert_eq!(empty["limit_bytes"], 10_u64 << 30);
    for size in [32, 48] {
        place.run(&format!("train pictures --input-size {size} --output m")).succeeded();
    }
    let full = info(&place);
    assert_eq!(full["entries"], 18);
    // The most recently used base comes first.
    let bases = full["bases"].as_array().unwrap();
    let inputs: Vec<_> = bases.iter().map(|base| base["input"].to_string()).collect();
    assert_eq!(inputs, ["[48,48]", "[32,32]"]);
    for (base, size) in bases.iter().zip([48, 32]) {
        assert_eq!(keys(base), [&ABOUT[..], &["entries", "bytes", "last_used"]].concat());
        let name = format!("mobilenetv2_1.00_{size}");
        assert_eq!((&base["entries"], base["base"].as_str()), (&9.into(), Some(name.as_str())));
    }
    let text = place.run("cache info").succeeded().stdout;
    for part in ["the features of 18 pictures with 2 bases, ", "at most 10.0 GiB", ", used "] {
        assert!(text.contains(part), "{text}");
    }

    place.write("cache/mine.txt", "not the cache's");
    let cleared = place.run("cache clear --json").succeeded().json_line();
    assert_eq!(keys(&cleared), ["path", "freed_bytes"]);
    assert_eq!(cleared["freed_bytes"], full["bytes"]);
    assert_eq!(info(&place)["bytes"], 0);
    assert_eq!(place.below("cache"), ["mine.txt"], "only what is its own is deleted");
}

#[test]
fn damage_in_the_cache_is_found_named_and_repaired() {
    let place = Place::with_pictures(3);
    let verify = |options: &str| place.run(&format!("cache verify --json {options}"));
    assert_eq!(verify("").succeeded().json_line()["sound"], 0, "no cache is no damage");
    place.run("train pictures --input-size 32 --output m").succeeded();
    let sound = verify("").succeeded().json_line();
    assert_eq!(keys(&sound), ["path", "sound", "damaged", "repaired", "bases"]);
    assert_eq!((&sound["sound"], &sound["damaged"]), (&9.into(), &0.into()));

    let namespace = format!("cache/{}", place.below("cache")[0]);
    let mut names = place.below(&namespace);
    names.retain(|name| name.ends_with(".data"));
    let data = place.path(&format!("{namespace}/{}", names[0]));
    let mut bytes = std::fs::read(&data).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&data, bytes).unwrap();
    let run = verify("");
    assert_eq!((run.code, run.stderr.lines().count()), (1, 1), "{run:?}");
    assert!(run.stderr.contains("--repair drops them"), "{}", run.stderr);
    let found = run.json_line();
    assert_eq!((&found["sound"], &found["damaged"]), (&8.into(), &1.into()));
    let base = &found["bases"][0];
    let health = ["sound", "damaged", "repaired", "other_version"];
    assert_eq!(keys(base), [&ABOUT[..], &health].concat());
    assert_eq!((&base["damaged"], &base["input"]), (&1.into(), &serde_json::json!([32, 32])));

    let text = place.run("cache verify --repair").succeeded().stdout;
    assert!(text.contains("1 entry dropped"), "{text}");
    assert_eq!(verify("").succeeded().json_line()["sound"], 8);
    let again = place.run("features pictures --input-size 32 --output f.npy --json").succeeded();
    assert_eq!(again.json_line()["from_cache"], 8);
}

#[test]
fn the_cache_keeps_to_its_limit_and_forgets_what_was_not_used() {
    let place = Place::with_pictures(6);
    let features = |limit: &str| {
        place
            .run(&format!("features pictures --input-size 32 --output f.npy --cache-limit {limit}"))
    };
    let bytes =
        || place.run("cache info --json").succeeded().json_line()["bytes"].as_u64().unwrap();
    let small = features("50kB");
    assert_eq!((small.code, small.stderr.lines().count()), (0, 1), "{}", small.stderr);
    assert!(small.stderr.contains("the limit is reached: see --cache-limit"), "{}", small.stderr);
    assert!((5_000..=50_000).contains(&bytes()), "{}", bytes());
    features("none").succeeded();
    assert!(bytes() > 18 * 5_000);
    let freed = |age: &str| {
        let run = place.run(&format!("cache clear --older-than {age} --json")).succeeded();
        run.json_line()["freed_bytes"].as_u64().unwrap()
    };
    assert_eq!(freed("1h"), 0);
    assert!(freed("0h") > 18 * 5_000);
}

#[test]
fn the_cache_folder_can_be_named_or_left_unused() {
    let place = Place::with_pictures(3);
    place.run("train pictures --input-size 32 --output m --cache-dir elsewhere").succeeded();
    assert_eq!(place.below("."), ["elsewhere", "m", "pictures"]);
    place.run("train pictures --input-size 32 --output m --no-cache").succeeded();
    assert_eq!(place.below("."), ["elsewhere", "m", "pictures"]);
}
