//! The confusion matrix, arranged for reading.

use std::cmp::Reverse;
use std::fmt::Write;

/// Maximum number of classes for which every cell shows its number.
const NUMBERED: usize = 30;
/// Maximum number of pairs listed.
const PAIRS: usize = 24;
/// The side of a cell in a matrix without numbers, in units of its drawing.
const CELL: usize = 10;

/// The matrix, with an order of the classes that puts confused classes next to each other.
pub(super) struct Confusion {
    /// The classes along both sides.
    pub(super) order: Vec<usize>,
    /// The confused pairs, the most frequent first.
    pub(super) pairs: Vec<Pair>,
    /// The number of pairs not listed.
    pub(super) more_pairs: usize,
    counts: Vec<Vec<usize>>,
}

/// A class that was mistaken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) truth: usize,
    pub(super) said: usize,
    pub(super) count: usize,
}

/// A cell of a matrix with numbers.
pub(super) struct Cell {
    pub(super) truth: usize,
    pub(super) said: usize,
    pub(super) count: usize,
    /// The share of the class's pictures, in twentieths.
    pub(super) shade: usize,
}

impl Confusion {
    pub(super) fn new(counts: &[Vec<usize>]) -> Self {
        let mut pairs = pairs(counts);
        pairs.sort_by_key(|pair| (Reverse(pair.count), pair.truth, pair.said));
        let all = pairs.len();
        pairs.truncate(PAIRS);
        Self { order: order(counts), more_pairs: all - pairs.len(), pairs, counts: counts.to_vec() }
    }

    pub(super) fn is_numbered(&self) -> bool {
        self.counts.len() <= NUMBERED
    }

    /// The number of pictures of a class.
    pub(super) fn support(&self, class: &usize) -> usize {
        self.counts[*class].iter().sum()
    }

    /// The row of a class.
    pub(super) fn row(&self, truth: &usize) -> Vec<Cell> {
        let support = self.support(truth).max(1);
        let cell = |&said: &usize| {
            let count = self.counts[*truth][said];
            let shade = (20 * count).div_ceil(support);
            Cell { truth: *truth, said, count, shade }
        };
        self.order.iter().map(cell).collect()
    }

    /// The whole matrix as a drawing, with a square for every nonempty cell.
    pub(super) fn map(&self) -> String {
        let n = self.order.len();
        let side = n * CELL;
        let mut out = format!(
            r#"<svg viewBox="0 0 {side} {side}" class="matrix-map" id="matrix-map" role="img" aria-label="Confusion matrix of {n} classes; the list beside it names what is confused most">"#
        );
        let _ = write!(out, r#"<path class="diagonal" d="M0 0L{side} {side}"/>"#);
        for (y, &truth) in self.order.iter().enumerate() {
            for cell in self.row(&truth).iter().enumerate().filter(|(_, cell)| cell.count > 0) {
                let (x, cell) = cell;
                let kind = if truth == cell.said { "right" } else { "wrong" };
                let _ = write!(
                    out,
                    r#"<rect x="{}" y="{}" width="{CELL}" height="{CELL}" class="{kind} s{}" data-cell="{truth},{}"/>"#,
                    x * CELL,
                    y * CELL,
                    cell.shade,
                    cell.said
                );
            }
        }
        out.push_str("</svg>");
        out
    }
}

fn pairs(counts: &[Vec<usize>]) -> Vec<Pair> {
    let rows = counts.iter().enumerate();
    let all = rows.flat_map(|(truth, row)| {
        row.iter().enumerate().map(move |(said, &count)| Pair { truth, said, count })
    });
    all.filter(|pair| pair.truth != pair.said && pair.count > 0).collect()
}

/// An order of the classes in which frequently confused classes are neighbours.
///
/// This is the greedy algorithm for a long path: chains are joined at their ends, beginning with the pair that has the
/// largest share of its pictures confused. Classes that are never confused come last.
fn order(counts: &[Vec<usize>]) -> Vec<usize> {
    let n = counts.len();
    let support: Vec<usize> = counts.iter().map(|row| row.iter().sum()).collect();
    let mut links: Vec<(f64, usize, usize)> = Vec::new();
    for a in 0..n {
        for b in a + 1..n {
            let both = counts[a][b] + counts[b][a];
            if both > 0 {
                links.push((both as f64 / (support[a] + support[b]) as f64, a, b));
            }
        }
    }
    links.sort_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    let mut chains: Vec<Vec<usize>> = (0..n).map(|class| vec![class]).collect();
    let mut chain_of: Vec<usize> = (0..n).collect();
    for (_, a, b) in links {
        let (first, second) = (chain_of[a], chain_of[b]);
        let is_end = |chain: &[usize], class| chain[0] == class || chain[chain.len() - 1] == class;
        if first == second || !is_end(&chains[first], a) || !is_end(&chains[second], b) {
            continue;
        }
        let mut joined = std::mem::take(&mut chains[first]);
        let mut other = std::mem::take(&mut chains[second]);
        if joined[joined.len() - 1] != a {
            joined.reverse();
        }
        if other[0] != b {
            other.reverse();
        }
        other.iter().for_each(|&class| chain_of[class] = first);
        joined.extend(other);
        chains[first] = joined;
    }
    for chain in &mut chains {
        if chain.first() > chain.last() {
            chain.reverse();
        }
    }
    // Longest first. Chains of equal length stay in the order of the model's classes.
    chains.sort_by_key(|chain| Reverse(chain.len()));
    chains.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_confused_stands_together() {
        let mut counts = vec![vec![0; 6]; 6];
        (0..6).for_each(|class| counts[class][class] = 10);
        // 0 and 4 are confused most, then 4 and 2, then 1 and 5.
        (counts[0][4], counts[4][2], counts[5][1]) = (5, 3, 1);
        assert_eq!(order(&counts), [0, 4, 2, 1, 5, 3]);
        let confusion = Confusion::new(&counts);
        let pair = |truth, said, count| Pair { truth, said, count };
        assert_eq!(confusion.pairs, [pair(0, 4, 5), pair(4, 2, 3), pair(5, 1, 1)]);
        let row: Vec<_> = confusion.row(&4).iter().map(|cell| (cell.said, cell.count)).collect();
        assert_eq!(row, [(0, 0), (4, 10), (2, 3), (1, 0), (5, 0), (3, 0)]);
        assert_eq!(confusion.map().matches("<rect").count(), 9);
    }

    #[test]
    fn every_class_is_there_once_whatever_is_confused() {
        for n in [1usize, 2, 7, 40] {
            let cell = |a: usize, b: usize| (a * 7 + b * 13 + a * b) % 5 % 3;
            let counts: Vec<Vec<usize>> =
                (0..n).map(|a| (0..n).map(|b| cell(a, b)).collect()).collect();
            let mut found = order(&counts);
            found.sort_unstable();
            assert_eq!(found, (0..n).collect::<Vec<_>>());
        }
    }
}
