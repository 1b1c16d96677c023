//! Writing a manifest.

use std::io::{self, Write};
use std::path::{Path, absolute};

use super::super::{Dataset, Item, Location};

/// Writes the pictures of a data set as a manifest in CSV that is to lie in `folder`, with the side
/// that each is on: read again it gives the same pictures, labels, groups, weights and sides.
///
/// Paths count from `folder` on where pictures lie below it, and are absolute elsewhere.
///
/// # Errors
/// What `out` says; a picture that is no file of its own, or whose path is not UTF-8.
pub fn write(
    out: impl Write,
    folder: &Path,
    dataset: &Dataset,
    is_held_back: &dyn Fn(&Item) -> bool,
) -> io::Result<()> {
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
    let mut table = csv::Writer::from_writer(out);
    table.write_record(columns(
        name("path"),
        name("label"),
        name("split"),
        name("group"),
        name("weight"),
    ))?;
    for item in &dataset.items {
        let cannot = |why| io::Error::other(format!("{} {why}", item.at));
        let Location::File(path) = &item.at else {
            return Err(cannot("is no file of its own, which a manifest needs"));
        };
        let path = absolute(path)?;
        let path = path.strip_prefix(&folder).unwrap_or(&path);
        let path = path.to_str().ok_or_else(|| cannot("has a name that is not UTF-8"))?;
        table.write_record(columns(
            path.to_owned(),
            dataset.classes[item.class].clone(),
            name(if is_held_back(item) { "validation" } else { "train" }),
            item.group.as_deref().unwrap_or_default().to_owned(),
            item.weight.to_string(),
        ))?;
    }
    table.flush()
}
