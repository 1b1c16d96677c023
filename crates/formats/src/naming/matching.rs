//! Matches the tensors of a file with the weights of a network, under one naming.

use std::collections::{BTreeMap, BTreeSet};

use headstart_model::{Network, Tensor};

use super::Naming;
use crate::checkpoint::{Checkpoint, SEPARATORS};

/// The tensors of a file whose names match a network's weights.
pub(crate) struct Matching<'a> {
    pub(crate) naming: Naming,
    /// For each weight of the network, its name in the file and its tensor, if present.
    pub(crate) found: Vec<Option<(&'a str, &'a Tensor)>>,
    /// The names that the weights would have in the file, including the prefix.
    pub(crate) expected: Vec<String>,
    /// Tensors below the same prefix that do not belong to the network: name, name without the
    /// prefix, tensor.
    pub(crate) surplus: Vec<(&'a str, String, &'a Tensor)>,
    /// The number of weights found.
    pub(crate) hits: usize,
    /// The prefix of the names in the file.
    pub(crate) prefix: String,
    /// Prefixes below which all weights are present with other values.
    pub(crate) others: Vec<String>,
}

/// The position of a network's weights in a file.
#[derive(Default)]
struct Set {
    hits: usize,
    prefix: String,
    /// Prefixes of other values that could have been chosen.
    others: Vec<String>,
    /// All other prefixes below which the weights are present.
    elsewhere: Vec<String>,
}

/// The tensors of a file under their canonical names in one naming.
pub(crate) struct Index<'a> {
    naming: Naming,
    tensors: BTreeMap<String, (&'a str, &'a Tensor)>,
    /// The prefix to search below; `None` for everywhere.
    below: Option<&'a str>,
}

impl<'a> Index<'a> {
    /// One index for each naming that files of this format use.
    pub(crate) fn all(checkpoint: &'a Checkpoint) -> Vec<Self> {
        let used = Naming::ALL.into_iter().filter(|naming| naming.is_used_in(checkpoint.format));
        let index = |naming: Naming| Self {
            naming,
            below: checkpoint.below.as_deref(),
            tensors: checkpoint
                .tensors
                .iter()
                .map(|(name, tensor)| (naming.canonical(name), (name.as_str(), tensor)))
                .collect(),
        };
        used.map(index).collect()
    }

    fn get(&self, prefix: &str, name: &str) -> Option<(&'a str, &'a Tensor)> {
        if prefix.is_empty() {
            return self.tensors.get(name).copied();
        }
        self.tensors.get(&format!("{prefix}{name}")).copied()
    }

    /// Chooses the prefix of the weights of `network`: the one with the most names. Among several
    /// with all names in the right shapes, it prefers moving averages, as timm does. Ties go to the
    /// shortest prefix.
    fn best_set(&self, network: &Network, names: &[Vec<String>], below: Option<&str>) -> Set {
        let mut sets: Vec<(usize, bool, String)> = self
            .prefixes(names)
            .into_iter()
            .map(|prefix| {
                let found = self.found(&prefix, names);
                let hits = found.iter().flatten().count();
                (hits, is_exact(self.naming, &found, network), prefix)
            })
            .collect();
        let asked = |prefix: &str| below.is_none_or(|below| lies_below(prefix, below));
        let best = (0..sets.len()).filter(|&i| asked(&sets[i].2)).max_by_key(|&i| {
            let (hits, exact, prefix) = &sets[i];
            let average = *exact && is_average(prefix);
            (*hits, *exact, average, std::cmp::Reverse(prefix.len()))
        });
        let Some(best) = best else { return Set::default() };
        let (hits, exact, prefix) = sets.swap_remove(best);
        let elsewhere = sets.into_iter().filter(|(_, other, _)| exact && *other);
        let elsewhere: Vec<String> = elsewhere.map(|(.., prefix)| prefix).collect();
        let own = self.found(&prefix, names);
        let differs = |other: &&String| {
            let other = self.found(other, names);
            own.iter().flatten().zip(other.iter().flatten()).any(|(a, b)| a.1 != b.1)
        };
        let others = match below {
            None => elsewhere.iter().filter(|other| differs(other)).cloned().collect(),
            Some(_) => Vec::new(),
        };
        Set { hits, prefix, others, elsewhere }
    }

    /// The tensor of each weight below a prefix.
    fn found(&self, prefix: &str, names: &[Vec<String>]) -> Vec<Option<(&'a str, &'a Tensor)>> {
        names.iter().map(|names| names.iter().find_map(|name| self.get(prefix, name))).collect()
    }

    /// The candidate prefixes: whatever precedes the names of three weights in the file. One weight
    /// would not be enough, since it could be missing.
    fn prefixes(&self, names: &[Vec<String>]) -> BTreeSet<String> {
        let mut prefixes = BTreeSet::from([String::new()]);
        for anchor in [0, names.len() / 2, names.len().saturating_sub(1)] {
            for name in names.get(anchor).into_iter().flatten() {
                let before = self.tensors.keys().filter_map(|key| key.strip_suffix(name.as_str()));
                prefixes.extend(before.map(str::to_owned));
            }
        }
        prefixes
    }
}

impl<'a> Matching<'a> {
    /// The match with the most weights, over all namings and prefixes.
    pub(crate) fn best(indexes: &[Index<'a>], network: &Network) -> Self {
        let has = |index: &&Index<'_>| index.naming.has(network);
        // If the format has no naming for this network, our own names are searched.
        let any = indexes.iter().any(|index| has(&index));
        let (set, names, index) = indexes
            .iter()
            .filter(|index| !any || has(index))
            .map(|index| {
                let names = index.naming.names(network);
                (index.best_set(network, &names, index.below), names, index)
            })
            // Ties go to the first.
            .reduce(|best, next| if next.0.hits > best.0.hits { next } else { best })
            .expect("every format has a naming");
        let Set { hits, prefix, others, elsewhere } = set;
        let found = index.found(&prefix, &names);
        let used: BTreeSet<&str> = found.iter().flatten().map(|(name, _)| *name).collect();
        let surplus = index
            .tensors
            .iter()
            .filter(|(canonical, (name, _))| {
                // The other set is below a longer prefix; this one's may be empty.
                let of =
                    |other: &String| other.len() > prefix.len() && canonical.starts_with(other);
                !used.contains(name) && !elsewhere.iter().any(of)
            })
            .filter_map(|(canonical, &(name, tensor))| {
                Some((name, canonical.strip_prefix(&prefix)?.to_owned(), tensor))
            })
            .collect();
        let expected = names.iter().map(|names| format!("{prefix}{}", names[0])).collect();
        Self { naming: index.naming, found, expected, surplus, hits, prefix, others }
    }

    /// Whether every weight is present in the right shape.
    pub(crate) fn is_exact(&self, network: &Network) -> bool {
        is_exact(self.naming, &self.found, network)
    }
}

/// Whether a tensor was found for every weight, in the right shape.
fn is_exact(naming: Naming, found: &[Option<(&str, &Tensor)>], network: &Network) -> bool {
    found.iter().zip(network.weight_specs()).all(|(found, (layer, spec))| {
        found.is_some_and(|(_, tensor)| naming.shape_to_ours(layer, &tensor.shape) == spec.shape)
    })
}

/// Whether weights below a prefix are an exponential moving average, judged by the usual name.
fn is_average(prefix: &str) -> bool {
    let mut words = prefix.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| word.eq_ignore_ascii_case("ema"))
}

/// Whether a prefix in a file is equal to, or below, the requested one.
fn lies_below(prefix: &str, asked: &str) -> bool {
    let asked = asked.trim_end_matches(SEPARATORS);
    match prefix.strip_prefix(asked) {
        Some(rest) if asked.is_empty() => rest.is_empty(),
        Some(rest) => rest.starts_with(SEPARATORS),
        None => false,
    }
}
