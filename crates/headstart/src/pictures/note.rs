//! A one-line note of training on its pictures.

use headstart_data::{Facts, Split};

use crate::copies::Copies;
use crate::looks::{Look, looks};

/// A summary of the findings of an audit that need no training; `None` if there are none.
///
/// Equal pixels are reported by the split itself, and near-duplicates if `copies` were searched for. `side` is
/// the shorter side of the network's input.
pub(super) fn note(
    copies: Option<&Copies>,
    facts: &[Facts],
    labels: &[usize],
    split: &Split,
    side: usize,
) -> Option<String> {
    let validation = split.is_held_back(labels.len());
    let mut near = copies.map(Copies::groups_of_several).unwrap_or_default();
    near.retain(|group| !group.is_exact());
    let conflicts = near.iter().filter(|group| group.differ(|picture| labels[picture])).count();
    let straddling =
        near.iter().filter(|group| group.differ(|picture| validation[picture])).count();
    let looks = looks(facts, side);
    let of = |kind: Look| looks.iter().filter(|(found, ..)| *found == kind).count();
    let seen: Vec<String> = [
        (conflicts, "group", " of near-duplicates with different labels"),
        (straddling, "group", " of near-duplicates on both sides of the split"),
        (of(Look::Blank), "blank picture", ""),
        (of(Look::Dark), "dark picture", ""),
        (of(Look::Bright), "overexposed picture", ""),
        (of(Look::Blurred), "blurred picture", ""),
    ]
    .into_iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(count, noun, what)| format!("{count} {noun}{}{what}", if count == 1 { "" } else { "s" }))
    .collect();
    (!seen.is_empty()).then(|| seen.join(", "))
}
