//! Sorts pictures without a class, so that the most informative ones come first.

use std::collections::HashMap;

use headstart::neighbours::{Vectors, clusters};
use headstart::predict::ClassifierHead;
use serde::Serialize;

use super::store::Store;
use crate::folder::Listing;

/// The average number of pictures in a cluster.
const CLUSTER: usize = 12;
/// The largest number of clusters.
const MOST_CLUSTERS: usize = 64;
/// The least worth of an unknown picture, on a scale from 0 to 1.
const UNKNOWN: f64 = 0.8;

/// A picture without a class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct InboxItem {
    pub(crate) path: String,
    tag: String,
    /// The prediction of the model.
    pub(crate) guess: Option<String>,
    score: Option<f32>,
    /// Whether the model takes it for unknown, that is, for none of the classes.
    unknown: bool,
    /// The cluster of pictures that look alike, if it has several.
    pub(crate) cluster: Option<usize>,
    /// Why it cannot be read, if so.
    problem: Option<String>,
}

/// Sorts the pictures that were read in the best order for labelling, followed by those that cannot be read. `None` if
/// `go_on` stops it.
///
/// The worth of a picture is the uncertainty of the model. Since pictures that look alike teach the same, the most
/// valuable picture of each cluster comes first (Zhdanov 2019), and then the second of each.
pub(super) fn sorted(
    listing: &Listing,
    store: &Store,
    head: Option<&ClassifierHead>,
    go_on: &mut dyn FnMut() -> bool,
) -> Option<Vec<InboxItem>> {
    let (mut items, mut worth, mut features, mut unreadable) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for picture in &listing.inbox {
        let Some(known) = store.get(&picture.stamp) else { continue };
        let mut item = InboxItem {
            path: picture.path.to_string(),
            tag: picture.stamp.tag(),
            guess: None,
            score: None,
            unknown: false,
            cluster: None,
            problem: None,
        };
        match known {
            Ok(known) => {
                features.extend(&known.features);
                worth.push(head.map_or(0.0, |head| judge(&mut item, head, &known.features)));
                items.push(item);
            }
            Err(error) => {
                item.problem = Some(error.to_string());
                unreadable.push(item);
            }
        }
    }
    if items.is_empty() {
        return Some(unreadable);
    }
    let rows: Vec<usize> = (0..items.len()).collect();
    let vectors = Vectors::new(&features, features.len() / items.len(), &rows);
    let count = (items.len() / CLUSTER).clamp(1, MOST_CLUSTERS);
    let parted = clusters(&vectors, count, go_on)?;
    let mut members: HashMap<usize, usize> = HashMap::new();
    parted.iter().for_each(|cluster| *members.entry(*cluster).or_default() += 1);
    for (item, cluster) in items.iter_mut().zip(&parted) {
        item.cluster = Some(*cluster).filter(|cluster| members[cluster] > 1);
    }
    let order = by_turns(&worth, &parted);
    let mut items: Vec<Option<InboxItem>> = items.into_iter().map(Some).collect();
    let sorted = order.into_iter().filter_map(|at| items[at].take());
    Some(sorted.chain(unreadable).collect())
}

/// Adds the model's prediction to a picture, and returns its uncertainty: the entropy of its scores, from 0 to 1.
fn judge(item: &mut InboxItem, head: &ClassifierHead, features: &[f32]) -> f64 {
    let said = head.classify(features);
    item.unknown = said.is_unknown();
    let (class, score) = said.ranked()[0];
    item.guess = Some(head.classes()[class].clone());
    item.score = Some(score);
    let surprise = |&p: &f32| if p > 0.0 { -f64::from(p) * f64::from(p).ln() } else { 0.0 };
    let entropy: f64 = said.scores.iter().map(surprise).sum();
    let unsure = entropy / (said.scores.len().max(2) as f64).ln();
    if item.unknown { unsure.max(UNKNOWN) } else { unsure }
}

/// The order of pictures by turns: the best of each cluster, then the second of each, and so on; within a turn, the
/// best first.
fn by_turns(worth: &[f64], clusters: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..worth.len()).collect();
    order.sort_by(|&a, &b| worth[b].total_cmp(&worth[a]).then(a.cmp(&b)));
    let mut taken: HashMap<usize, usize> = HashMap::new();
    let mut turns: Vec<(usize, usize)> = Vec::with_capacity(order.len());
    for (rank, &at) in order.iter().enumerate() {
        let turn = taken.entry(clusters[at]).or_default();
        turns.push((*turn, rank));
        *turn += 1;
    }
    turns.sort_unstable();
    turns.into_iter().map(|(_, rank)| order[rank]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worth_most_comes_first_but_what_looks_alike_does_not_come_at_once() {
        let worth = [0.9, 0.8, 0.7, 0.1, 0.6, 0.2];
        let clusters = [0, 0, 0, 1, 1, 2];
        assert_eq!(by_turns(&worth, &clusters), [0, 4, 5, 1, 3, 2]);
        assert_eq!(by_turns(&[0.0; 3], &[0, 0, 0]), [0, 1, 2]);
    }
}
