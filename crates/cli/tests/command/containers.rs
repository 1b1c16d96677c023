//! Pictures in archives and tables, and paths on standard input.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, Stdio};

use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::Value;

use crate::support::{CLASSES, Place, Run};

/// Packs everything below `folder` as `NAME/...`.
fn pack(place: &Place, folder: &str, archive: &str) {
    let mut tar = tar::Builder::new(fs::File::create(place.path(archive)).unwrap());
    tar.append_dir_all(folder, place.path(folder)).unwrap();
    tar.finish().unwrap();
}

/// Writes a Parquet table of these files.
fn table(path: &Path, files: &[std::path::PathBuf]) {
    let schema = "message m { required binary image; required binary label (UTF8); }";
    let schema = parse_message_type(schema).unwrap().into();
    let file = fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let pictures = files.iter().map(|file| ByteArray::from(fs::read(file).unwrap()));
    let class = |file: &std::path::PathBuf| file.parent().unwrap().file_name().unwrap().to_owned();
    let labels = files.iter().map(|file| ByteArray::from(class(file).to_str().unwrap()));
    for values in [pictures.collect::<Vec<_>>(), labels.collect()] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

/// Path and label of each row that `features` writes.
fn rows(place: &Place, arguments: &str) -> Vec<(String, String)> {
    place.run(&format!("features {arguments} -o x.npy --input-size 32")).succeeded();
    let table = fs::read_to_string(place.path("x.npy.csv")).unwrap();
    let row = |line: &str| {
        let (path, label) = line.split_once(',').unwrap();
        (path.to_owned(), label.to_owned())
    };
    table.lines().skip(1).map(row).collect()
}

fn features(place: &Place) -> Vec<u8> {
    fs::read(place.path("x.npy")).unwrap()
}

#[test]
fn features_of_an_archive_or_a_table_are_those_of_the_folder() {
    let place = Place::with_pictures(2);
    let folder = rows(&place, "pictures");
    let expected = features(&place);

    pack(&place, "pictures", "packed.tar");
    let archive = rows(&place, "packed.tar");
    assert_eq!(features(&place), expected);
    for ((path, label), (packed, packed_label)) in folder.iter().zip(&archive) {
        assert_eq!((&format!("packed.tar/{path}"), label), (packed, packed_label));
    }

    let files: Vec<_> = folder.iter().map(|(path, _)| place.path(path)).collect();
    table(&place.path("table.parquet"), &files);
    let table = rows(&place, "table.parquet");
    assert_eq!(features(&place), expected);
    for (row, ((_, label), (name, table_label))) in folder.iter().zip(&table).enumerate() {
        assert_eq!((&format!("table.parquet/{row}"), label), (name, table_label));
    }

    assert_eq!(rows(&place, "packed.tar table.parquet pictures").len(), 18);
}

#[test]
fn archives_are_predicted_and_measured_on() {
    let place = Place::with_model();
    pack(&place, "pictures", "packed.tar");
    let lines = place.run("predict model.safetensors packed.tar --json").succeeded().json();
    assert_eq!(lines.len(), 18);
    assert!(lines[0]["path"].as_str().unwrap().starts_with("packed.tar/pictures/Bag/"));

    let run = place.run("evaluate model.safetensors packed.tar --json");
    assert_eq!((run.code, &run.json_line()["learned_from"]), (0, &15.into()), "{run:?}");
    assert_eq!(
        (&run.json_line()["pictures"], &run.json_line()["classes"]),
        (&18.into(), &CLASSES[..].into())
    );
    place.write("x.tar.gz", b"\x1F\x8B\x08\0");
    place
        .run("predict model.safetensors x.tar.gz")
        .failed(1, &["x.tar.gz: packed by gzip", "unpack it"]);
    place.run("evaluate model.safetensors x.tar.gz").failed(1, &["x.tar.gz: packed by gzip"]);
}

#[test]
fn training_on_an_archive_is_training_on_the_folder_that_was_packed() {
    let place = Place::with_pictures(6);
    pack(&place, "pictures", "packed.tar");
    fs::create_dir(place.path("shards")).unwrap();
    for class in CLASSES {
        pack(&place, &format!("pictures/{class}"), &format!("shards/{class}.tar"));
    }
    let files: Vec<_> = CLASSES
        .iter()
        .flat_map(|class| {
            let folder = format!("pictures/{class}");
            let names = place.below(&folder);
            names.into_iter().map(|name| place.path(&folder).join(name)).collect::<Vec<_>>()
        })
        .collect();
    table(&place.path("table.parquet"), &files);
    let train = |source: &str| {
        let run =
            place.run(&format!("train {source} --input-size 32 --output {source}.model --json"));
        let mut done = run.succeeded().json().pop().unwrap();
        ["val_loss", "train", "classes", "skipped"].map(|key| done[key].take())
    };
    let expected = train("pictures");
    assert_eq!(expected[1], 15);
    for source in ["packed.tar", "shards", "table.parquet"] {
        assert_eq!(train(source), expected, "{source}");
    }
    // Pictures are held back by name: the ones that training on the archive has not seen.
    let run = place
        .run("fine-tune packed.tar.model packed.tar --at 150 --epochs 1 --batch-size 8 --json");
    assert_eq!(run.succeeded().json().pop().unwrap()["train"], 15);
    let run = place.run("lr-find packed.tar --input-size 32 --steps 20 --batch-size 8 --json");
    assert_eq!(run.json().pop().unwrap()["train"], 15);

    place.run("train x.tar").failed(1, &["x.tar: no such file or folder"]);
    place.write("half.zip", b"PK\x03\x04 and no more");
    place.run("train half.zip -o m").failed(1, &["half.zip: a ZIP archive without its end"]);
}

#[test]
fn answers_appear_as_paths_arrive_on_standard_input() {
    let place = Place::with_model();
    place.write("text.jpg", "this is no picture");
    let mut process = place.process();
    process.args(["predict", "model.safetensors", "-", "--json"]);
    process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = process.spawn().unwrap();
    let mut input: ChildStdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let picture = place.picture();
    // Each path is answered before the next one is sent.
    for (path, key) in [
        (picture.as_str(), "label"),
        ("missing.jpg", "error"),
        ("text.jpg", "error"),
        (picture.as_str(), "label"),
    ] {
        writeln!(input, "{path}").unwrap();
        let answer: Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
        assert_eq!(answer["path"], path);
        assert!(answer[key].is_string(), "{answer}");
    }
    // A folder gives one answer per picture.
    writeln!(input, "pictures").unwrap();
    drop(input);
    assert_eq!(answers.count(), 18);
    assert_eq!(child.wait().unwrap().code(), Some(1), "two could not be read");
}

fn with_input(place: &Place, arguments: &str, input: &[u8]) -> Run {
    let mut command = assert_cmd::Command::from_std({
        let mut process = place.process();
        process.args(arguments.split_whitespace());
        process
    });
    Run::of(command.write_stdin(input).output().unwrap())
}

#[test]
fn paths_may_end_with_a_nul_and_hold_any_bytes() {
    let place = Place::with_model();
    let picture = place.picture();
    fs::copy(place.path(&picture), place.path("two\nlines.png")).unwrap();
    let input = format!("two\nlines.png\0{picture}\0");
    for option in ["--null", "-0"] {
        let run = with_input(
            &place,
            &format!("predict model.safetensors - {option} --json"),
            input.as_bytes(),
        );
        let paths: Vec<_> =
            run.succeeded().json().iter().map(|line| line["path"].clone()).collect();
        assert_eq!(paths, ["two\nlines.png", &picture]);
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"\xFF.png");
        fs::copy(place.path(&picture), place.path("x").with_file_name(name)).unwrap();
        with_input(&place, "predict model.safetensors -", b"\xFF.png\n").succeeded();
    }
    let run = with_input(
        &place,
        "features - -o x.npy --input-size 32 --json",
        format!("{picture}\npictures\n").as_bytes(),
    );
    assert_eq!(run.succeeded().json_line()["pictures"], 19);
    let nothing = with_input(&place, "predict model.safetensors -", b"").succeeded();
    assert_eq!(nothing.stdout, "");
    with_input(&place, "features - -o x.npy", b"")
        .failed(1, &["standard input", "contains no pictures"]);
    let run = place.run("predict model.safetensors pictures --null");
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("requires - as a path"), "{}", run.stderr);
}

#[cfg(unix)]
#[test]
fn waiting_for_paths_ends_with_ctrl_c() {
    let place = Place::with_model();
    let mut process = place.process();
    process.args(["predict", "model.safetensors", "-"]);
    process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = process.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{}", place.picture()).unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    answers.next().unwrap().unwrap();
    // The command waits for more input, since `input` is still open.
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(input);
}
