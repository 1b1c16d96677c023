//! Writing of manifests.

use std::io::{self, Write};
use std::path::{Path, absolute};

use super::super::labels::set_to_cell;
use super::super::{Dataset, Item, Location, SkipReason, Skipped, Subset};

/// Writes the pictures of a data set as a CSV manifest for storage in `folder`, with the side of each: reading it gives
/// the same pictures, labels, groups, weights and sides.
///
/// Paths are relative to `folder` for pictures inside it, otherwise absolute. Pictures whose paths are not UTF-8 are
/// left out, and returned with this reason.
///
/// # Errors
/// Errors of `out`; a picture that is not a separate file.
pub fn write(
    out: impl Write,
    folder: &Path,
    dataset: &Dataset,
    is_held_back: &dyn Fn(&Item) -> bool,
) -> io::Result<Vec<Skipped>> {
    let folder = absolute(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?;
    let grouped = dataset.items.iter().any(|item| item.group.is_some());
    let weighted = dataset.items.iter().any(|item| item.weight != 1.0);
    let columns = |path, label, split, group, weight| {
        let optional = [(grouped, group), (weighted, weight)].into_iter();
        let optional =
            optional.filter(|(wanted, _)| *wanted).map(|(_, value): (bool, String)| value);
        [path, label, split].into_iter().chain(optional)
    };
    let name = |name: &str| name.to_owned();
    let label = |item: &Item| match &dataset.label_sets {
        None => dataset.classes[item.label].clone(),
        Some(_) => set_to_cell(
            dataset.classes_of(item).iter().map(|&class| dataset.classes[class].as_str()),
        ),
    };
    let mut table = csv::Writer::from_writer(out);
    table.write_record(columns(
        name("path"),
        name(if dataset.label_sets.is_some() { "labels" } else { "label" }),
        name("split"),
        name("group"),
        name("weight"),
    ))?;
    let mut left_out = Vec::new();
    for item in dataset.items.iter().chain(&dataset.tests) {
        let Location::File(path) = &item.at else {
            let reason = format!("{} is no file of its own, which a manifest needs", item.at);
            return Err(io::Error::other(reason));
        };
        let full = absolute(path)?;
        let Some(path) = full.strip_prefix(&folder).unwrap_or(&full).to_str() else {
            left_out.push(Skipped::new(path, SkipReason::NotUtf8));
            continue;
        };
        let side = match item.subset {
            Some(Subset::Test) => Subset::Test,
            _ if is_held_back(item) => Subset::Validation,
            _ => Subset::Train,
        };
        table.write_record(columns(
            path.to_owned(),
            label(item),
            side.to_string(),
            item.group.as_deref().unwrap_or_default().to_owned(),
            item.weight.to_string(),
        ))?;
    }
    table.flush()?;
    Ok(left_out)
}
