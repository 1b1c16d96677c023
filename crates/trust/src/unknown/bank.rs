//! Which pictures learned from are kept.

/// Pictures that were learned from.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// n x dim.
    pub features: &'a [f32],
    /// The number of features of a picture.
    pub dim: usize,
    /// The class of each.
    pub labels: &'a [usize],
    /// The group of each: those of one group belong together, such as copies.
    pub groups: &'a [usize],
}

/// [`Seen`] in memory of its own.
pub(super) struct OwnSeen {
    pub(super) features: Vec<f32>,
    pub(super) dim: usize,
    pub(super) labels: Vec<usize>,
    pub(super) groups: Vec<usize>,
}

impl OwnSeen {
    pub(super) fn borrowed(&self) -> Seen<'_> {
        let Self { features, dim, labels, groups } = self;
        Seen { features, dim: *dim, labels, groups }
    }
}

impl<'a> Seen<'a> {
    pub(super) fn row(&self, row: usize) -> &'a [f32] {
        &self.features[row * self.dim..][..self.dim]
    }

    pub(super) fn filtered(&self, keep: impl Fn(usize) -> bool) -> OwnSeen {
        let rows: Vec<usize> = (0..self.labels.len()).filter(|&row| keep(row)).collect();
        self.of(&rows)
    }

    pub(super) fn of(&self, rows: &[usize]) -> OwnSeen {
        OwnSeen {
            features: rows.iter().flat_map(|&row| self.row(row)).copied().collect(),
            dim: self.dim,
            labels: rows.iter().map(|&row| self.labels[row]).collect(),
            groups: rows.iter().map(|&row| self.groups[row]).collect(),
        }
    }
}

/// At most so many pictures, in ascending order, as evenly over the classes as these have any, and of
/// each class evenly over the order that they are in.
pub fn bank_rows(labels: &[usize], most: usize) -> Vec<usize> {
    let classes = labels.iter().max().map_or(0, |last| last + 1);
    let mut rows = vec![Vec::new(); classes];
    labels.iter().enumerate().for_each(|(row, &label)| rows[label].push(row));
    // Those with few pictures give all, and what they leave is for the others.
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
