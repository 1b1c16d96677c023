//! The split's promises, over many random data sets.

use std::collections::{BTreeMap, BTreeSet};

use headstart_data::split::{describe_all, groups, keep_given, stratified, stratified_in_groups};
use headstart_data::{ContentHash, DataError, SplitConfig, SplitWarning};
use proptest::prelude::*;

fn content(n: u32) -> ContentHash {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    ContentHash(bytes)
}

/// Pictures of up to six classes; contents are few, so that duplicates abound.
fn pictures() -> impl Strategy<Value = Vec<(usize, ContentHash)>> {
    prop::collection::vec((0..6usize, 0..60u32), 1..120)
        .prop_map(|v| v.into_iter().map(|(class, n)| (class, content(n))).collect())
}

fn unzip(pictures: &[(usize, ContentHash)]) -> (Vec<usize>, Vec<ContentHash>) {
    pictures.iter().copied().unzip()
}

/// For each class the contents that are in no other class.
fn own_contents(pictures: &[(usize, ContentHash)]) -> BTreeMap<usize, BTreeSet<ContentHash>> {
    let mut labels: BTreeMap<ContentHash, BTreeSet<usize>> = BTreeMap::new();
    let mut own: BTreeMap<usize, BTreeSet<ContentHash>> = BTreeMap::new();
    for (class, content) in pictures {
        labels.entry(*content).or_default().insert(*class);
        own.entry(*class).or_default();
    }
    for (content, classes) in labels {
        if classes.len() == 1 {
            own.get_mut(classes.first().unwrap()).unwrap().insert(content);
        }
    }
    own
}

proptest! {
    #[test]
    fn every_picture_is_on_exactly_one_side(set in pictures(), validation in 0.0..0.99f64, seed: u64) {
        let (classes, contents) = unzip(&set);
        let split = stratified(&classes, &contents, &SplitConfig { validation, seed }).unwrap();
        let mut all = [split.train.clone(), split.validation.clone()].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..set.len()).collect::<Vec<_>>());
        prop_assert!(split.left_out.is_empty());
    }

    #[test]
    fn a_group_is_never_parted_whatever_its_order(
        set in pictures(), validation in 0.0..0.99f64, seed: u64
    ) {
        let (classes, contents) = unzip(&set);
        let config = SplitConfig { validation, seed };
        // Contents that share a number modulo 9 are copies of each other.
        let together: Vec<usize> = contents.iter().map(|c| usize::from(c.0[0] % 9)).collect();
        let split = stratified_in_groups(&classes, &contents, &together, &config).unwrap();
        let side = |side: &[usize]| side.iter().map(|&i| together[i]).collect::<BTreeSet<_>>();
        prop_assert!(side(&split.train).is_disjoint(&side(&split.validation)));

        let back = |v: &[usize]| v.iter().rev().copied().collect::<Vec<_>>();
        let reversed: Vec<ContentHash> = contents.iter().rev().copied().collect();
        let other =
            stratified_in_groups(&back(&classes), &reversed, &back(&together), &config).unwrap();
        let mirrored: Vec<usize> = other.validation.iter().map(|i| set.len() - 1 - i).collect();
        prop_assert_eq!(split.validation, back(&mirrored));

        let equal = stratified_in_groups(&classes, &contents, &groups(&contents), &config).unwrap();
        prop_assert_eq!(equal, stratified(&classes, &contents, &config).unwrap());
    }

    #[test]
    fn the_same_pixels_are_never_on_both_sides(set in pictures(), validation in 0.0..0.99f64, seed: u64) {
        let (classes, contents) = unzip(&set);
        let split = stratified(&classes, &contents, &SplitConfig { validation, seed }).unwrap();
        let side = |side: &[usize]| side.iter().map(|&i| contents[i]).collect::<BTreeSet<_>>();
        prop_assert!(side(&split.train).is_disjoint(&side(&split.validation)));
    }

    #[test]
    fn a_class_with_two_pictures_of_its_own_is_on_both_sides(
        set in pictures(), validation in 0.01..0.99f64, seed: u64,
    ) {
        let (classes, contents) = unzip(&set);
        let split = stratified(&classes, &contents, &SplitConfig { validation, seed }).unwrap();
        for (class, own) in own_contents(&set) {
            let on = |side: &[usize]| side.iter().any(|&i| classes[i] == class);
            prop_assert!(on(&split.train));
            prop_assert_eq!(on(&split.validation), own.len() >= 2);
            let warning = SplitWarning::NotValidated { class, distinct: own.len() };
            prop_assert_eq!(split.warnings.contains(&warning), own.len() < 2);
        }
    }

    #[test]
    fn contradicting_labels_are_reported_and_only_learned_from(set in pictures(), seed: u64) {
        let (classes, contents) = unzip(&set);
        let split = stratified(&classes, &contents, &SplitConfig { seed, ..SplitConfig::default() }).unwrap();
        let own: BTreeSet<_> = own_contents(&set).into_values().flatten().collect();
        let contradicting: BTreeSet<usize> = (0..set.len()).filter(|&i| !own.contains(&contents[i])).collect();
        let reported: BTreeSet<usize> = split.warnings.iter().flat_map(|w| match w {
            SplitWarning::Contradiction { pictures } => pictures.clone(),
            _ => Vec::new(),
        }).collect();
        prop_assert_eq!(&reported, &contradicting);
        prop_assert!(split.validation.iter().all(|i| !contradicting.contains(i)));
    }

    #[test]
    fn order_does_not_matter(set in pictures(), seed: u64, rotation: prop::sample::Index) {
        let held_back = |set: &[(usize, ContentHash)]| {
            let (classes, contents) = unzip(set);
            let split = stratified(&classes, &contents, &SplitConfig { seed, ..SplitConfig::default() }).unwrap();
            split.validation.iter().map(|&i| contents[i]).collect::<BTreeSet<_>>()
        };
        let mut other = set.clone();
        other.rotate_left(rotation.index(set.len()));
        other.reverse();
        prop_assert_eq!(held_back(&set), held_back(&other));
    }

    #[test]
    fn a_given_split_is_kept_but_for_training_copies_of_validation_pictures(
        set in pictures(), sides in prop::collection::vec(any::<bool>(), 120),
    ) {
        let (classes, contents) = unzip(&set);
        let sides = &sides[..set.len()];
        let split = keep_given(&classes, &contents, sides);
        let given: Vec<usize> = (0..set.len()).filter(|&i| sides[i]).collect();
        prop_assert_eq!(&split.validation, &given);
        let measured: BTreeSet<_> = given.iter().map(|&i| contents[i]).collect();
        let (left_out, train): (Vec<_>, Vec<_>) =
            (0..set.len()).filter(|&i| !sides[i]).partition(|&i| measured.contains(&contents[i]));
        prop_assert_eq!(&split.left_out, &left_out);
        prop_assert_eq!(&split.train, &train);
    }
}

#[test]
fn the_share_is_met_in_every_class() {
    for (pictures, validation, expected) in [
        (2, 0.2, 1),
        (5, 0.2, 1),
        (10, 0.2, 2),
        (13, 0.2, 3),
        (1000, 0.2, 200),
        (10, 0.95, 9),
        (2, 0.9, 1),
        (3, 0.01, 1),
    ] {
        let classes: Vec<usize> = (0..2 * pictures).map(|i| i % 2).collect();
        let contents: Vec<ContentHash> = (0..2 * pictures).map(|i| content(i as u32)).collect();
        let split = stratified(&classes, &contents, &SplitConfig { validation, seed: 3 }).unwrap();
        for class in 0..2 {
            let found = split.validation.iter().filter(|&&i| classes[i] == class).count();
            assert_eq!(found, expected, "{pictures} pictures, share {validation}");
        }
        assert!(split.warnings.is_empty());
    }
}

#[test]
fn a_share_of_zero_holds_nothing_back_and_warns_of_nothing() {
    let config = SplitConfig { validation: 0.0, seed: 0 };
    let split = stratified(&[0, 1], &[content(0), content(1)], &config).unwrap();
    assert_eq!((split.train, split.validation, split.warnings), (vec![0, 1], vec![], vec![]));
}

#[test]
fn a_share_outside_zero_to_one_is_refused() {
    for validation in [-0.1, 1.0, 20.0, f64::NAN, f64::INFINITY] {
        let error =
            stratified(&[0], &[content(0)], &SplitConfig { validation, seed: 0 }).unwrap_err();
        assert!(matches!(error, DataError::Share { .. }));
    }
}

#[test]
fn another_seed_holds_other_pictures_back() {
    let contents: Vec<ContentHash> = (0..200).map(content).collect();
    let held_back = |seed| {
        stratified(&[0; 200], &contents, &SplitConfig { seed, ..Default::default() }).unwrap()
    };
    assert_ne!(held_back(1).validation, held_back(2).validation);
    assert_eq!(held_back(1), held_back(1));
}

#[test]
fn pictures_added_later_move_few_of_the_others() {
    let contents: Vec<ContentHash> = (0..1100).map(content).collect();
    let held_back = |n: usize| -> BTreeSet<usize> {
        stratified(&vec![0; n], &contents[..n], &SplitConfig::default())
            .unwrap()
            .validation
            .into_iter()
            .collect()
    };
    let (before, after) = (held_back(1000), held_back(1100));
    let moved = before.difference(&after).count();
    assert!(moved <= 20, "{moved} of 200 moved");
}

#[test]
fn groups_are_numbered_by_first_appearance() {
    let contents = [7, 3, 7, 9, 3].map(content);
    assert_eq!(groups(&contents), [0, 1, 0, 2, 1]);
}

#[test]
fn warnings_name_the_class_and_the_reason() {
    let classes = ["cat".to_owned(), "dog".to_owned()];
    let cases = [
        (
            SplitWarning::NotValidated { class: 1, distinct: 1 },
            "class \"dog\" is not validated: 1 distinct picture of its own, 2 are needed",
        ),
        (
            SplitWarning::Contradiction { pictures: vec![1, 5] },
            "2 pictures have the same pixels and different labels",
        ),
        (
            SplitWarning::Straddling { left_out: 4 },
            "4 training pictures left out: the same pixels are in the validation folder",
        ),
    ];
    for (warning, text) in cases {
        assert_eq!(warning.describe(&classes), text);
    }
}

#[test]
fn warnings_of_a_kind_are_one_line_with_an_example() {
    let classes: Vec<String> = (b'A'..=b'L').map(|c| char::from(c).to_string()).collect();
    // Pictures 0 and 1 are of class A, 2 and 3 of class B, and so on.
    let labels: Vec<usize> = (0..24).map(|picture| picture / 2).collect();
    let name_of = |picture: usize| format!("{}/{picture}.png", classes[picture / 2]);
    let same = |pictures: &[usize]| SplitWarning::Contradiction { pictures: pictures.to_vec() };
    let lonely = |class| SplitWarning::NotValidated { class, distinct: class % 2 };
    let cases = [
        (vec![], vec![]),
        (
            vec![same(&[0, 2])],
            vec!["A/0.png and B/2.png have the same pixels and different labels"],
        ),
        (
            vec![same(&[0, 1, 2])],
            vec![
                "3 pictures have the same pixels and different labels, such as A/0.png and B/2.png",
            ],
        ),
        (
            vec![
                same(&[2, 3, 9, 10]),
                lonely(8),
                same(&[0, 11]),
                SplitWarning::Straddling { left_out: 4 },
                lonely(9),
                lonely(10),
            ],
            vec![
                "6 pictures in 2 groups have the same pixels and different labels, such as B/2.png and E/9.png",
                "3 classes are not validated, for want of 2 distinct pictures of their own: I, J, K",
                "4 training pictures left out: the same pixels are in the validation folder",
            ],
        ),
        (
            vec![lonely(1)],
            vec!["class \"B\" is not validated: 1 distinct picture of its own, 2 are needed"],
        ),
        (
            (0..12).map(lonely).collect(),
            vec![
                "12 classes are not validated, for want of 2 distinct pictures of their own: A, B, C, D, E, F, G, H and 4 more",
            ],
        ),
    ];
    for (warnings, lines) in cases {
        assert_eq!(describe_all(&warnings, &classes, &labels, name_of), lines);
    }
}
