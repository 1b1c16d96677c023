//! Damage is detected, loses only the damaged records, and can be repaired.

use std::fs;
use std::path::Path;

use headstart_data::Facts;
use headstart_data::cache::{BaseHealth, verify};
use proptest::prelude::*;

use crate::{DIM, entry, files, filled, key, open, sound};

/// The health of the only base.
fn health(root: &Path, repair: bool) -> BaseHealth {
    let mut found = verify(root, repair, &mut |_, _| true).unwrap().unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// Sound, damaged and dropped records.
fn counts(health: &BaseHealth) -> (u64, u64, u64) {
    (health.sound, health.damaged, health.repaired)
}

#[test]
fn a_segment_cut_at_any_byte_gives_its_whole_entries() {
    let root = filled(3);
    for ending in ["keys", "data"] {
        let file = files(root.path(), ending).remove(0);
        let whole = fs::read(&file).unwrap();
        for length in 0..whole.len() {
            fs::write(&file, &whole[..length]).unwrap();
            let cache = open(root.path());
            let before = sound(&cache, 3);
            assert!(before < 3, "{ending} cut to {length}");
            // And the run that detects it repairs it.
            (0..3).for_each(|i| cache.put(&key(i), &entry(i)));
            assert_eq!(sound(&cache, 3), 3);
            files(root.path(), "keys").into_iter().chain(files(root.path(), "data")).for_each(
                |f| {
                    if f.file_stem() != file.file_stem() {
                        fs::remove_file(f).unwrap();
                    }
                },
            );
        }
        fs::write(&file, &whole).unwrap();
        assert_eq!(sound(&open(root.path()), 3), 3);
    }
}

#[test]
fn a_damaged_byte_costs_entries_and_never_gives_wrong_ones() {
    let root = filled(3);
    for ending in ["keys", "data"] {
        let file = files(root.path(), ending).remove(0);
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            fs::write(&file, damaged).unwrap();
            let cache = open(root.path());
            // The header of the data file is never read.
            assert!(sound(&cache, 3) >= if at < 56 { 0 } else { 2 }, "{ending} at {at}");
            (0..3).for_each(|i| cache.put(&key(i), &entry(i)));
            assert_eq!(sound(&cache, 3), 3, "{ending} at {at}");
            drop(cache);
            for f in files(root.path(), "keys").into_iter().chain(files(root.path(), "data")) {
                if f.file_stem() != file.file_stem() {
                    fs::remove_file(f).unwrap();
                }
            }
        }
        fs::write(&file, &whole).unwrap();
    }
}

#[test]
fn what_cannot_be_read_now_is_not_damaged_and_not_written_again() {
    let root = filled(3);
    let cache = open(root.path());
    let data = files(root.path(), "data").remove(0);
    let away = data.with_extension("away");
    fs::rename(&data, &away).unwrap();
    // A folder can be opened, but reading it is an error.
    fs::create_dir(&data).unwrap();
    assert_eq!(sound(&cache, 3), 0);
    (0..3).for_each(|i| cache.put(&key(i), &entry(i)));
    assert_eq!(files(root.path(), "keys").len(), 1);
    fs::remove_dir(&data).unwrap();
    fs::rename(&away, &data).unwrap();
    assert_eq!(sound(&open(root.path()), 3), 3);
}

#[test]
fn verifying_finds_what_is_lost_and_repair_drops_just_that() {
    type Damage = fn(&mut Vec<u8>);
    const HEADER: usize = 56;
    const KEY: usize = 40;
    const RECORD: usize = 4 * DIM + Facts::BYTES + 8;
    // Out of five records: the change to a file, and the number of records lost.
    let cases: [(&str, Damage, u64); 9] = [
        ("data", |_| {}, 0),
        ("data", |bytes| bytes[HEADER + RECORD] ^= 1, 1),
        ("data", |bytes| bytes[HEADER + 2 * RECORD..].fill(0), 3),
        ("data", |bytes| bytes.truncate(HEADER + RECORD + 5), 4),
        ("data", Vec::clear, 5),
        ("keys", |bytes| bytes[HEADER + KEY - 1] ^= 0x80, 1),
        // The last record may be one whose key was never written.
        ("keys", |bytes| bytes.truncate(HEADER + KEY), 3),
        ("keys", |bytes| bytes[3] ^= 1, 5),
        ("keys", |bytes| bytes[50] ^= 1, 5),
    ];
    for (n, (ending, damage, lost)) in cases.into_iter().enumerate() {
        let root = filled(5);
        let file = files(root.path(), ending).remove(0);
        let mut bytes = fs::read(&file).unwrap();
        damage(&mut bytes);
        fs::write(&file, bytes).unwrap();
        let there = if ending == "keys" && lost == 3 { 1 } else { 5 - lost };
        assert_eq!(counts(&health(root.path(), false)), (there, lost, 0), "case {n}");
        assert_eq!(counts(&health(root.path(), true)), (there, lost, lost), "case {n}");
        let after = verify(root.path(), true, &mut |_, _| true).unwrap().unwrap();
        let left = after.first().map_or((0, 0, 0), counts);
        assert_eq!(left, (there, 0, 0), "case {n}");
        let cache = open(root.path());
        assert_eq!(sound(&cache, 5) as u64, there, "case {n}");
        (0..5).for_each(|i| cache.put(&key(i), &entry(i)));
        assert_eq!(sound(&open(root.path()), 5), 5, "case {n}");
    }
}

#[test]
fn verifying_can_be_stopped_and_leaves_other_versions_alone() {
    let root = filled(5);
    let mut told = Vec::new();
    let stopped = verify(root.path(), true, &mut |done, total| {
        told.push((done, total));
        done < 3
    });
    assert_eq!(stopped.unwrap(), None);
    assert_eq!(told, [(1, 5), (2, 5), (3, 5)]);

    let keys = files(root.path(), "keys").remove(0);
    let mut bytes = fs::read(&keys).unwrap();
    bytes[8] += 1;
    let sum = blake3::hash(&bytes[..48]);
    bytes[48..56].copy_from_slice(&sum.as_bytes()[..8]);
    fs::write(&keys, &bytes).unwrap();
    let found = health(root.path(), true);
    assert_eq!((counts(&found), found.foreign), ((0, 0, 0), 1));
    assert_eq!(fs::read(&keys).unwrap(), bytes);
    assert!(open(root.path()).is_empty());
}

#[test]
fn what_a_process_is_writing_to_is_not_repaired() {
    let root = filled(5);
    let data = files(root.path(), "data").remove(0);
    let mut bytes = fs::read(&data).unwrap();
    bytes[60] ^= 1;
    fs::write(&data, bytes).unwrap();
    let writing = open(root.path());
    writing.put(&key(9), &entry(9));
    assert_eq!(counts(&health(root.path(), true)), (5, 1, 0));
    drop(writing);
    assert_eq!(counts(&health(root.path(), true)), (5, 1, 1));
    assert_eq!(counts(&health(root.path(), true)), (5, 0, 0));
}

/// A change to a file: bytes overwritten, inserted, or cut off.
#[derive(Clone, Debug)]
enum Change {
    Overwrite(prop::sample::Index, Vec<u8>),
    Insert(prop::sample::Index, Vec<u8>),
    Cut(prop::sample::Index),
    Replace(Vec<u8>),
}

impl Change {
    fn make(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Overwrite(at, new) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                let end = bytes.len().min(at + new.len());
                bytes.splice(at..end, new.iter().copied());
            }
            Self::Overwrite(..) => {}
            Self::Insert(at, new) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Cut(at) => bytes.truncate(at.index(bytes.len() + 1)),
            Self::Replace(new) => bytes.clone_from(new),
        }
    }
}

fn change() -> impl Strategy<Value = (bool, Change)> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..100);
    let at = any::<prop::sample::Index>;
    let change = prop_oneof![
        4 => (at(), bytes()).prop_map(|(at, new)| Change::Overwrite(at, new)),
        2 => (at(), bytes()).prop_map(|(at, new)| Change::Insert(at, new)),
        2 => at().prop_map(Change::Cut),
        1 => prop::collection::vec(any::<u8>(), 0..400).prop_map(Change::Replace),
    ];
    (any::<bool>(), change)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn whatever_happens_to_the_files_no_wrong_entry_is_given_and_the_cache_heals(
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let root = filled(5);
        for (keys, change) in &changes {
            let file = files(root.path(), if *keys { "keys" } else { "data" }).remove(0);
            let mut bytes = fs::read(&file).unwrap();
            change.make(&mut bytes);
            fs::write(&file, bytes).unwrap();
        }
        // `sound` fails on an entry that differs from what was put.
        let there = sound(&open(root.path()), 5) as u64;
        let found = verify(root.path(), true, &mut |_, _| true).unwrap().unwrap();
        prop_assert_eq!(found.iter().map(|base| base.sound).sum::<u64>(), there);
        let after = verify(root.path(), false, &mut |_, _| true).unwrap().unwrap();
        prop_assert_eq!(after.iter().map(|base| base.damaged).sum::<u64>(), 0);
        let cache = open(root.path());
        prop_assert_eq!(sound(&cache, 5) as u64, there);
        (0..5).for_each(|i| cache.put(&key(i), &entry(i)));
        prop_assert_eq!(sound(&open(root.path()), 5), 5);
    }
}
