//! Selection of the training pictures to keep.

/// Training pictures.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// n x dim.
    pub features: &'a [f32],
    /// The number of features of a picture.
    pub dim: usize,
    /// The class of each; with `label_sets`, the index of its set of classes.
    pub labels: &'a [usize],
    /// Sets of classes for a multi-label task. A picture belongs to all classes of its set, which may be empty.
    pub label_sets: Option<&'a [Vec<usize>]>,
    /// The group of each: pictures of one group belong together, such as copies.
    pub groups: &'a [usize],
}

/// An owned [`Seen`], except for the sets of classes.
pub(super) struct OwnSeen<'a> {
    pub(super) features: Vec<f32>,
    pub(super) dim: usize,
    pub(super) labels: Vec<usize>,
    pub(super) label_sets: Option<&'a [Vec<usize>]>,
    pub(super) groups: Vec<usize>,
}

impl OwnSeen<'_> {
    pub(super) fn borrowed(&self) -> Seen<'_> {
        let Self { features, dim, labels, label_sets, groups } = self;
        Seen { features, dim: *dim, labels, label_sets: *label_sets, groups }
    }
}

impl<'a> Seen<'a> {
    pub(super) fn row(&self, row: usize) -> &'a [f32] {
        &self.features[row * self.dim..][..self.dim]
    }

    /// The classes of a picture.
    pub(super) fn classes_of(&self, row: usize) -> &'a [usize] {
        match self.label_sets {
            Some(sets) => &sets[self.labels[row]],
            None => std::slice::from_ref(&self.labels[row]),
        }
    }

    /// The classes that pictures have, ascending.
    pub(super) fn present(&self) -> Vec<usize> {
        let all = (0..self.labels.len()).flat_map(|row| self.classes_of(row).iter().copied());
        let mut present: Vec<usize> = all.collect();
        present.sort_unstable();
        present.dedup();
        present
    }

    pub(super) fn filtered(&self, keep: impl Fn(usize) -> bool) -> OwnSeen<'a> {
        let rows: Vec<usize> = (0..self.labels.len()).filter(|&row| keep(row)).collect();
        self.of(&rows)
    }

    pub(super) fn of(&self, rows: &[usize]) -> OwnSeen<'a> {
        OwnSeen {
            features: rows.iter().flat_map(|&row| self.row(row)).copied().collect(),
            dim: self.dim,
            labels: rows.iter().map(|&row| self.labels[row]).collect(),
            label_sets: self.label_sets,
            groups: rows.iter().map(|&row| self.groups[row]).collect(),
        }
    }
}

/// Selects at most `most` pictures, in ascending order: as evenly as possible over the classes, and evenly over the
/// order within each class.
pub fn bank_rows(labels: &[usize], most: usize) -> Vec<usize> {
    let classes = labels.iter().max().map_or(0, |last| last + 1);
    let mut rows = vec![Vec::new(); classes];
    labels.iter().enumerate().for_each(|(row, &label)| rows[label].push(row));
    // Classes with few pictures use all of them, and leave the remaining places to the others.
    rows.sort_by_key(Vec::len);
    let (mut room, mut kept) = (most, Vec::new());
    for (done, rows) in rows.iter().enumerate() {
        let share = (room / (classes - done)).min(rows.len());
        kept.extend((0..share).map(|i| rows[i * rows.len() / share]));
        room -= share;
    }
    kept.sort_unstable();
    kept
}
