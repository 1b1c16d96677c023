//! Tests the guarantees of splits on many random data sets.

use std::collections::{BTreeMap, BTreeSet};

use headstart_data::split::{
    Earlier, Groups, continued, describe_all, folds, keep_given, stratified,
};
use headstart_data::{ContentHash, DataError, SplitConfig, SplitWarning};
use proptest::prelude::*;

fn content(n: u32) -> ContentHash {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    ContentHash(bytes)
}

/// Pictures of up to six classes, with few distinct contents, so that duplicates abound.
fn pictures() -> impl Strategy<Value = Vec<(usize, ContentHash)>> {
    prop::collection::vec((0..6usize, 0..60u32), 1..120)
        .prop_map(|v| v.into_iter().map(|(class, n)| (class, content(n))).collect())
}

fn unzip(pictures: &[(usize, ContentHash)]) -> (Vec<usize>, Vec<ContentHash>) {
    pictures.iter().copied().unzip()
}

/// Pictures grouped only by their pixels.
fn alone(contents: &[ContentHash]) -> Groups {
    Groups::of_contents(contents.to_vec())
}

/// For each class, the contents that occur in no other class.
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
        let split = stratified(&classes, &alone(&contents), &SplitConfig { validation, seed }).unwrap();
        let mut all = [split.train.clone(), split.validation.clone()].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..set.len()).collect::<Vec<_>>());
        prop_assert!(split.left_out.is_empty());
        let held_back = split.is_held_back(set.len());
        let of_sides = (0..set.len()).map(|picture| split.validation.contains(&picture));
        prop_assert_eq!(held_back, of_sides.collect::<Vec<_>>());
    }

    #[test]
    fn the_same_pixels_are_never_on_both_sides(set in pictures(), validation in 0.0..0.99f64, seed: u64) {
        let (classes, contents) = unzip(&set);
        let split = stratified(&classes, &alone(&contents), &SplitConfig { validation, seed }).unwrap();
        let side = |side: &[usize]| side.iter().map(|&i| contents[i]).collect::<BTreeSet<_>>();
        prop_assert!(side(&split.train).is_disjoint(&side(&split.validation)));
    }

    #[test]
    fn a_class_with_two_pictures_of_its_own_is_on_both_sides(
        set in pictures(), validation in 0.01..0.99f64, seed: u64,
    ) {
        let (classes, contents) = unzip(&set);
        let split = stratified(&classes, &alone(&contents), &SplitConfig { validation, seed }).unwrap();
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
        let split = stratified(&classes, &alone(&contents), &SplitConfig { seed, ..SplitConfig::default() }).unwrap();
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
            let split = stratified(&classes, &alone(&contents), &SplitConfig { seed, ..SplitConfig::default() }).unwrap();
            split.validation.iter().map(|&i| contents[i]).collect::<BTreeSet<_>>()
        };
        let mut other = set.clone();
        other.rotate_left(rotation.index(set.len()));
        other.reverse();
        prop_assert_eq!(held_back(&set), held_back(&other));
    }

    #[test]
    fn what_was_learned_from_is_never_measured_on_and_what_was_held_back_stays_so(
        set in pictures(), did in prop::collection::vec(0..3usize, 60), validation in 0.0..0.99f64,
        seed: u64,
    ) {
        let kinds = [Earlier::Unseen, Earlier::LearnedFrom, Earlier::HeldBack];
        let (classes, contents) = unzip(&set);
        let earlier: Vec<Earlier> = contents.iter().map(|content| {
            kinds[did[content.0[0] as usize]]
        }).collect();
        let config = SplitConfig { validation, seed };
        let split = continued(&classes, &alone(&contents), &earlier, &config).unwrap();
        let mut all = [split.train.clone(), split.validation.clone()].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..set.len()).collect::<Vec<_>>());
        prop_assert!(split.train.iter().all(|&i| earlier[i] != Earlier::HeldBack));
        prop_assert!(split.validation.iter().all(|&i| earlier[i] != Earlier::LearnedFrom));
        // Unseen pictures are split as if they were the whole data set.
        let unseen: Vec<usize> = (0..set.len()).filter(|&i| earlier[i] == Earlier::Unseen).collect();
        let (own, pixels): (Vec<_>, Vec<_>) = unseen.iter().map(|&i| set[i]).unzip();
        let alike = stratified(&own, &alone(&pixels), &config).unwrap();
        let held_back: Vec<usize> = split.validation.iter().copied()
            .filter(|&i| earlier[i] == Earlier::Unseen).collect();
        let expected: Vec<usize> = alike.validation.iter().map(|&i| unseen[i]).collect();
        prop_assert_eq!(held_back, expected);
        for warning in &split.warnings {
            if let SplitWarning::NotValidated { class, .. } = warning {
                prop_assert!(split.validation.iter().all(|&i| classes[i] != *class));
            }
        }
    }

    #[test]
    fn copies_of_what_was_learned_from_are_learned_from(
        set in pictures(), first in prop::sample::select(vec![Earlier::LearnedFrom, Earlier::HeldBack]),
    ) {
        let (classes, contents) = unzip(&set);
        let groups = alone(&contents).link((1..set.len()).map(|i| (0, i)));
        let mut earlier = vec![Earlier::Unseen; set.len()];
        earlier[0] = first;
        let split = continued(&classes, &groups, &earlier, &SplitConfig::default()).unwrap();
        let all = if first == Earlier::HeldBack { split.validation } else { split.train };
        prop_assert_eq!(all, (0..set.len()).collect::<Vec<_>>());
    }

    #[test]
    fn a_given_split_is_kept_but_for_training_copies_of_validation_pictures(
        set in pictures(), sides in prop::collection::vec(any::<bool>(), 120),
    ) {
        let (classes, contents) = unzip(&set);
        let sides = &sides[..set.len()];
        let split = keep_given(&classes, &alone(&contents), sides);
        let given: Vec<usize> = (0..set.len()).filter(|&i| sides[i]).collect();
        prop_assert_eq!(&split.validation, &given);
        let measured: BTreeSet<_> = given.iter().map(|&i| contents[i]).collect();
        let (left_out, train): (Vec<_>, Vec<_>) =
            (0..set.len()).filter(|&i| !sides[i]).partition(|&i| measured.contains(&contents[i]));
        prop_assert_eq!(&split.left_out, &left_out);
        prop_assert_eq!(&split.train, &train);
    }
}

/// Pictures of four classes, each of one of a few subjects or of none.
fn subjects() -> impl Strategy<Value = Vec<(usize, Option<u8>)>> {
    prop::collection::vec((0..4usize, prop::option::weighted(0.8, 0..12u8)), 1..150)
}

/// Their classes, and groups by subject; no two have the same pixels.
fn by_subject(set: &[(usize, Option<u8>)]) -> (Vec<usize>, Groups) {
    let names: Vec<_> = set.iter().map(|(_, subject)| subject.map(|s| s.to_string())).collect();
    let contents = (0..set.len() as u32).map(content).collect();
    (set.iter().map(|(class, _)| *class).collect(), Groups::of_contents(contents).named(&names))
}

/// The number of groups of each class.
fn groups_of_class(
    classes: &[usize],
    groups: &Groups,
    pictures: &[usize],
) -> BTreeMap<usize, usize> {
    let pairs: BTreeSet<_> = pictures.iter().map(|&p| (classes[p], groups.numbers()[p])).collect();
    let mut count = BTreeMap::new();
    pairs.into_iter().for_each(|(class, _)| *count.entry(class).or_default() += 1);
    count
}

proptest! {
    #[test]
    fn a_subject_is_on_one_side_and_every_class_is_learned_from(
        set in subjects(), validation in 0.05..0.9f64, seed: u64,
    ) {
        let (classes, groups) = by_subject(&set);
        let split = stratified(&classes, &groups, &SplitConfig { validation, seed }).unwrap();
        let side = |side: &[usize]| side.iter().map(|&p| groups.numbers()[p]).collect::<BTreeSet<_>>();
        prop_assert!(side(&split.train).is_disjoint(&side(&split.validation)));
        prop_assert_eq!(split.train.len() + split.validation.len(), set.len());
        let (learned, all) = (
            groups_of_class(&classes, &groups, &split.train),
            groups_of_class(&classes, &groups, &(0..set.len()).collect::<Vec<_>>()),
        );
        prop_assert_eq!(learned.keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>());
        // A class in two groups without validation is blocked by other classes.
        let measured = groups_of_class(&classes, &groups, &split.validation);
        for (class, distinct) in all {
            let warning = SplitWarning::NotValidated { class, distinct };
            prop_assert_eq!(split.warnings.contains(&warning), !measured.contains_key(&class));
        }
    }

    #[test]
    fn folds_part_no_subject_and_leave_every_class_to_learn(
        set in subjects(), count in 2..6usize, seed: u64,
    ) {
        let (classes, groups) = by_subject(&set);
        let Ok(folds) = folds(&classes, &groups, count, seed) else { return Ok(()) };
        let mut held_back = vec![0; set.len()];
        for fold in 0..count {
            let split = folds.split(fold);
            prop_assert_eq!(split.train.len() + split.validation.len(), set.len());
            split.validation.iter().for_each(|&p| held_back[p] += 1);
            let side = |side: &[usize]| side.iter().map(|&p| groups.numbers()[p]).collect::<BTreeSet<_>>();
            prop_assert!(side(&split.train).is_disjoint(&side(&split.validation)));
            let learned = groups_of_class(&classes, &groups, &split.train);
            prop_assert!(classes.iter().all(|class| learned.contains_key(class)));
        }
        for (picture, times) in held_back.into_iter().enumerate() {
            prop_assert_eq!(times, usize::from(folds.of()[picture].is_some()));
        }
    }

    #[test]
    fn folds_of_single_pictures_differ_by_one_of_a_class_as_those_of_scikit_learn(
        classes in prop::collection::vec(0..5usize, 20..200), count in 2..6usize, seed: u64,
    ) {
        let contents: Vec<_> = (0..classes.len() as u32).map(content).collect();
        let folds = folds(&classes, &alone(&contents), count, seed).unwrap();
        for class in 0..5 {
            let own = (0..classes.len()).filter(|&p| classes[p] == class);
            let own: Vec<usize> = own.filter_map(|p| folds.of()[p]).collect();
            let held = |fold| own.iter().filter(|&&of| of == fold).count();
            let (least, most) = ((0..count).map(held).min().unwrap(), (0..count).map(held).max().unwrap());
            prop_assert!(most - least <= 1, "class {}: {} to {}", class, least, most);
        }
    }
}

#[test]
fn a_subject_keeps_its_side_when_pictures_of_it_come_and_go() {
    let side = |pictures: &[(u32, u32)]| {
        let names: Vec<_> = pictures.iter().map(|(subject, _)| Some(subject.to_string())).collect();
        let contents = pictures.iter().map(|(subject, n)| content(subject * 100 + n)).collect();
        let groups = Groups::of_contents(contents).named(&names);
        let split = stratified(&vec![0; pictures.len()], &groups, &SplitConfig::default()).unwrap();
        split.validation.iter().map(|&p| pictures[p].0).collect::<BTreeSet<_>>()
    };
    let two: Vec<_> = (0..200).flat_map(|subject| [(subject, 1), (subject, 2)]).collect();
    let three: Vec<_> =
        (0..200).flat_map(|subject| [(subject, 7), (subject, 8), (subject, 9)]).collect();
    assert_eq!(side(&two).len(), 40);
    assert_eq!(side(&two), side(&three));
}

#[test]
fn groups_of_several_classes_meet_the_share_of_each() {
    // 60 subjects with two pictures of one class and one of another.
    let set: Vec<_> = (0..60u8)
        .flat_map(|s| [(usize::from(s % 3), Some(s)), (usize::from(s % 3), Some(s)), (3, Some(s))])
        .collect();
    let (classes, groups) = by_subject(&set);
    let split = stratified(&classes, &groups, &SplitConfig::default()).unwrap();
    for (class, expected) in [(0, 8), (1, 8), (2, 8), (3, 12)] {
        let found = split.validation.iter().filter(|&&p| classes[p] == class).count();
        assert!(found.abs_diff(expected) <= 2, "{found} of class {class}");
    }
    assert!(split.warnings.is_empty());
}

#[test]
fn a_given_split_that_parts_a_group_stays_with_a_warning() {
    let groups = alone(&[0, 1, 2, 3].map(content)).named(&[Some("a"), Some("a"), Some("b"), None]);
    let split = keep_given(&[0, 1, 0, 1], &groups, &[true, false, false, false]);
    assert_eq!((split.train, split.validation, split.left_out), (vec![1, 2, 3], vec![0], vec![]));
    assert_eq!(split.warnings, [SplitWarning::Parted { groups: 1 }]);
}

#[test]
fn folds_that_cannot_be_dealt_are_refused() {
    let groups = alone(&[0, 1, 2, 3].map(content));
    for count in [0, 1, 5] {
        let error = folds(&[0, 0, 1, 1], &groups, count, 0).unwrap_err();
        assert!(matches!(error, DataError::Folds { groups: 4, .. }), "{error}");
    }
    assert_eq!(folds(&[0, 0, 1, 1], &groups, 4, 0).unwrap().count(), 4);
}

#[test]
fn the_same_pixels_under_two_labels_are_always_learned_from_in_folds() {
    let contents = [0, 0, 1, 2, 3, 4].map(content);
    let folds = folds(&[0, 1, 0, 0, 1, 1], &alone(&contents), 2, 0).unwrap();
    assert_eq!(folds.of()[..2], [None, None]);
    assert!(folds.of()[2..].iter().all(Option::is_some));
    assert_eq!(folds.warnings, [SplitWarning::Contradiction { pictures: vec![0, 1] }]);
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
        let split =
            stratified(&classes, &alone(&contents), &SplitConfig { validation, seed: 3 }).unwrap();
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
    let split = stratified(&[0, 1], &alone(&[content(0), content(1)]), &config).unwrap();
    assert_eq!((split.train, split.validation, split.warnings), (vec![0, 1], vec![], vec![]));
}

#[test]
fn a_share_outside_zero_to_one_is_refused() {
    for validation in [-0.1, 1.0, 20.0, f64::NAN, f64::INFINITY] {
        let error = stratified(&[0], &alone(&[content(0)]), &SplitConfig { validation, seed: 0 })
            .unwrap_err();
        assert!(matches!(error, DataError::Share { .. }));
    }
}

#[test]
fn another_seed_holds_other_pictures_back() {
    let contents: Vec<ContentHash> = (0..200).map(content).collect();
    let held_back = |seed| {
        stratified(&[0; 200], &alone(&contents), &SplitConfig { seed, ..Default::default() })
            .unwrap()
    };
    assert_ne!(held_back(1).validation, held_back(2).validation);
    assert_eq!(held_back(1), held_back(1));
}

#[test]
fn pictures_added_later_move_few_of_the_others() {
    let contents: Vec<ContentHash> = (0..1100).map(content).collect();
    let held_back = |n: usize| -> BTreeSet<usize> {
        stratified(&vec![0; n], &alone(&contents[..n]), &SplitConfig::default())
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
fn groups_are_numbered_by_first_appearance_and_join_transitively() {
    let contents = [7, 3, 7, 9, 3, 5, 6].map(content);
    let groups = alone(&contents);
    assert_eq!(groups.numbers(), [0, 1, 0, 2, 1, 3, 4]);
    assert_eq!((groups.len(), groups.duplicates(), groups.are_named()), (5, 2, false));
    let names = [None, Some("a"), None, Some("b"), None, Some("a"), None];
    let named = groups.named(&names);
    assert_eq!(named.numbers(), [0, 1, 0, 2, 1, 1, 3]);
    assert_eq!((named.len(), named.duplicates(), named.are_named()), (4, 2, true));
    // The last two are near-duplicates, as are the second and the fourth: with them, all except the first and its copy
    // form one group.
    let joined = named.join(&[10, 11, 12, 11, 13, 14, 14]);
    assert_eq!(joined.numbers(), [0, 1, 0, 1, 1, 1, 1]);
}

#[test]
fn warnings_name_the_class_and_the_reason() {
    let classes = ["cat".to_owned(), "dog".to_owned()];
    let cases = [
        (
            SplitWarning::NotValidated { class: 1, distinct: 1 },
            "class \"dog\" is not validated: 1 distinct picture or group, 2 are needed",
        ),
        (
            SplitWarning::Contradiction { pictures: vec![1, 5] },
            "2 pictures have the same pixels and different labels",
        ),
        (
            SplitWarning::Straddling { left_out: 4 },
            "4 training pictures left out: the same pixels are on the validation side",
        ),
        (
            SplitWarning::NotValidated { class: 0, distinct: 3 },
            "class \"cat\" is not validated: its groups are needed to learn other classes",
        ),
        (
            SplitWarning::Parted { groups: 2 },
            "2 groups have pictures on both sides of the given split: what is measured may be remembered",
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
                "3 classes are not validated, for want of 2 distinct pictures or groups: I, J, K",
                "4 training pictures left out: the same pixels are on the validation side",
            ],
        ),
        (
            vec![lonely(1)],
            vec!["class \"B\" is not validated: 1 distinct picture or group, 2 are needed"],
        ),
        (
            (0..12).map(lonely).collect(),
            vec![
                "12 classes are not validated, for want of 2 distinct pictures or groups: A, B, C, D, E, F, G, H and 4 more",
            ],
        ),
    ];
    for (warnings, lines) in cases {
        assert_eq!(describe_all(&warnings, &classes, &labels, name_of), lines);
    }
}

#[test]
fn linked_pictures_belong_together_with_all_that_they_are_linked_to() {
    let contents = [1, 2, 3, 2, 5, 6].map(|n| ContentHash([n; 16])).to_vec();
    let groups = Groups::of_contents(contents).link([(0, 3), (4, 2)]);
    // The second has the same pixels as the fourth.
    assert_eq!(groups.numbers(), [0, 0, 1, 0, 1, 2]);
    assert_eq!(groups.clone().link([]), groups);
}

#[test]
fn the_same_pixels_under_two_labels_are_reported_by_every_split() {
    let labels = [0, 1, 0, 1];
    let groups = alone(&[content(1), content(1), content(2), content(3)]);
    let expected = [SplitWarning::Contradiction { pictures: vec![0, 1] }];
    let given = keep_given(&labels, &groups, &[true, true, false, false]);
    assert_eq!(given.warnings, expected);
    let config = SplitConfig { validation: 0.0, ..SplitConfig::default() };
    let earlier = [Earlier::HeldBack, Earlier::HeldBack, Earlier::Unseen, Earlier::LearnedFrom];
    assert_eq!(continued(&labels, &groups, &earlier, &config).unwrap().warnings, expected);
    assert_eq!(stratified(&labels, &groups, &config).unwrap().warnings, expected);
}
