//! Small segments are merged.

use std::fs;

use headstart_data::cache::{FeatureCache, clear, info};

use crate::{DIM, PRINT, files, open, open_as, open_without_merging, scattered, sound};

#[test]
fn many_small_segments_become_one_that_has_each_entry_once() {
    let few = scattered(16);
    assert_eq!(sound(&open(few.path()), 17), 17);
    assert_eq!(files(few.path(), "keys").len(), 16);

    let root = scattered(40);
    let before = info(root.path()).unwrap();
    assert_eq!((before.bases.len(), before.entries), (1, 41));
    // A read-only cache merges nothing.
    assert_eq!(sound(&FeatureCache::open_read_only(root.path(), &PRINT, DIM), 41), 41);
    assert_eq!(files(root.path(), "keys").len(), 40);
    // A cache opened before the merge finds the moved entries.
    let old = open_without_merging(root.path());
    assert_eq!(sound(&open(root.path()), 41), 41);
    assert_eq!((files(root.path(), "keys").len(), files(root.path(), "data").len()), (1, 1));
    assert_eq!(sound(&old, 41), 41);
    let after = info(root.path()).unwrap();
    assert_eq!((after.bases.len(), after.entries), (1, 41));
    assert!(after.bytes * 3 < before.bytes * 2);
    clear(root.path()).unwrap();
    assert!(!root.path().exists());
}

#[test]
fn what_is_merged_counts_as_used_when_it_was() {
    let root = scattered(40);
    let used = || info(root.path()).unwrap().bases[0].used;
    let before = used();
    drop(open(root.path()));
    assert_eq!((files(root.path(), "keys").len(), used()), (1, before));
}

#[test]
fn segments_of_another_width_are_left_as_they_are() {
    let root = scattered(40);
    drop(open_as(root.path(), &PRINT, DIM + 1));
    assert_eq!(files(root.path(), "keys").len(), 40);
    assert_eq!(sound(&open(root.path()), 41), 41);
}

#[test]
fn a_merge_that_is_killed_anywhere_loses_nothing_and_is_made_up_for() {
    // The remains of a killed merge, by its progress: leftovers beside the old segments, or the new segment beside some
    // of the old ones.
    let root = scattered(40);
    let folder = root.path().join(PRINT.to_string());
    let kept = tempfile::tempdir().unwrap();
    let old = || files(root.path(), "keys").into_iter().chain(files(root.path(), "data"));
    for file in old() {
        fs::copy(&file, kept.path().join(file.file_name().unwrap())).unwrap();
    }
    let some = files(root.path(), "keys").remove(0);
    drop(open(root.path()));
    for left in 0..40 {
        // Restores the old ones, except those deleted by then.
        for file in fs::read_dir(kept.path()).unwrap().skip(left * 2) {
            let file = file.unwrap();
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
        // An incomplete new segment.
        fs::copy(kept.path().join(some.file_name().unwrap()), folder.join("half.part")).unwrap();
        fs::write(folder.join("half.data"), b"hstfeat\n\x01").unwrap();
        assert_eq!(sound(&open(root.path()), 41), 41, "{left}");
        assert_eq!(sound(&open(root.path()), 41), 41, "{left}");
    }
    let read_only = open_without_merging(root.path());
    assert_eq!(sound(&read_only, 41), 41);
}
