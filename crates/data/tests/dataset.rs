//! Selection of training pictures from listings.

use std::path::Path;

use headstart_data::sources::{Listed, Listing};
use headstart_data::{Dataset, Skipped, Subset};

/// A side, if one is given.
type Side = Option<Subset>;
/// A path, a label (empty for none) and a side.
type Row = (&'static str, &'static str, Side);

const TRAIN: Side = Some(Subset::Train);
const VALIDATION: Side = Some(Subset::Validation);
const TEST: Side = Some(Subset::Test);

fn listing(pictures: &[Row]) -> Listing {
    let listed = |(path, label, subset): &Row| {
        let label = (!label.is_empty()).then(|| (*label).into());
        Listed::new(*path, label, *subset)
    };
    Listing { pictures: pictures.iter().map(listed).collect(), ..Listing::default() }
}

fn items(dataset: &Dataset) -> Vec<(String, &str, Option<Subset>)> {
    let items = dataset.items.iter();
    items
        .map(|item| (dataset.name_of(item), dataset.classes[item.label].as_str(), item.subset))
        .collect()
}

fn skipped(dataset: &Dataset) -> Vec<String> {
    let line = |s: &Skipped| format!("{}: {}", s.path.display(), s.reason);
    dataset.skipped.iter().map(line).collect()
}

#[test]
fn labels_become_classes_in_order_and_what_has_none_is_skipped() {
    let mut pictures = listing(&[("in/b.jpg", "dog", None), ("in/a.jpg", "cat", None)]);
    pictures.pictures.extend(listing(&[("in/c.jpg", "", None)]).pictures);
    pictures.pictures[0].group = Some("rex".into());
    pictures.pictures[1].weight = 2.5;
    let dataset = Dataset::from_listing("in", pictures).unwrap();
    assert_eq!(dataset.classes, ["cat", "dog"]);
    let expected = [("b.jpg".to_owned(), "dog", None), ("a.jpg".to_owned(), "cat", None)];
    assert_eq!(items(&dataset), expected);
    assert_eq!(skipped(&dataset), ["in/c.jpg: has no label"]);
    let [dog, cat] = &dataset.items[..] else { panic!() };
    assert_eq!((dog.group.as_deref(), dog.weight, cat.weight), (Some("rex"), 1.0, 2.5));
    assert_eq!((&cat.group, dataset.root.as_path()), (&None, Path::new("in")));
}

#[test]
fn a_side_is_given_where_something_is_given_to_validation() {
    let cases: &[([Side; 4], &[Side])] = &[
        ([None, None, None, None], &[None, None, None, None]),
        ([TRAIN, TRAIN, None, TEST], &[None, None, None]),
        ([TRAIN, None, VALIDATION, None], &[TRAIN, TRAIN, VALIDATION, TRAIN]),
        ([TRAIN, None, VALIDATION, TEST], &[TRAIN, TRAIN, VALIDATION]),
    ];
    for (given, expected) in cases {
        let [a, b, c, d] = *given;
        let pictures = [("a", "x", a), ("b", "y", b), ("c", "x", c), ("d", "y", d)];
        let dataset = Dataset::from_listing("list.csv", listing(&pictures)).unwrap();
        let found: Vec<_> = items(&dataset).into_iter().map(|(.., subset)| subset).collect();
        assert_eq!(found, *expected);
        assert_eq!(dataset.is_split(), expected.contains(&VALIDATION));
        let tests: Vec<_> = dataset.tests.iter().map(|item| (item.label, item.subset)).collect();
        let kept = if given.contains(&TEST) { vec![(1, TEST)] } else { vec![] };
        assert_eq!((tests, skipped(&dataset)), (kept, vec![]));
    }
}

#[test]
fn a_class_that_is_only_validated_is_skipped() {
    let pictures = [("a", "x", TRAIN), ("b", "y", TRAIN), ("c", "z", VALIDATION)];
    let dataset = Dataset::from_listing("list.csv", listing(&pictures)).unwrap();
    assert_eq!((dataset.classes.len(), dataset.items.len()), (2, 2));
    assert_eq!(skipped(&dataset), ["c: its class has no pictures to train on"]);
}

#[test]
fn a_listing_to_learn_nothing_from_is_an_error_that_says_what_to_do() {
    let cases: [(&[Row], &str); 6] = [
        (&[], "list.csv: contains no pictures"),
        (
            &[("a", "x", TEST), ("b", "y", VALIDATION)],
            "list.csv: has nothing to learn from: all its 2 pictures are for validation or testing",
        ),
        (
            &[("a", "", None), ("b", "", None)],
            "list.csv: not one of its pictures (2 in all) has a label",
        ),
        (&[("a", "x", TEST)], "nothing to learn from: its picture is for validation or testing"),
        (&[("a", "x", None), ("b", "", None)], "has only the class \"x\"; a classifier needs"),
        (&[("a", "x", TRAIN), ("b", "y", VALIDATION)], "has only the class \"x\""),
    ];
    for (pictures, message) in cases {
        let error = Dataset::from_listing("list.csv", listing(pictures)).unwrap_err().to_string();
        assert!(error.contains(message) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn a_name_counts_from_the_root_or_from_the_folder_of_a_list() {
    for (root, path, name) in [
        ("foods", "foods/A/1.jpg", "A/1.jpg"),
        ("foods.zip", "foods.zip/A/1.jpg", "A/1.jpg"),
        ("set/list.csv", "set/A/1.jpg", "A/1.jpg"),
        ("list.csv", "A/1.jpg", "A/1.jpg"),
        ("/set/list.csv", "/elsewhere/1.jpg", "/elsewhere/1.jpg"),
    ] {
        let pictures = [(path, "x", None), ("other", "y", None)];
        let dataset = Dataset::from_listing(root, listing(&pictures)).unwrap();
        assert_eq!(dataset.name_of(&dataset.items[0]), name);
    }
}
