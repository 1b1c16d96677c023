//! Classes with few pictures, and imbalance of classes.

use std::path::Path;

use headstart_data::Location;

use super::{Finding, FindingKind, Set};
use crate::copies::Copies;

/// A class with fewer distinct pictures than this has few.
const FEW: usize = 10;
/// Ratio of the largest to a smaller class from which classes are imbalanced.
const IMBALANCED: f64 = 10.0;

impl Set<'_> {
    pub(super) fn tell_balance(&mut self, copies: &Copies) {
        if !self.has_classes() {
            return;
        }
        let mut contents: Vec<(usize, usize)> = (0..self.labels.len())
            .flat_map(|p| self.classes_of(p).iter().map(move |&class| (class, p)))
            .map(|(class, picture)| (class, copies.equal[picture]))
            .collect();
        contents.sort_unstable();
        contents.dedup();
        let mut distinct = vec![0; self.pictures.classes().len()];
        contents.iter().for_each(|&(class, _)| distinct[class] += 1);
        let largest = distinct.iter().copied().max().unwrap_or(0);
        for (class, &count) in distinct.iter().enumerate() {
            let times = largest as f64 / count.max(1) as f64;
            let (kind, value) = match () {
                () if count < FEW => (FindingKind::FewPictures, count as f64),
                () if times >= IMBALANCED => (FindingKind::Imbalance, times),
                () => continue,
            };
            let name = self.class(class).to_owned();
            let s = if count == 1 { "" } else { "s" };
            let detail =
                format!("{name} has {count} different picture{s}, the largest class {largest}");
            let files = self.folder_of(class).into_iter().collect();
            let value = Some(value);
            self.findings.push(Finding {
                kind,
                value,
                detail,
                files,
                keep: None,
                class: Some(name),
            });
        }
    }

    /// The folder named like the class that contains its pictures.
    fn folder_of(&self, class: usize) -> Option<Location> {
        let picture = (0..self.labels.len()).find(|&p| self.classes_of(p).contains(&class))?;
        let Location::File(path) = self.at(picture) else { return None };
        let named = |folder: &&Path| folder.file_name().is_some_and(|n| n == self.class(class));
        let root = self.pictures.root();
        let below = |folder: &&Path| *folder != root && folder.starts_with(root);
        // The outermost is used: folders within a class may have any name.
        path.ancestors().skip(1).take_while(below).filter(named).last().map(Location::from)
    }
}
