//! Labels of feature files with a column for each class.

use std::collections::HashMap;

use super::super::one_hot::{Mark, mark, odd};

/// The classes of rows, of which there may be many millions: distinct sets are numbered, and each row has the number of
/// its set.
pub(super) struct MarkedRows<'a> {
    names: &'a [String],
    /// The current set of each row.
    of_rows: Vec<u32>,
    sets: Vec<Vec<usize>>,
    /// The set that results from adding a class to another set.
    with: HashMap<(u32, usize), u32>,
    /// For each class, whether there was a 0, and a -1.
    seen: Vec<[bool; 2]>,
    odd: Option<String>,
}

impl<'a> MarkedRows<'a> {
    pub(super) fn new(names: &'a [String]) -> Self {
        Self {
            names,
            of_rows: Vec::new(),
            sets: vec![Vec::new()],
            with: HashMap::new(),
            seen: vec![[false; 2]; names.len()],
            odd: None,
        }
    }

    /// Adds rows of no class; returns the first.
    pub(super) fn add(&mut self, rows: usize) -> usize {
        let first = self.of_rows.len();
        self.of_rows.resize(first + rows, 0);
        first
    }

    /// Adds the value of a row in the column of a class; the classes of a row come in order. `place` is its position in
    /// the file.
    pub(super) fn take(&mut self, row: usize, class: usize, value: &str, place: usize) {
        let known = &mut self.seen[class];
        let mark = mark(value);
        match mark {
            Some(Mark::Zero) => known[0] = true,
            Some(Mark::MinusOne) => known[1] = true,
            Some(Mark::One) => {
                let (set, sets) = (&mut self.of_rows[row], &mut self.sets);
                *set = *self.with.entry((*set, class)).or_insert_with(|| {
                    let mut larger = sets[*set as usize].clone();
                    larger.push(class);
                    sets.push(larger);
                    sets.len() as u32 - 1
                });
            }
            None => {}
        }
        // Beside a 0, -1 means neither yes nor no.
        if mark.is_none() || *known == [true; 2] {
            self.odd.get_or_insert_with(|| odd(&self.names[class], place, value));
        }
    }

    /// The first invalid value, if any.
    pub(super) fn odd(&mut self) -> Option<String> {
        self.odd.take()
    }

    /// The distinct sets, and the index of each row's set.
    pub(super) fn finish(self) -> (Vec<Vec<usize>>, Vec<u32>) {
        let (mut sets, mut of_rows) = (self.sets, self.of_rows);
        let mut numbers = vec![None; sets.len()];
        let mut found = Vec::new();
        for set in &mut of_rows {
            *set = *numbers[*set as usize].get_or_insert_with(|| {
                found.push(std::mem::take(&mut sets[*set as usize]));
                found.len() as u32 - 1
            });
        }
        (found, of_rows)
    }
}
