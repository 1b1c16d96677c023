//! Heads from features that fit into memory, handled like those of pictures.

use std::io;
use std::sync::Arc;

use headstart_data::{ContentHash, Listed, Listing, Location, Provided, Subset};

use super::FeatureFiles;
use super::rows::Rows;
use super::store::Store;
use crate::{
    Base, Classifier, Context, Duplicates, Error, Extraction, FitConfig, FitReport, Pictures,
};

pub(super) fn fit(
    base: Base,
    files: &FeatureFiles,
    (rows, store, contents): (&Rows, &Store, Vec<ContentHash>),
    config: &FitConfig,
    context: &mut Context<'_>,
) -> Result<(Classifier, FitReport), Error> {
    let mut groups: Vec<Option<Arc<str>>> = Vec::new();
    for file in files.files.iter().filter(|_| files.has_groups()) {
        file.for_each_group(&mut |name| {
            let name = name.trim();
            groups.push((!name.is_empty()).then(|| name.into()));
        })?;
    }
    let mut listing = Listing { notes: rows.notes.clone(), ..Listing::default() };
    for (place, at) in files.locations(&rows.rows)?.into_iter().enumerate() {
        let side = |held_back: &Vec<bool>| match held_back[place] {
            true => Subset::Validation,
            false => Subset::Train,
        };
        listing.pictures.push(Listed {
            at,
            label: rows.names(place).clone(),
            subset: rows.held_back.as_ref().map(side),
            group: groups.get(rows.rows[place] as usize).cloned().flatten(),
            weight: rows.weights.as_ref().map_or(1.0, |weights| weights[place]),
        });
    }
    let split = &files.source.split;
    let pictures = Pictures::from_listing(files.root(), listing)?
        .with_validation(split.validation, split.seed)
        .with_duplicates(Duplicates::Exact);
    assert_eq!(pictures.len(), rows.rows.len(), "rows without a label have been left out");
    let extraction = Extraction {
        features: context.install(|_| store.features(&rows.rows))?,
        contents: rows.rows.iter().map(|&row| contents[row as usize]).collect(),
        kept: (0..pictures.len()).collect(),
        ..Extraction::default()
    };
    let (classifier, mut report) =
        Classifier::fit_extracted(base, &pictures, extraction, config, context)?;
    report.warnings.splice(0..0, rows.warnings.iter().cloned());
    Ok((classifier, report))
}

impl FeatureFiles {
    pub(super) fn has_groups(&self) -> bool {
        self.files.iter().any(|file| file.has_groups())
    }

    /// The recorded locations of the pictures of some rows, which are in ascending order.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn locations(&self, rows: &[u32]) -> Result<Vec<Location>, Error> {
        let mut wanted = rows.iter().copied().peekable();
        let (mut found, mut first) = (Vec::with_capacity(rows.len()), 0);
        for file in &self.files {
            let mut row = 0;
            file.for_each_path(&mut |path| {
                if wanted.next_if_eq(&((first + row) as u32)).is_some() {
                    found.push(match path.trim() {
                        "" => nowhere(file.path().join(row.to_string())),
                        path => Location::from(path),
                    });
                }
                row += 1;
            })?;
            first += file.rows();
        }
        Ok(found)
    }
}

/// The location of a picture of which there are only features.
fn nowhere(name: std::path::PathBuf) -> Location {
    let none = || Err(io::Error::new(io::ErrorKind::NotFound, "there are features of it alone"));
    Provided::new(name, none).into()
}
