//! Which tensors of a file are the weights of a network, under one naming.

use std::collections::{BTreeMap, BTreeSet};

use super::Naming;
use crate::formats::Checkpoint;
use crate::{Network, Tensor};

/// The tensors of a file that have the names of a network's weights.
pub(in crate::formats) struct Matching<'a> {
    pub(in crate::formats) naming: Naming,
    /// For each weight of the network, the name in the file and the tensor.
    pub(in crate::formats) found: Vec<Option<(&'a str, &'a Tensor)>>,
    /// The names under which the weights would stand in the file, prefix and all.
    pub(in crate::formats) expected: Vec<String>,
    /// Tensors below the same prefix that the network has no place for: name, name without the
    /// prefix, tensor.
    pub(in crate::formats) surplus: Vec<(&'a str, String, &'a Tensor)>,
    /// How many weights were found.
    pub(in crate::formats) hits: usize,
}

/// The tensors of a file under the names that one naming gives them.
pub(in crate::formats) struct Index<'a> {
    naming: Naming,
    tensors: BTreeMap<String, (&'a str, &'a Tensor)>,
}

impl<'a> Index<'a> {
    /// One for each naming that files of this format use.
    pub(in crate::formats) fn all(checkpoint: &'a Checkpoint) -> Vec<Self> {
        let used = Naming::ALL.into_iter().filter(|naming| naming.is_used_in(checkpoint.format));
        let index = |naming: Naming| Self {
            naming,
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

    /// The prefix below which most of the names are, and how many. Of equals, the shortest.
    fn prefix(&self, names: &[Vec<String>]) -> (usize, String) {
        let found =
            |prefix: &str, names: &[String]| names.iter().any(|n| self.get(prefix, n).is_some());
        let hits = |prefix: &str| names.iter().filter(|names| found(prefix, names)).count();
        self.prefixes(names)
            .into_iter()
            .map(|prefix| (hits(&prefix), prefix))
            .max_by_key(|(hits, prefix)| (*hits, std::cmp::Reverse(prefix.len())))
            .unwrap_or_default()
    }

    /// What may stand before the names: whatever stands before a few of them in the file. The
    /// first could be missing, so the search does not rest on it alone.
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
    /// The weights of `network` under the naming, and below the prefix, that finds the most.
    pub(in crate::formats) fn best(indexes: &[Index<'a>], network: &Network) -> Self {
        let ((hits, prefix), names, index) = indexes
            .iter()
            .map(|index| {
                let names = index.naming.names(network);
                (index.prefix(&names), names, index)
            })
            // Of equals, the first.
            .reduce(|best, next| if next.0.0 > best.0.0 { next } else { best })
            .expect("every format has a naming");
        let found: Vec<_> = names
            .iter()
            .map(|names| names.iter().find_map(|name| index.get(&prefix, name)))
            .collect();
        let used: BTreeSet<&str> = found.iter().flatten().map(|(name, _)| *name).collect();
        let surplus = index
            .tensors
            .iter()
            .filter(|(_, (name, _))| !used.contains(name))
            .filter_map(|(canonical, &(name, tensor))| {
                Some((name, canonical.strip_prefix(&prefix)?.to_owned(), tensor))
            })
            .collect();
        let expected = names.iter().map(|names| format!("{prefix}{}", names[0])).collect();
        Self { naming: index.naming, found, expected, surplus, hits }
    }

    /// Whether every weight is there in the right shape.
    pub(in crate::formats) fn is_exact(&self, network: &Network) -> bool {
        self.found.iter().zip(network.weight_specs()).all(|(found, (layer, spec))| {
            found.is_some_and(|(_, tensor)| self.shape(layer, tensor) == spec.shape)
        })
    }

    /// The shape of a tensor of the file in our order of axes.
    fn shape(&self, layer: &crate::Layer, tensor: &Tensor) -> Vec<usize> {
        self.naming.shape_to_ours(layer, &tensor.shape)
    }
}
