//! `headstart features`: the three formats, read back.

use std::fs::{self, File};
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, ListAccessor, RowAccessor};
use safetensors::SafeTensors;

use crate::support::{CLASSES, Place, keys, repository};

/// Path, label and features of each picture.
type Table = Vec<(String, Option<String>, Vec<f32>)>;

type Read = fn(&Path) -> Table;

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn npy(path: &Path) -> Table {
    let bytes = fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!((10 + header) % 64, 0, "numpy aligns the data");
    let text = std::str::from_utf8(&bytes[10..10 + header]).unwrap();
    let start = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
    let shape = text.strip_prefix(start).unwrap().split_once("), }").unwrap().0;
    assert!(text.ends_with('\n'));
    let shape: Vec<usize> = shape.split(", ").map(|n| n.parse().unwrap()).collect();
    let values = floats(&bytes[10 + header..]);
    assert_eq!(values.len(), shape[0] * shape[1]);

    let table = fs::read_to_string(path.with_extension("npy.csv")).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("path,label"));
    let row = |(line, features): (&str, &[f32])| {
        let (path, label) = line.split_once(',').unwrap();
        let label = (!label.is_empty()).then(|| label.to_owned());
        (path.to_owned(), label, features.to_vec())
    };
    lines.zip(values.chunks(shape[1])).map(row).collect()
}

fn parquet(path: &Path) -> Table {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let row = |row: parquet::record::Row| {
        let label = match row.get_column_iter().nth(1).unwrap().1 {
            Field::Str(label) => Some(label.clone()),
            _ => None,
        };
        let list = row.get_list(2).unwrap();
        let features = (0..list.len()).map(|i| list.get_float(i).unwrap()).collect();
        (row.get_string(0).unwrap().clone(), label, features)
    };
    reader.get_row_iter(None).unwrap().map(|r| row(r.unwrap())).collect()
}

fn safetensors(path: &Path) -> Table {
    let bytes = fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    let list = |key: &str| serde_json::from_str::<Vec<String>>(&metadata[key]).unwrap();
    let (paths, classes) = (list("paths"), list("classes"));
    let features = tensors.tensor("features").unwrap();
    assert_eq!(features.shape()[0], paths.len());
    let labels = tensors.tensor("labels").unwrap();
    let labels = labels.data().as_chunks().0.iter().map(|b| i64::from_le_bytes(*b));
    let labels = labels.map(|label| usize::try_from(label).ok().map(|l| classes[l].clone()));
    let values = floats(features.data());
    let rows = values.chunks(features.shape()[1]).map(<[f32]>::to_vec);
    paths.into_iter().zip(labels).zip(rows).map(|((p, l), f)| (p, l, f)).collect()
}

#[test]
fn all_formats_hold_the_same_features_with_path_and_label() {
    let place = Place::with_pictures(3);
    // A picture in no class, and one that cannot be read.
    fs::copy(place.path(&place.picture()), place.path("pictures/loose.png")).unwrap();
    place.write("pictures/Bag/text.jpg", "this is no picture");
    let read: [(&str, Read); 3] =
        [("npy", npy), ("parquet", parquet), ("safetensors", safetensors)];
    let mut tables = Vec::new();
    for (index, (format, read)) in read.into_iter().enumerate() {
        let output = format!("features.{format}");
        let run = place.run(&format!("features pictures --output {output} --input-size 32 --json"));
        let done = run.succeeded().json_line();
        for key in ["event", "output", "pictures", "features", "from_cache", "skipped"] {
            assert!(keys(&done).contains(&key), "{key} is not in {done}");
        }
        assert_eq!((&done["pictures"], &done["features"]), (&10.into(), &1280.into()));
        // The loose picture is a copy of another, which one thread may have just computed.
        assert!(done["from_cache"].as_u64().unwrap() >= if index == 0 { 0 } else { 10 });
        assert_eq!(done["skipped"][0]["path"], "pictures/Bag/text.jpg");
        tables.push(read(&place.path(&output)));
    }
    let table = &tables[0];
    assert!(tables.iter().all(|other| other == table));
    assert_eq!(table.len(), 10);
    for (path, label, features) in table {
        let class = CLASSES.iter().find(|class| path.contains(*class)).map(|c| (*c).to_owned());
        assert_eq!((label, features.len()), (&class, 1280), "{path}");
        assert!(features.iter().all(|x| (0.0..=6.0).contains(x)), "{path}: out of ReLU6's range");
    }
    let loose = table.iter().find(|row| row.0 == "pictures/loose.png").unwrap();
    let original = table.iter().find(|row| row.0 == place.picture()).unwrap();
    assert_eq!(loose.2, original.2);
    let written = ["features.npy", "features.npy.csv", "features.parquet", "features.safetensors"];
    assert_eq!(place.below(".")[1..5], written);
}

#[test]
fn what_cannot_be_written_or_read_is_named_and_leaves_nothing() {
    let place = Place::with_pictures(1);
    place.write("file", "as it was");
    fs::create_dir(place.path("empty")).unwrap();
    place.write("broken/a/x.jpg", "text");
    place.write("broken/b/x.jpg", "text");
    for (arguments, parts) in [
        ("features pictures -o file/x.npy", ["file/x.npy", "cannot write"]),
        ("features pictures -o nowhere/x.npy", ["nowhere/x.npy", "cannot write"]),
        ("features empty -o x.npy", ["empty", "holds no pictures"]),
        ("features broken -o x.npy", ["broken/a/x.jpg", "can be read"]),
        ("features missing -o x.npy", ["missing", "No such file"]),
    ] {
        place.run(arguments).failed(1, &parts);
    }
    assert_eq!(place.below("."), ["broken", "empty", "file", "pictures"]);
}

#[test]
fn which_of_several_sets_of_weights_was_taken_is_told_beside_the_answer() {
    use headstart::formats::{read, safetensors::Stored, safetensors::write};
    let place = Place::with_pictures(1);
    let weights = read(repository("fixtures/pytorch_mobilenetv2/torchvision_0.35.pth")).unwrap();
    let mut sets = std::collections::BTreeMap::new();
    for (name, tensor) in &weights.tensors {
        let mut average = tensor.clone();
        average.data.iter_mut().for_each(|x| *x *= 2.0);
        sets.insert(format!("state_dict.{name}"), (tensor.clone(), Stored::F32));
        sets.insert(format!("state_dict_ema.{name}"), (average, Stored::F32));
    }
    let stored = sets.iter().map(|(name, (tensor, stored))| (name.as_str(), tensor, *stored));
    write(place.path("sets.safetensors"), stored, &Default::default()).unwrap();
    let features = "features pictures -o f.npy --weights sets.safetensors --input-size 32";
    let says = "those below 'state_dict_ema' are taken, not those below 'state_dict'";
    let run = place.run(features);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.starts_with("note: ") && run.stderr.contains(says), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    let run = place.run(&format!("{features} --json"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    let [note, done] = &run.json()[..] else { panic!("{}", run.stdout) };
    assert_eq!((&note["event"], &done["event"]), (&"note".into(), &"done".into()));
    assert!(note["message"].as_str().unwrap().contains(says), "{note}");
    place.run(&format!("{features} --weights-prefix state_dict")).succeeded();
    let run = place.run(&format!("{features} --weights-prefix model"));
    run.failed(2, &["no weights below 'model'", "state_dict, state_dict_ema"]);
}
