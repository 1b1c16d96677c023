//! `headstart bases` and `headstart cache`.

use crate::support::{Place, keys};

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
    assert_eq!(keys(&empty), ["path", "bases", "entries", "bytes"]);
    assert_eq!((&empty["bases"], &empty["entries"]), (&0.into(), &0.into()));
    for size in [32, 48] {
        place.run(&format!("train pictures --input-size {size} --output m")).succeeded();
    }
    let full = info(&place);
    assert_eq!((&full["bases"], &full["entries"]), (&2.into(), &18.into()));
    let text = place.run("cache info").succeeded().stdout;
    assert!(text.contains("the features of 18 pictures with 2 bases, "), "{text}");

    place.write("cache/mine.txt", "not the cache's");
    let cleared = place.run("cache clear --json").succeeded().json_line();
    assert_eq!(keys(&cleared), ["path", "freed_bytes"]);
    assert_eq!(cleared["freed_bytes"], full["bytes"]);
    assert_eq!(info(&place)["bytes"], 0);
    assert_eq!(place.below("cache"), ["mine.txt"], "only what is its own is deleted");
}

#[test]
fn the_cache_folder_can_be_named_or_left_unused() {
    let place = Place::with_pictures(3);
    place.run("train pictures --input-size 32 --output m --cache-dir elsewhere").succeeded();
    assert_eq!(place.below("."), ["elsewhere", "m", "pictures"]);
    place.run("train pictures --input-size 32 --output m --no-cache").succeeded();
    assert_eq!(place.below("."), ["elsewhere", "m", "pictures"]);
}
