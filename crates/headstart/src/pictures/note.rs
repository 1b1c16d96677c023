//! What training says of its pictures, in a line.

use headstart_data::{Facts, Split};

use crate::copies::Copies;
use crate::looks::{Look, looks};

/// What an audit would say that needs no training, summed up; nothing of pictures that are in order.
/// Equal pixels are told of by the split itself, near-duplicates where `copies` were looked for. `side` is the shorter side of the network's input.
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
