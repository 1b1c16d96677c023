//! Samples whose features are read on demand.

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use headstart_engine::Isa;
use headstart_train::{
    AdamConfig, Features, LogisticConfig, Samples, StoredFeatures, TrainError, fit_adam,
    fit_logistic, out_of_fold,
};

use crate::fixtures::{clusters, go_on};

/// Rows in memory that can only be read through the trait, until reading fails.
struct Rows<'a> {
    values: &'a [f32],
    dim: usize,
    reads_left: AtomicUsize,
}

impl<'a> Rows<'a> {
    fn new(values: &'a [f32], dim: usize) -> Self {
        Self { values, dim, reads_left: AtomicUsize::new(usize::MAX) }
    }
}

impl StoredFeatures for Rows<'_> {
    fn rows(&self) -> usize {
        self.values.len() / self.dim
    }

    fn read(&self, rows: &[u32], to: &mut [f32]) -> Result<(), Box<dyn Error + Send + Sync>> {
        if self.reads_left.fetch_sub(1, Ordering::Relaxed) == 0 {
            return Err(io::Error::other("the disk is gone").into());
        }
        assert_eq!(to.len(), rows.len() * self.dim);
        for (to, &row) in to.chunks_exact_mut(self.dim).zip(rows) {
            to.copy_from_slice(&self.values[row as usize * self.dim..][..self.dim]);
        }
        Ok(())
    }
}

#[test]
fn heads_of_stored_features_are_those_of_features_in_memory_bit_for_bit() {
    // More samples than the strength is chosen on, and than are evaluated at a time.
    for (n, classes) in [(300, 2), (9000, 3)] {
        let (x, labels) = clusters(n, 12, classes, 1.5);
        let weights: Vec<f32> = (0..n).map(|row| (row % 5) as f32 / 4.0).collect();
        let groups: Vec<usize> = (0..n).map(|row| row / 3).collect();
        let memory = Samples::new(&x, 12, &labels, classes);
        let rows = Rows::new(&x, 12);
        for (weights, groups) in [(None, None), (Some(&weights[..]), Some(&groups[..]))] {
            let memory = Samples { weights, groups, ..memory };
            let stored = Samples { features: Features::Stored(&rows), ..memory };
            let config = LogisticConfig::default();
            let fit = |samples| fit_logistic(samples, None, &config, Isa::best(), &mut go_on);
            let (expected, found) = (fit(&memory).unwrap(), fit(&stored).unwrap());
            assert_eq!(found.head, expected.head);
            assert_eq!(found.trials, expected.trials);
            let (expected, found) = (&expected.history.epochs[0], &found.history.epochs[0]);
            assert_eq!((found.loss, found.accuracy), (expected.loss, expected.accuracy));
            let folds = |samples| out_of_fold(samples, &config, Isa::best(), &mut go_on).unwrap();
            assert_eq!(folds(&stored), folds(&memory));
            let config = AdamConfig { epochs: 2, ..AdamConfig::default() };
            let fit = |samples: &Samples| fit_adam(samples, None, &config, &mut go_on).unwrap().0;
            assert_eq!(fit(&stored), fit(&memory));
        }
    }
}

#[test]
fn what_cannot_be_read_ends_the_fit_with_its_reason() {
    let (x, labels) = clusters(6000, 8, 3, 1.5);
    for reads in [0, 10, 40, 1000] {
        let rows = Rows { reads_left: AtomicUsize::new(reads), ..Rows::new(&x, 8) };
        let samples = Samples::new(&x, 8, &labels, 3);
        let samples = Samples { features: Features::Stored(&rows), ..samples };
        let config = LogisticConfig::default();
        let error = fit_logistic(&samples, None, &config, Isa::best(), &mut go_on).unwrap_err();
        let TrainError::Input(reason) = error else { panic!("{error}") };
        assert_eq!(reason.to_string(), "the disk is gone");
    }
}

#[test]
fn too_few_stored_rows_are_an_error() {
    let (x, labels) = clusters(60, 8, 3, 1.5);
    let rows = Rows::new(&x[8..], 8);
    let samples = Samples::new(&x, 8, &labels, 3);
    let samples = Samples { features: Features::Stored(&rows), ..samples };
    assert!(matches!(samples.check(), Err(TrainError::Length { what: "features", .. })));
}
