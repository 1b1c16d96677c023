//! The groups that may be held back, and the selection of those that are.

use super::{Groups, PictureLabels, SplitWarning, contradictions};

/// Maximum number of passes over all groups to move those that fit better on the other side.
const REFINEMENTS: usize = 10;

/// A group that may be held back.
pub(super) struct Group {
    /// Its pictures, ascending.
    pub(super) pictures: Vec<usize>,
    /// The number of its pictures in each class, for classes that occur.
    pub(super) counts: Vec<(usize, usize)>,
}

/// The groups that may be held back: all except those with the same pixels under different labels, and those that are
/// the only ones of a class.
pub(super) struct Movable {
    /// In order of priority.
    pub(super) groups: Vec<Group>,
    /// The number of pictures of each class suitable for validation, including those that cannot be moved.
    pub(super) totals: Vec<usize>,
    /// The number of groups of these pictures; `None` for a class without pictures.
    pub(super) distinct: Vec<Option<usize>>,
    /// The groups that have pictures of each class.
    pub(super) of_class: Vec<Vec<usize>>,
    /// Whether a picture may have several classes.
    overlap: bool,
    /// The number of classes; one more stratum is that of the pictures of no class.
    classes: usize,
}

impl Movable {
    pub(super) fn new(labels: PictureLabels<'_>, together: &Groups, seed: u64) -> Self {
        assert_eq!(labels.len(), together.numbers().len(), "a label and a group for each picture");
        let mut contradicts = vec![false; together.len()];
        for warning in contradictions(labels, together) {
            if let SplitWarning::Contradiction { pictures } = warning {
                pictures.iter().for_each(|&p| contradicts[together.numbers()[p]] = true);
            }
        }
        let classes = labels.classes();
        let none = [classes];
        let strata = |picture: usize| match labels.classes_of(picture) {
            [] => &none[..],
            own => own,
        };
        let members = together.members().into_iter().zip(contradicts);
        let groups = members.filter(|(_, contradicts)| !contradicts).map(|(pictures, _)| {
            let counts = counts(pictures.iter().flat_map(|&picture| strata(picture)).copied());
            Group { pictures, counts }
        });
        let mut groups: Vec<Group> = groups.collect();
        groups.sort_by_cached_key(|group| together.priority(seed, &group.pictures));

        let all = || (0..labels.len()).flat_map(strata);
        let known = all().max().map_or(0, |last| last + 1);
        let (mut totals, mut distinct) = (vec![0; known], vec![None; known]);
        all().for_each(|&class| distinct[class] = Some(0));
        for &(class, count) in groups.iter().flat_map(|group| &group.counts) {
            totals[class] += count;
            distinct[class] = distinct[class].map(|groups| groups + 1);
        }
        let only_one = |&(class, _): &(usize, usize)| distinct[class] == Some(1);
        groups.retain(|group| !group.counts.iter().any(only_one));
        let mut of_class = vec![Vec::new(); known];
        for (index, group) in groups.iter().enumerate() {
            group.counts.iter().for_each(|&(class, _)| of_class[class].push(index));
        }
        Self { groups, totals, distinct, of_class, overlap: labels.are_sets(), classes }
    }

    /// The change in the squared distance, relative to class sizes, between a side with `held` pictures of each class
    /// and the `wanted` numbers when the group is added; negative if it comes nearer.
    pub(super) fn change(&self, group: &Group, held: &[usize], wanted: &[f64]) -> f64 {
        let change = |&(class, count): &(usize, usize)| {
            let (count, total) = (count as f64, self.totals[class] as f64);
            count * (2.0 * held[class] as f64 + count - 2.0 * wanted[class]) / (total * total)
        };
        group.counts.iter().map(change).sum()
    }

    /// Selects the groups to hold back, for this fraction of each class; at least one group of each class and never
    /// all, if possible.
    pub(super) fn hold_back(&self, share: f64) -> Vec<bool> {
        let wanted: Vec<f64> = self.totals.iter().map(|&total| share * total as f64).collect();
        let mut held = vec![0; self.totals.len()];
        let mut chosen = vec![false; self.groups.len()];
        // The number of selected groups of each class.
        let mut groups = vec![0; self.totals.len()];
        for (group, chosen) in self.groups.iter().zip(&mut chosen) {
            if self.change(group, &held, &wanted) <= 0.0 {
                *chosen = true;
                for &(class, count) in &group.counts {
                    held[class] += count;
                    groups[class] += 1;
                }
            }
        }
        if self.overlap {
            self.refine(&mut chosen, &mut held, &mut groups, &wanted);
        }
        let divisible = (0..self.totals.len()).filter(|&class| self.distinct[class] >= Some(2));
        for class in divisible.clone() {
            if Some(groups[class]) == self.distinct[class]
                && let Some(smallest) = self.smallest(class, |index| chosen[index])
            {
                chosen[smallest] = false;
                self.groups[smallest].counts.iter().for_each(|&(class, _)| groups[class] -= 1);
            }
        }
        for class in divisible {
            if groups[class] > 0 {
                continue;
            }
            // No class may lose the last group used for training.
            let stays =
                |&(class, _): &(usize, usize)| Some(groups[class] + 1) < self.distinct[class];
            let may_go = |index: usize| self.groups[index].counts.iter().all(stays);
            if let Some(smallest) = self.smallest(class, |index| !chosen[index] && may_go(index)) {
                chosen[smallest] = true;
                self.groups[smallest].counts.iter().for_each(|&(class, _)| groups[class] += 1);
            }
        }
        chosen
    }

    /// Moves groups to the other side while that brings the sides nearer to the target: if classes overlap, later
    /// choices for one class affect earlier ones for another.
    fn refine(
        &self,
        chosen: &mut [bool],
        held: &mut [usize],
        groups: &mut [usize],
        wanted: &[f64],
    ) {
        for _ in 0..REFINEMENTS {
            let mut moved = false;
            for (group, chosen) in self.groups.iter().zip(&mut *chosen) {
                let change = match *chosen {
                    false => self.change(group, held, wanted),
                    true => {
                        group.counts.iter().for_each(|&(class, count)| held[class] -= count);
                        let back = self.change(group, held, wanted);
                        group.counts.iter().for_each(|&(class, count)| held[class] += count);
                        -back
                    }
                };
                // Rounding errors alone must not move groups to and fro.
                if change > -1e-12 {
                    continue;
                }
                *chosen = !*chosen;
                moved = true;
                for &(class, count) in &group.counts {
                    match *chosen {
                        true => {
                            (held[class], groups[class]) = (held[class] + count, groups[class] + 1)
                        }
                        false => {
                            (held[class], groups[class]) = (held[class] - count, groups[class] - 1)
                        }
                    }
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// The pictures of the selected groups.
    pub(super) fn pictures(&self, chosen: &[bool]) -> impl Iterator<Item = usize> {
        let chosen = self.groups.iter().zip(chosen).filter(|(_, chosen)| **chosen);
        chosen.flat_map(|(group, _)| group.pictures.iter().copied())
    }

    /// Warnings for the classes without a selected group.
    pub(super) fn not_validated(&self, chosen: &[bool]) -> Vec<SplitWarning> {
        let mut warnings = Vec::new();
        for (class, distinct) in self.distinct.iter().enumerate().take(self.classes) {
            let validated = self.of_class[class].iter().any(|&index| chosen[index]);
            if let Some(distinct) = distinct.filter(|_| !validated) {
                warnings.push(SplitWarning::NotValidated { class, distinct });
            }
        }
        warnings
    }

    /// The smallest group of a class that satisfies `among`; the first one if there is a tie.
    pub(super) fn smallest(&self, class: usize, among: impl Fn(usize) -> bool) -> Option<usize> {
        let groups = self.of_class[class].iter().copied().filter(|&index| among(index));
        groups.min_by_key(|&index| self.groups[index].pictures.len())
    }
}

/// The number of occurrences of each class that occurs.
fn counts(classes: impl Iterator<Item = usize>) -> Vec<(usize, usize)> {
    let mut counts: Vec<(usize, usize)> = Vec::new();
    for class in classes {
        match counts.iter_mut().find(|(of, _)| *of == class) {
            Some((_, count)) => *count += 1,
            None => counts.push((class, 1)),
        }
    }
    counts
}
