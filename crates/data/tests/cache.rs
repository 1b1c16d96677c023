//! The cache under everything that happens to files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use headstart_data::cache::{Entry, FeatureCache, Fingerprint, Key, clear, info};
use headstart_data::decode::{Format, Header};
use headstart_data::{ContentHash, Facts};

const PRINT: Fingerprint = Fingerprint([0xAB; 32]);
const DIM: usize = 5;

fn key(n: u32) -> Key {
    Key::of(&n.to_le_bytes())
}

fn entry(n: u32) -> Entry {
    let features = (0..DIM).map(|i| n as f32 + i as f32 / 7.0).collect();
    Entry { content: ContentHash(key(n + 1_000_000).0), features, facts: facts(n) }
}

fn facts(n: u32) -> Facts {
    let header = Header { format: Format::WebP, width: n, height: n + 1, orientation: 6 };
    Facts::new(&header, &[n as u8; 2 * 3], 1)
}

fn open(root: &Path) -> FeatureCache {
    FeatureCache::open(root, &PRINT, DIM)
}

fn files(root: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(root.join(PRINT.to_string())) else { return Vec::new() };
    folder.map(|e| e.unwrap().path()).filter(|p| p.extension().unwrap() == ending).collect()
}

/// A cache with entries `0..n` in one segment.
fn filled(n: u32) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let cache = open(root.path());
    (0..n).for_each(|i| cache.put(&key(i), &entry(i)));
    assert_eq!(cache.warning(), None);
    root
}

/// How many of the entries `0..n` are there; those that are must be right.
fn sound(cache: &FeatureCache, n: u32) -> usize {
    (0..n)
        .filter(|&i| match cache.get(&key(i)) {
            Some(found) => {
                assert_eq!(found, entry(i));
                true
            }
            None => false,
        })
        .count()
}

#[test]
fn what_is_put_can_be_had_at_once_and_by_the_next_run() {
    let root = filled(40);
    let cache = open(root.path());
    cache.put(&key(40), &entry(40));
    assert_eq!(sound(&cache, 41), 41);
    assert_eq!(sound(&open(root.path()), 41), 41);
    assert_eq!(cache.content(&key(7)), Some(entry(7).content));
    assert_eq!(cache.get(&key(99)), None);
}

#[test]
fn special_values_keep_their_bits() {
    let root = tempfile::tempdir().unwrap();
    let features =
        vec![f32::from_bits(0x7FC0_1234), -0.0, f32::INFINITY, f32::MIN_POSITIVE / 2.0, f32::MAX];
    open(root.path()).put(
        &key(0),
        &Entry { content: ContentHash([1; 16]), features: features.clone(), facts: facts(0) },
    );
    let found = open(root.path()).get(&key(0)).unwrap().features;
    let bits = |f: &[f32]| f.iter().map(|f| f.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&found), bits(&features));
}

#[test]
fn a_run_that_adds_nothing_leaves_no_file() {
    let root = filled(3);
    let cache = open(root.path());
    (0..3).for_each(|i| cache.put(&key(i), &entry(i)));
    assert_eq!(files(root.path(), "keys").len(), 1);
    let nothing = root.path().join("nothing");
    open(&nothing);
    assert!(!nothing.exists());
}

#[test]
fn other_weights_or_another_width_see_nothing() {
    let root = filled(3);
    assert!(FeatureCache::open(root.path(), &Fingerprint([0xAC; 32]), DIM).is_empty());
    let wider = FeatureCache::open(root.path(), &PRINT, DIM + 1);
    assert!(wider.is_empty());
    wider.put(
        &key(0),
        &Entry { content: ContentHash([0; 16]), features: vec![0.0; DIM + 1], facts: facts(0) },
    );
    assert_eq!(sound(&open(root.path()), 3), 3);
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
            // And the run that finds it so repairs it.
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
            // Nothing reads the header of the data.
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
fn threads_with_one_handle_and_with_several_do_not_disturb_each_other() {
    let root = tempfile::tempdir().unwrap();
    let shared = open(root.path());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (shared, root) = (&shared, root.path());
            scope.spawn(move || {
                let own = open(root);
                for i in 0..100 {
                    shared.put(&key(i), &entry(i));
                    own.put(&key(100 + thread * 100 + i), &entry(100 + thread * 100 + i));
                    assert_eq!(shared.get(&key(i)), Some(entry(i)));
                }
            });
        }
    });
    assert_eq!(sound(&open(root.path()), 500), 500);
}

/// Not a test of its own: what a child process of the next ones does.
#[test]
fn child() {
    let Ok(root) = std::env::var("HEADSTART_CACHE_CHILD") else { return };
    let cache = open(Path::new(&root));
    for i in 0.. {
        cache.put(&key(i), &entry(i));
        if i >= 2000 && std::env::var("HEADSTART_CACHE_FOREVER").is_err() {
            break;
        }
    }
}

fn spawn_child(root: &Path, forever: bool) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child"]).env("HEADSTART_CACHE_CHILD", root);
    if forever {
        command.env("HEADSTART_CACHE_FOREVER", "1");
    }
    command.stdout(std::process::Stdio::null()).spawn().unwrap()
}

#[test]
fn two_processes_at_once_write_side_by_side() {
    let root = tempfile::tempdir().unwrap();
    let mut children = [spawn_child(root.path(), false), spawn_child(root.path(), false)];
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    assert_eq!(sound(&open(root.path()), 2001), 2001);
}

#[test]
fn a_killed_process_leaves_what_it_had_written() {
    let root = tempfile::tempdir().unwrap();
    let mut child = spawn_child(root.path(), true);
    let written =
        || files(root.path(), "keys").first().map_or(0, |f| fs::metadata(f).unwrap().len());
    while written() < 56 + 40 * 100 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let expected = (written() - 56) / 40;
    let cache = open(root.path());
    assert_eq!(cache.len() as u64, expected);
    assert_eq!(sound(&cache, expected as u32) as u64, expected);
}

/// A cache of many segments with two entries each, of which one is the neighbour's too.
fn scattered(segments: u32) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    // Opened all before the first writes, so that none sees the others' and none merges.
    let caches: Vec<_> = (0..segments).map(|_| open(root.path())).collect();
    for (i, cache) in (0..).zip(&caches) {
        cache.put(&key(i), &entry(i));
        cache.put(&key(i + 1), &entry(i + 1));
    }
    root
}

#[test]
fn many_small_segments_become_one_that_has_each_entry_once() {
    let few = scattered(16);
    assert_eq!(sound(&open(few.path()), 17), 17);
    assert_eq!(files(few.path(), "keys").len(), 16);

    let root = scattered(40);
    let before = info(root.path()).unwrap();
    assert_eq!((before.namespaces, before.entries), (1, 41));
    // Who only reads merges nothing.
    assert_eq!(sound(&FeatureCache::open_read_only(root.path(), &PRINT, DIM), 41), 41);
    assert_eq!(files(root.path(), "keys").len(), 40);
    // Whoever opened it before finds what was moved.
    let old = open_without_merging(root.path());
    assert_eq!(sound(&open(root.path()), 41), 41);
    assert_eq!((files(root.path(), "keys").len(), files(root.path(), "data").len()), (1, 1));
    assert_eq!(sound(&old, 41), 41);
    let after = info(root.path()).unwrap();
    assert_eq!((after.namespaces, after.entries), (1, 41));
    assert!(after.bytes * 3 < before.bytes * 2);
    clear(root.path()).unwrap();
    assert!(!root.path().exists());
}

fn open_without_merging(root: &Path) -> FeatureCache {
    FeatureCache::open_read_only(root, &PRINT, DIM)
}

#[test]
fn segments_of_another_width_are_left_as_they_are() {
    let root = scattered(40);
    drop(FeatureCache::open(root.path(), &PRINT, DIM + 1));
    assert_eq!(files(root.path(), "keys").len(), 40);
    assert_eq!(sound(&open(root.path()), 41), 41);
}

#[test]
fn nothing_is_merged_while_a_process_writes() {
    let root = scattered(40);
    let mut child = spawn_child(root.path(), true);
    // It has merged what it found, and begun a segment of its own.
    while files(root.path(), "keys").len() > 2 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let last = || files(root.path(), "keys").iter().map(|f| fs::metadata(f).unwrap().len()).max();
    while last() < Some(56 + 40 * 200) {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let more = tempfile::tempdir().unwrap();
    let source = scattered(40);
    fs::rename(source.path().join(PRINT.to_string()), more.path().join("x")).unwrap();
    for file in fs::read_dir(more.path().join("x")).unwrap() {
        let file = file.unwrap();
        if file.file_name() != "writers.lock" {
            let to = root.path().join(PRINT.to_string()).join(file.file_name());
            fs::rename(file.path(), to).unwrap();
        }
    }
    assert_eq!(sound(&open(root.path()), 41), 41);
    assert!(files(root.path(), "keys").len() >= 41);
    child.kill().unwrap();
    child.wait().unwrap();
    // The system has freed its lock.
    assert_eq!(sound(&open(root.path()), 41), 41);
    assert!(files(root.path(), "keys").len() <= 2);
}

#[test]
fn a_merge_that_is_killed_anywhere_loses_nothing_and_is_made_up_for() {
    // What a killed merge leaves, by how far it came: leftovers beside the old segments, or the
    // new segment beside some of the old ones.
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
        // The old ones come back, all but those that were deleted by then.
        for file in fs::read_dir(kept.path()).unwrap().skip(left * 2) {
            let file = file.unwrap();
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
        // The beginnings of a new one.
        fs::copy(kept.path().join(some.file_name().unwrap()), folder.join("half.part")).unwrap();
        fs::write(folder.join("half.data"), b"hstfeat\n\x01").unwrap();
        assert_eq!(sound(&open(root.path()), 41), 41, "{left}");
        assert_eq!(sound(&open(root.path()), 41), 41, "{left}");
    }
    let read_only = open_without_merging(root.path());
    assert_eq!(sound(&read_only, 41), 41);
}

#[test]
fn processes_that_merge_and_write_at_once_lose_nothing() {
    let root = scattered(40);
    let mut children: Vec<_> = (0..3).map(|_| spawn_child(root.path(), false)).collect();
    for _ in 0..20 {
        assert_eq!(sound(&open(root.path()), 41), 41);
    }
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    assert_eq!(sound(&open(root.path()), 2001), 2001);
}

#[test]
fn who_only_reads_leaves_no_file() {
    let root = filled(3);
    let before = info(root.path()).unwrap();
    let cache = FeatureCache::open_read_only(root.path(), &PRINT, DIM);
    assert_eq!(sound(&cache, 3), 3);
    cache.put(&key(3), &entry(3));
    assert_eq!((cache.get(&key(3)), cache.warning()), (None, None));
    assert_eq!(info(root.path()).unwrap(), before);
    let nothing = root.path().join("nothing");
    FeatureCache::open_read_only(&nothing, &PRINT, DIM).put(&key(0), &entry(0));
    assert!(!nothing.exists());
}

#[cfg(target_os = "linux")]
#[test]
fn few_files_are_kept_open() {
    let root = scattered(300);
    let open_files = || {
        let links = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let ours = |f: &fs::DirEntry| fs::read_link(f.path()).is_ok_and(|to| to.starts_with(&root));
        links.filter(ours).count()
    };
    let cache = open_without_merging(root.path());
    assert_eq!(sound(&cache, 301), 301);
    assert!(open_files() <= 64, "{}", open_files());
    drop(cache);
    assert_eq!(open_files(), 0);
}

#[test]
fn a_root_that_cannot_be_written_gives_one_warning_and_stops_nothing() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let cache = open(&file);
    assert_eq!(cache.warning(), None);
    (0..3).for_each(|i| cache.put(&key(i), &entry(i)));
    let warning = cache.warning().unwrap();
    assert!(warning.starts_with(&file.display().to_string()), "{warning}");
    assert!(warning.contains("features cannot be kept (") && !warning.contains('\n'), "{warning}");
    assert_eq!(cache.get(&key(0)), None);
}

#[test]
fn info_counts_and_clear_deletes_only_the_caches_own() {
    let root = filled(3);
    FeatureCache::open(root.path(), &Fingerprint([1; 32]), DIM).put(&key(0), &entry(0));
    let found = info(root.path()).unwrap();
    assert_eq!((found.namespaces, found.entries), (2, 4));
    let mine = [
        root.path().join("thesis.txt"),
        root.path().join(PRINT.to_string()).join("notes.txt"),
        root.path().join(PRINT.to_string()).join("other.data"),
    ];
    mine.iter().for_each(|path| fs::write(path, "mine, not the cache's").unwrap());
    assert_eq!(clear(root.path()).unwrap(), found.bytes);
    assert!(mine.iter().all(|path| path.exists()));
    assert_eq!(info(root.path()).unwrap(), Default::default());
    assert!(open(root.path()).is_empty());
    mine.iter().for_each(|path| fs::remove_file(path).unwrap());
    clear(root.path()).unwrap();
    assert!(!root.path().exists());
    assert_eq!(info(root.path()).unwrap(), Default::default());
}
