//! Files of features, as others write them.
//!
//! The fixtures are made by `tools/reference/features.py`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use headstart_data::sources::ColumnNames;
use headstart_data::sources::features::{FeatureFile, FeatureLabels, Number};
use headstart_data::{ContentHash, DataError, Subset};

const ROWS: usize = 50;
const WIDTH: usize = 6;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/features")
}

fn open(name: &str) -> Result<FeatureFile, DataError> {
    FeatureFile::open(&folder().join(name), &ColumnNames::default())
}

/// The labels and the numbers of all good files.
fn expected() -> (Vec<String>, Vec<f32>) {
    let table = fs::read_to_string(folder().join("values.csv")).unwrap();
    let (mut labels, mut values) = (Vec::new(), Vec::new());
    for line in table.lines() {
        let (label, numbers) = line.split_once(',').unwrap();
        labels.push(label.to_owned());
        values.extend(numbers.split(',').map(|number| number.parse::<f32>().unwrap()));
    }
    (labels, values)
}

/// The value of a half, by its definition.
fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) =
        (bits >> 15, i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    let value = match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2_f32.powi(exponent - 25),
    };
    if sign == 1 { -value } else { value }
}

fn numbers(file: &FeatureFile) -> Result<Vec<f32>, DataError> {
    let mut values = Vec::new();
    for piece in 0..file.pieces().len() {
        file.read(piece, &mut |bytes| {
            assert_eq!(bytes.len() % file.number().bytes(), 0, "whole numbers");
            let mut bytes = bytes;
            while !bytes.is_empty() {
                let (own, left) = bytes.split_at(file.number().bytes());
                values.push(match file.number() {
                    Number::F16 => half(u16::from_le_bytes(own.try_into().unwrap())),
                    Number::F32 => f32::from_le_bytes(own.try_into().unwrap()),
                    Number::F64 => f64::from_le_bytes(own.try_into().unwrap()) as f32,
                });
                bytes = left;
            }
            Ok(())
        })?;
    }
    Ok(values)
}

fn labels(files: &[FeatureFile], asked: &ColumnNames) -> Result<Vec<String>, DataError> {
    let labels = FeatureLabels::read(files, asked)?;
    Ok(labels.of_rows.iter().map(|&row| labels.distinct[row as usize].to_cell()).collect())
}

#[test]
fn the_same_matrix_is_read_from_whatever_wrote_it() {
    let (expected_labels, values) = expected();
    assert_eq!(values.len(), ROWS * WIDTH);
    let mut names: Vec<String> = Vec::new();
    for form in ["list", "fixed", "plain", "split"] {
        names.extend(["f16", "f32", "f64"].map(|number| format!("{form}_{number}.parquet")));
    }
    let others = [
        "version_2",
        "small_pages",
        "gzip",
        "zstd",
        "large_list",
        "old_names",
        "spark",
        "columns",
        "pandas",
        "polars",
        "polars_array",
    ];
    names.extend(others.map(|name| format!("{name}.parquet")));
    names.extend(["f16", "f32", "f64"].map(|number| format!("{number}.safetensors")));
    let of_numpy = ["f2", "f4", "f8", "big_f2", "big_f4"];
    names.extend(of_numpy.map(|name| format!("{name}.npy")));
    names.extend(of_numpy.map(|name| format!("fortran_{name}.npy")));
    for name in names {
        let file = open(&name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((file.rows(), file.width()), (ROWS, Some(WIDTH)), "{name}");
        assert!(numbers(&file).unwrap() == values, "{name}");
        if !name.ends_with(".npy") || name == "f2.npy" {
            let found = labels(&[file], &ColumnNames::default());
            assert_eq!(found.unwrap(), expected_labels, "{name}");
        } else {
            let error = labels(&[file], &ColumnNames::default()).unwrap_err().to_string();
            assert!(error.contains("put a table beside it"), "{error}");
        }
    }
}

#[test]
fn what_lies_in_a_file_as_it_is_needed_can_be_read_there() {
    for (name, is_raw) in [
        ("f2.npy", true),
        ("f4.npy", true),
        ("big_f4.npy", false),
        ("fortran_f4.npy", false),
        ("f16.safetensors", true),
        ("plain_f16.parquet", false),
    ] {
        assert_eq!(open(name).unwrap().raw().is_some(), is_raw, "{name}");
    }
}

#[test]
fn columns_beside_the_features_are_those_of_a_manifest() {
    let file = open("columns.parquet").unwrap();
    assert!(file.has_sides() && file.has_groups() && file.has_weights());
    let sides = file.sides().unwrap();
    let cycle = [
        Some(Subset::Train),
        Some(Subset::Validation),
        Some(Subset::Train),
        Some(Subset::Test),
        None,
    ];
    assert!(sides.iter().enumerate().all(|(row, side)| *side == cycle[row % 5]));
    let mut groups = Vec::new();
    file.for_each_group(&mut |name| groups.push(name.to_owned())).unwrap();
    let group =
        |row: usize| if row.is_multiple_of(7) { String::new() } else { format!("g{}", row / 4) };
    assert_eq!(groups, (0..ROWS).map(group).collect::<Vec<_>>());
    let weights: Vec<f32> = (0..ROWS).map(|row| 1.0 + (row % 3) as f32).collect();
    assert_eq!(file.weights().unwrap(), weights);
    let contents = file.contents().unwrap().unwrap();
    let content = |row: usize| ContentHash((row as u128).to_le_bytes());
    assert_eq!(contents, (0..ROWS).map(content).collect::<Vec<_>>());
    let mut paths = 0;
    file.for_each_path(&mut |path| {
        assert_eq!(path, "");
        paths += 1;
    })
    .unwrap();
    assert_eq!(paths, ROWS, "one for each row, though there are none");
    let plain = open("list_f32.parquet").unwrap();
    assert!(!plain.has_sides() && plain.contents().unwrap().is_none());
}

#[test]
fn labels_may_be_several_or_numbers_or_in_a_column_that_is_named() {
    let (expected, _) = expected();
    let several = labels(&[open("several.parquet").unwrap()], &ColumnNames::default()).unwrap();
    assert!(
        several.iter().zip(&expected).all(|(found, label)| *found == format!("all|{label}")),
        "{several:?}"
    );
    let asked =
        |name: &str| ColumnNames { labels: vec![name.to_owned()], ..ColumnNames::default() };
    let path = folder().join("numbered.parquet");
    let numbered = FeatureFile::open(&path, &asked("kind")).unwrap();
    let found = labels(&[numbered], &asked("kind")).unwrap();
    let number = |label: &String| ["ant", "bee", "cow"].iter().position(|l| l == label).unwrap();
    assert_eq!(found, expected.iter().map(|label| number(label).to_string()).collect::<Vec<_>>());
    // Two files, one after the other.
    let files = ["list_f32.parquet", "f16.safetensors"].map(|name| open(name).unwrap());
    assert_eq!(labels(&files, &ColumnNames::default()).unwrap(), [&expected[..]; 2].concat());
    for name in ["numbered.parquet", "f32.safetensors", "f2.npy"] {
        let error = FeatureFile::open(&folder().join(name), &asked("breed")).err().unwrap();
        let error = error.to_string();
        assert!(
            error.contains(name) && error.contains("breed: there is no such column"),
            "{error}"
        );
    }
    let unnamed = open("numbered.parquet").unwrap();
    let error = labels(&[unnamed], &ColumnNames::default()).unwrap_err().to_string();
    assert!(error.contains("no column of labels; it has: features, kind"), "{error}");
}

#[test]
fn labels_may_be_in_a_column_for_each_class() {
    let folder = tempfile::tempdir().unwrap();
    let (expected, _) = expected();
    let asked = |names: &[&str]| ColumnNames {
        labels: names.iter().map(|&name| name.to_owned()).collect(),
        ..ColumnNames::default()
    };
    let path = self::folder().join("marked.parquet");
    let read = |path: &Path, names: &[&str]| {
        let file = FeatureFile::open(path, &asked(names))?;
        labels(&[file], &asked(names))
    };
    assert_eq!(read(&path, &["cow", "ant", "bee"]).unwrap(), expected);
    let several = read(&path, &["ant_too", "third", "cow_too"]).unwrap();
    for (row, (found, label)) in several.iter().zip(&expected).enumerate() {
        let own = if label == "bee" { String::new() } else { format!("{label}_too") };
        let third = if row % 3 == 0 { "third" } else { "" };
        let both: Vec<&str> =
            [&own[..], third].into_iter().filter(|name| !name.is_empty()).collect();
        let cell = if both.len() == 2 { both.join("|") } else { format!("{}|", both.concat()) };
        assert_eq!(*found, cell, "row {row}");
    }
    // Several files, and the table beside an .npy.
    let npy = folder.path().join("x.npy");
    fs::copy(self::folder().join("f2.npy"), &npy).unwrap();
    let table = |value: &str, rows: usize| {
        let lines = expected.iter().take(rows).enumerate().map(|(row, label)| {
            let mark = |name| if label == name { "1" } else { "0" };
            let odd = if row == 7 { value } else { mark("bee") };
            format!("{},{odd},{}\n", mark("ant"), mark("cow"))
        });
        let table: String = ["ant,bee,cow\n".to_owned()].into_iter().chain(lines).collect();
        fs::write(folder.path().join("x.npy.csv"), table).unwrap();
    };
    let names = ["ant", "bee", "cow"];
    table("1", ROWS);
    let files = [&path, &npy].map(|path| FeatureFile::open(path, &asked(&names)).unwrap());
    assert_eq!(labels(&files, &asked(&names)).unwrap(), [&expected[..]; 2].concat());
    for (value, rows, part) in [
        ("2", ROWS, "the value \"2\" in column \"bee\", row 8"),
        ("", ROWS, "the value \"\" in column \"bee\", row 8"),
        ("1", ROWS - 1, "labels for 49 rows, and features for 50"),
    ] {
        table(value, rows);
        let error = read(&npy, &names).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("x.npy"), "{error}");
    }
    let error = read(&path, &["ant", "dog"]).unwrap_err().to_string();
    assert!(error.contains("dog: there is no such column"), "{error}");
    let tensors = self::folder().join("f32.safetensors");
    let error = read(&tensors, &["labels", "features"]).unwrap_err().to_string();
    assert!(error.contains("give one name"), "{error}");
}

#[test]
fn what_is_no_matrix_is_an_error_that_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let cut = |name: &str, bytes: usize| {
        let whole = fs::read(self::folder().join(name)).unwrap();
        let path = folder.path().join(name);
        fs::write(&path, &whole[..whole.len() - bytes]).unwrap();
        path
    };
    fs::write(folder.path().join("text.npy"), "no numbers").unwrap();
    fs::write(folder.path().join("text.csv"), "1,2\n").unwrap();
    let own = |name: &str| self::folder().join(name);
    for (path, parts) in [
        (own("ragged.parquet"), &["not all of one length"][..]),
        (own("shifted.parquet"), &["row 30 has not 6 numbers"]),
        (own("hole.parquet"), &["row 20 lacks numbers"]),
        (own("missing.parquet"), &["not all of one length"]),
        (
            own("no_features.parquet"),
            &["no column \"features\"", "features (integer), label (text)"],
        ),
        (own("integers.npy"), &["holds <i4", "f2, f4 or f8"]),
        (own("vector.npy"), &["shape (6,)"]),
        (cut("list_f32.parquet", 10), &["its end is missing"]),
        (cut("f4.npy", 1), &["ends early"]),
        (cut("f32.safetensors", 1), &["ends early"]),
        (folder.path().join("text.npy"), &["no .npy file"]),
        (folder.path().join("text.csv"), &[".parquet, .npy or .safetensors"]),
        (folder.path().join("none.npy"), &["no such file"]),
    ] {
        let opened = FeatureFile::open(&path, &ColumnNames::default());
        let error = opened.and_then(|file| numbers(&file).map(drop)).unwrap_err().to_string();
        let name = path.file_name().unwrap().to_str().unwrap();
        for part in parts.iter().chain([&name]) {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
        assert!(!error.contains('\n'), "{error}");
    }
    let empty = open("empty.parquet").unwrap();
    assert_eq!((empty.rows(), empty.width()), (0, None));
    assert!(numbers(&empty).unwrap().is_empty());
}

#[test]
fn whatever_a_file_says_is_a_matrix_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "list_f16.parquet",
        "version_2.parquet",
        "zstd.parquet",
        "split_f32.parquet",
        "f4.npy",
        "f16.safetensors",
    ] {
        let whole = fs::read(self::folder().join(name)).unwrap();
        let path = folder.path().join(name);
        let step = (whole.len() / 400).max(1);
        for at in (0..whole.len()).step_by(step) {
            for value in [0, 0xFF, whole[at] ^ 1] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                fs::write(&path, &bytes).unwrap();
                let Ok(file) = FeatureFile::open(&path, &ColumnNames::default()) else { continue };
                if let Ok(values) = numbers(&file) {
                    assert_eq!(
                        values.len(),
                        file.rows() * file.width().unwrap_or(0),
                        "{name} at {at}"
                    );
                }
                let _ = labels(&[file], &ColumnNames::default());
            }
        }
    }
}

#[test]
fn whoever_takes_numbers_may_refuse_them() {
    for name in ["list_f32.parquet", "f4.npy", "f32.safetensors"] {
        let file = open(name).unwrap();
        let error = file.read(0, &mut |_| Err(io::Error::other("no more"))).unwrap_err();
        assert!(error.to_string().contains("no more"), "{error}");
    }
}
