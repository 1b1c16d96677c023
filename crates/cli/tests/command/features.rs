//! `headstart features`: the three formats, read back.

use std::fs::{self, File};
use std::path::Path;

use headstart::{FeatureOrigin, Precision};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, ListAccessor, RowAccessor};
use safetensors::SafeTensors;

use crate::support::{CLASSES, Place, keys, repository};

/// Path, label and features of each picture.
type Table = Vec<(String, Option<String>, Vec<f32>)>;

type Read = fn(&Path) -> Table;

fn floats(bytes: &[u8], precision: Precision) -> Vec<f32> {
    let mut values = vec![f32::NAN; bytes.len() / precision.bytes()];
    precision.decode(bytes, &mut values);
    values
}

fn npy(path: &Path) -> Table {
    let bytes = fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!((10 + header) % 64, 0, "numpy aligns the data");
    let text = std::str::from_utf8(&bytes[10..10 + header]).unwrap();
    let precision = if text.contains("'<f2'") { Precision::F16 } else { Precision::F32 };
    let bytes_each = precision.bytes();
    let start = format!("{{'descr': '<f{bytes_each}', 'fortran_order': False, 'shape': (");
    let shape = text.strip_prefix(&start).unwrap().split_once("), }").unwrap().0;
    assert!(text.ends_with('\n'));
    let shape: Vec<usize> = shape.split(", ").map(|n| n.parse().unwrap()).collect();
    let values = floats(&bytes[10 + header..], precision);
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
        let value = |i| list.get_float(i).or_else(|_| list.get_float16(i).map(|x| x.to_f32()));
        let features = (0..list.len()).map(|i| value(i).unwrap()).collect();
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
    let is_half = features.dtype() == safetensors::Dtype::F16;
    let values = floats(features.data(), if is_half { Precision::F16 } else { Precision::F32 });
    let rows = values.chunks(features.shape()[1]).map(<[f32]>::to_vec);
    paths.into_iter().zip(labels).zip(rows).map(|((p, l), f)| (p, l, f)).collect()
}

#[test]
fn all_formats_hold_the_same_features_with_path_and_label() {
    let place = Place::with_pictures(3);
    // A picture outside all classes, and one that cannot be read.
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
        // The loose picture is a copy of another one, which another thread may just have computed.
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

const READERS: [(&str, Read); 3] =
    [("npy", npy), ("parquet", parquet), ("safetensors", safetensors)];

#[test]
fn half_precision_rounds_and_changes_nothing_else() {
    let place = Place::with_pictures(2);
    for (format, read) in READERS {
        let written = |dtype: &str| {
            let file = format!("{dtype}.{format}");
            let run = format!("features pictures -o {file} --input-size 32 --dtype {dtype}");
            place.run(&run).succeeded();
            (read(&place.path(&file)), fs::metadata(place.path(&file)).unwrap().len())
        };
        let ((mut whole, bytes), (half, half_bytes)) = (written("f32"), written("f16"));
        for value in whole.iter_mut().flat_map(|(.., features)| features) {
            let mut bytes = Vec::new();
            Precision::F16.encode(&[*value], &mut bytes);
            *value = floats(&bytes, Precision::F16)[0];
        }
        assert_eq!(half, whole, "{format}");
        let saved = 2 * 1280 * whole.len() as u64;
        assert!(bytes - half_bytes > saved * 9 / 10, "{format}: {bytes} and {half_bytes}");
    }
    let run = place.run("features pictures -o x.npy --dtype f8");
    assert!(run.code == 2 && run.stderr.contains("f32 and f16"), "{}", run.stderr);
}

/// The description of the base that a file of features contains.
fn origin(path: &Path) -> FeatureOrigin {
    let text = match path.extension().unwrap().to_str() {
        Some("parquet") => {
            let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
            let entries = reader.metadata().file_metadata().key_value_metadata().unwrap();
            let entry = entries.iter().find(|entry| entry.key == FeatureOrigin::KEY);
            entry.unwrap().value.clone().unwrap()
        }
        _ => {
            let (_, header) = SafeTensors::read_metadata(&fs::read(path).unwrap()).unwrap();
            header.metadata().as_ref().unwrap()[FeatureOrigin::KEY].clone()
        }
    };
    serde_json::from_str(&text).unwrap()
}

#[test]
fn parts_one_after_the_other_are_the_whole_and_say_which_they_are() {
    let place = Place::with_pictures(2);
    for (format, read) in READERS {
        let features = |file: &str, more: &str| {
            let file = format!("{file}.{format}");
            place.run(&format!("features pictures -o {file} --input-size 32 {more}")).succeeded();
            place.path(&file)
        };
        let whole = read(&features("whole", ""));
        // With more shards than pictures, some are empty.
        for count in [1, 4, 9] {
            let mut parts = Vec::new();
            for index in 1..=count {
                let file = features("part", &format!("--shard {index}/{count}"));
                parts.extend(read(&file));
                if format != "npy" {
                    let part = origin(&file).part.unwrap();
                    assert_eq!(part.shard.to_string(), format!("{index}/{count}"));
                    assert_eq!(part.pictures, 6);
                }
            }
            assert_eq!(parts, whole, "{format} in {count}");
        }
    }
    let (whole, part) = (origin(&place.path("whole.parquet")), origin(&place.path("part.parquet")));
    assert!(whole.is_same_base(&part) && whole.part.is_none());
    assert_eq!((&*whole.base, whole.preprocessing.height), ("mobilenetv2", 32));
    place.run("features pictures -o other.parquet --input-size 64").succeeded();
    assert!(!whole.is_same_base(&origin(&place.path("other.parquet"))));
    let run = place.run("features pictures -o x.npy --shard 10/9");
    assert!(run.code == 2 && run.stderr.contains("such as 3/16"), "{}", run.stderr);
}

#[test]
fn sides_groups_and_weights_are_written_where_there_are_any() {
    let place = Place::with_pictures(2);
    let picture = place.picture();
    let listed = format!(
        "path,label,split,group,weight\n{picture},a,train,\"g,1\",2\n{picture},b,validation,,1\n"
    );
    place.write("list.csv", &listed);
    for format in ["npy", "parquet", "safetensors"] {
        place.run(&format!("features list.csv -o x.{format} --input-size 32")).succeeded();
    }
    let table = fs::read_to_string(place.path("x.npy.csv")).unwrap();
    assert_eq!(table, listed);
    let reader = SerializedFileReader::new(File::open(place.path("x.parquet")).unwrap()).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    let names: Vec<_> = rows[0].get_column_iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names, ["path", "label", "features", "split", "group", "weight", "content"]);
    assert_eq!(rows[0].get_string(3).unwrap(), "train");
    assert_eq!(rows[0].get_string(4).unwrap(), "g,1");
    assert!(rows[1].get_string(4).is_err(), "no group");
    assert_eq!((rows[0].get_float(5).unwrap(), rows[1].get_float(5).unwrap()), (2.0, 1.0));
    assert_eq!(rows[0].get_bytes(6).unwrap(), rows[1].get_bytes(6).unwrap());
    let (_, header) =
        SafeTensors::read_metadata(&fs::read(place.path("x.safetensors")).unwrap()).unwrap();
    let metadata = header.metadata().as_ref().unwrap();
    assert_eq!(metadata["splits"], r#"["train","validation"]"#);
    assert_eq!(metadata["groups"], r#"["g,1",null]"#);
    assert_eq!(metadata["weights"], "[2.0,1.0]");
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
        ("features empty -o x.npy", ["empty", "contains no pictures"]),
        ("features broken -o x.npy", ["broken/a/x.jpg", "can be read"]),
        ("features missing -o x.npy", ["missing: cannot be read", "No such file"]),
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
