use headstart_engine::head::argmax;
use headstart_train::{
    Task,
    head::untrained,
    metrics::{ConfusionMatrix, accuracy},
};

use crate::fixtures::uniform;

#[test]
fn figures_agree_with_a_table_made_by_hand() {
    //            true 0: 3 samples   true 1: 4 samples   true 2: none   true 3: 1 sample
    let labels = [0, 0, 0, 1, 1, 1, 1, 3];
    let predicted = [0, 0, 1, 1, 1, 0, 2, 0];
    let matrix = ConfusionMatrix::new(&labels, &predicted, 4);
    assert_eq!(matrix.counts, [[2, 1, 0, 0], [1, 2, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]]);
    assert_eq!(matrix.accuracy(), 0.5);
    assert_eq!(accuracy(&labels, &predicted), 0.5);
    let figures: Vec<_> = matrix
        .per_class()
        .iter()
        .map(|class| (class.precision, class.recall, class.f1, class.support))
        .collect();
    let expected = [
        (2.0 / 4.0, 2.0 / 3.0, 4.0 / 7.0, 3),
        (2.0 / 3.0, 2.0 / 4.0, 4.0 / 7.0, 4),
        (0.0, 0.0, 0.0, 0),
        (0.0, 0.0, 0.0, 1),
    ];
    assert_eq!(figures, expected);
}

#[test]
fn the_first_of_several_largest_is_taken() {
    assert_eq!(argmax(&[0.1, 0.4, 0.4, 0.1]), 1);
}

#[test]
fn probabilities_are_finite_and_add_up_to_one_for_logits_of_any_size() {
    for (classes, size) in [(2, 1.0), (2, 1e30), (3, 1e30), (10, 1.0), (10, 1e5), (1000, 1e20)] {
        let mut head = untrained(Task::SingleLabel, 8, classes, 0.0, 1);
        head.kernel.iter_mut().for_each(|w| *w *= size);
        let p = head.probabilities(&uniform(50 * 8, 2));
        assert_eq!(p.len(), 50 * classes);
        for row in p.chunks_exact(classes) {
            assert!(row.iter().all(|p| (0.0..=1.0).contains(p)), "{row:?}");
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{row:?}");
        }
    }
}

#[test]
fn predictions_are_the_likeliest_class() {
    for classes in [2, 5] {
        let head = untrained(Task::SingleLabel, 8, classes, 0.0, 3);
        let x = uniform(700 * 8, 4);
        let likeliest: Vec<usize> =
            head.probabilities(&x).chunks_exact(classes).map(argmax).collect();
        assert_eq!(head.predict(&x), likeliest);
    }
}
