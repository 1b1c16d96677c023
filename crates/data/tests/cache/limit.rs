//! A cache respects its limit, and evicts the least recently used segments first.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use headstart_data::Facts;
use headstart_data::cache::{
    CacheConfig, FeatureCache, Fingerprint, Limit, NotKept, clear_unused_since, info,
};

use crate::{DIM, entry, files, key, open, open_as, open_within, sound};

/// Bytes per entry, most of which are checksums and hashes.
const ENTRY: u64 = (40 + 4 * DIM + Facts::BYTES + 8) as u64;

fn held(root: &Path) -> u64 {
    info(root).unwrap().bytes
}

fn ago(hours: u64) -> SystemTime {
    SystemTime::now() - Duration::from_secs(3600 * hours)
}

/// Makes everything used just now look as if last used `hours` ago.
fn age(root: &Path, hours: u64) {
    for data in files(root, "data") {
        let file = File::options().append(true).open(data).unwrap();
        if file.metadata().unwrap().modified().unwrap() > ago(1) {
            file.set_modified(ago(hours)).unwrap();
        }
    }
}

#[test]
fn runs_that_add_up_to_more_stay_within_the_limit_and_keep_the_latest() {
    for limit in [60 * ENTRY, 100 * ENTRY, 333 * ENTRY + 17] {
        let root = tempfile::tempdir().unwrap();
        for run in 0..12 {
            age(root.path(), 24 - u64::from(run));
            let cache = open_within(root.path(), limit);
            for i in run * 30..(run + 1) * 30 {
                cache.put(&key(i), &entry(i));
                assert!(held(root.path()) <= limit, "{limit}, entry {i}");
            }
            assert_eq!(cache.warning(), None);
        }
        let cache = open(root.path());
        assert!((330..360).all(|i| cache.get(&key(i)) == Some(entry(i))), "{limit}");
        assert_eq!(cache.get(&key(0)), None, "{limit}");
        let (kept, room) = (sound(&cache, 360) as u64, limit / ENTRY);
        assert!(kept * 2 >= room, "{limit}: {kept} of {room}");
    }
}

#[test]
fn what_was_used_longest_ago_goes_first_whatever_base_it_is_of() {
    let root = tempfile::tempdir().unwrap();
    let other = Fingerprint([7; 32]);
    for (first, hours) in [(0, 3), (20, 2)] {
        let cache = open(root.path());
        (first..first + 20).for_each(|i| cache.put(&key(i), &entry(i)));
        drop(cache);
        age(root.path(), hours);
    }
    // Reading from the older one makes it the more recently used one.
    assert!(open(root.path()).get(&key(0)).is_some());
    let config = CacheConfig { limit: Limit(Some(55 * ENTRY)), about: None };
    let cache = FeatureCache::open(root.path(), &other, DIM, config);
    (0..20).for_each(|i| cache.put(&key(i), &entry(i)));
    assert_eq!((sound(&cache, 20), cache.warning()), (20, None));
    let first = open(root.path());
    assert_eq!(sound(&first, 40), 20);
    assert!(first.get(&key(0)).is_some());
}

#[test]
fn what_is_being_written_or_read_by_this_process_stays() {
    let root = tempfile::tempdir().unwrap();
    let read = open(root.path());
    (0..20).for_each(|i| read.put(&key(i), &entry(i)));
    drop(read);
    let writing = open_as(root.path(), &Fingerprint([7; 32]), DIM);
    (0..20).for_each(|i| writing.put(&key(i), &entry(i)));
    let cache = open_within(root.path(), 50 * ENTRY);
    assert!(cache.get(&key(3)).is_some());
    (20..60).for_each(|i| cache.put(&key(i), &entry(i)));
    assert_eq!(sound(&writing, 20), 20);
    assert!(held(root.path()) <= 50 * ENTRY);
    let kept = sound(&open(root.path()), 60);
    assert!((20..30).contains(&kept), "{kept}");
    assert_eq!(cache.warning().unwrap().reason, NotKept::LimitReached);
}

#[test]
fn a_run_over_more_than_fits_keeps_the_same_every_time_and_warns_once() {
    let root = tempfile::tempdir().unwrap();
    let limit = 100 * ENTRY;
    let mut kept = Vec::new();
    for _ in 0..3 {
        let cache = open_within(root.path(), limit);
        kept.push(sound(&cache, 200));
        (0..200).for_each(|i| cache.put(&key(i), &entry(i)));
        let warning = cache.warning().unwrap().to_string();
        assert!(warning.contains("the limit is reached") && !warning.contains('\n'), "{warning}");
        assert!(held(root.path()) <= limit);
    }
    assert!(kept[0] == 0 && kept[1] > 70 && kept[1] == kept[2], "{kept:?}");
    // A file in place of the cache.
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    let cache = open_within(&file, limit);
    cache.put(&key(0), &entry(0));
    let warning = cache.warning().unwrap().to_string();
    assert!(warning.contains("features cannot be kept (Not a directory)"), "{warning}");
    // A limit so small that nothing fits.
    let root = tempfile::tempdir().unwrap();
    let cache = open_within(root.path(), ENTRY);
    cache.put(&key(0), &entry(0));
    assert!(cache.warning().is_some() && cache.get(&key(0)).is_none());
    assert_eq!(held(root.path()), 0);
}

#[test]
fn who_holds_what_another_process_drops_computes_it_again() {
    let root = tempfile::tempdir().unwrap();
    let first = open(root.path());
    (0..20).for_each(|i| first.put(&key(i), &entry(i)));
    drop(first);
    let reader = open(root.path());
    assert_eq!(reader.len(), 20);
    for file in files(root.path(), "keys").into_iter().chain(files(root.path(), "data")) {
        fs::remove_file(file).unwrap();
    }
    assert_eq!((reader.get(&key(0)), reader.len()), (None, 0));
    (0..20).for_each(|i| reader.put(&key(i), &entry(i)));
    assert_eq!(sound(&open(root.path()), 20), 20);
}

#[test]
fn what_was_not_used_for_a_while_can_be_cleared() {
    let root = tempfile::tempdir().unwrap();
    for (first, hours) in [(0, 50), (20, 30), (40, 0)] {
        let cache = open(root.path());
        (first..first + 20).for_each(|i| cache.put(&key(i), &entry(i)));
        drop(cache);
        if hours > 0 {
            age(root.path(), hours);
        }
    }
    assert_eq!(clear_unused_since(root.path(), ago(60)).unwrap(), 0);
    assert!(clear_unused_since(root.path(), ago(20)).unwrap() >= 40 * ENTRY);
    assert_eq!((sound(&open(root.path()), 60), files(root.path(), "keys").len()), (20, 1));
}
