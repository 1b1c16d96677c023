//! Opens files of features, and checks that they belong together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use headstart_data::DataError;
use headstart_data::sources::features::FeatureFile;

use super::{FeatureFiles, FeatureSource};
use crate::{Error, FeatureOrigin, FeaturePart, Warning};

pub(super) fn open(source: &FeatureSource) -> Result<FeatureFiles, Error> {
    let mut files = Vec::new();
    for given in &source.files {
        for path in found(given)? {
            let file = FeatureFile::open(&path, &source.columns)?;
            let origin = origin(&file)?;
            files.push((file, origin));
        }
    }
    let Some((first, _)) = files.first() else {
        return Err(Error::Options("give files of features".to_owned()));
    };
    let with_width = files.iter().find_map(|(file, _)| Some((file, file.width()?)));
    let Some((wide, width)) = with_width else {
        let (file, reason) = (first.path().to_owned(), "has no rows".to_owned());
        return Err(Error::Features { file, reason });
    };
    for (file, _) in &files {
        if let Some(own) = file.width().filter(|&own| own != width) {
            let wide = wide.path().display();
            let reason = format!("has {own} features a row, and {wide} has {width}");
            return Err(Error::Features { file: file.path().to_owned(), reason });
        }
    }
    let known = files.iter().find_map(|(file, origin)| Some((file, origin.clone()?)));
    if let Some((first, expected)) = &known {
        for (file, origin) in &files {
            if let Some(origin) = origin.as_ref().filter(|own| !own.is_same_base(expected)) {
                let first = first.path().display();
                let reason =
                    format!("its features are of {origin}, and those of {first} of {expected}");
                return Err(Error::Features { file: file.path().to_owned(), reason });
            }
        }
    }
    let origin = known.map(|(_, origin)| FeatureOrigin { part: None, ..origin });
    let warnings = in_order(&mut files)?;
    let files = files.into_iter().map(|(file, _)| file).collect();
    Ok(FeatureFiles { source: source.clone(), files, origin, width, warnings })
}

/// The files that a path stands for, in alphabetical order. The path may be a pattern.
fn found(given: &Path) -> Result<Vec<PathBuf>, Error> {
    let is_pattern =
        given.to_str().filter(|text| text.contains(['*', '?', '[']) && !given.exists());
    let Some(pattern) = is_pattern else { return Ok(vec![given.to_owned()]) };
    let wrong = |reason: String| Error::Features { file: given.to_owned(), reason };
    let paths = glob::glob(pattern).map_err(|error| wrong(format!("is no pattern ({error})")))?;
    let paths: Result<Vec<PathBuf>, _> = paths.collect();
    let paths = paths.map_err(|error| DataError::Unreadable {
        path: error.path().to_owned(),
        cause: error.into(),
    })?;
    match paths.is_empty() {
        true => Err(wrong("matches no file".to_owned())),
        false => Ok(paths),
    }
}

/// The origin of the features in the metadata of a file.
fn origin(file: &FeatureFile) -> Result<Option<FeatureOrigin>, Error> {
    let read = |text: &str| {
        serde_json::from_str(text).map_err(|error| Error::Features {
            file: file.path().to_owned(),
            reason: format!(
                "says in a way that is not known of which base its features are ({error})"
            ),
        })
    };
    file.origin().map(read).transpose()
}

/// Sorts the parts of a list, and warns about missing ones.
fn in_order(files: &mut [(FeatureFile, Option<FeatureOrigin>)]) -> Result<Vec<Warning>, Error> {
    let parts: Option<Vec<&FeaturePart>> =
        files.iter().map(|(_, origin)| origin.as_ref()?.part.as_ref()).collect();
    let Some(parts) = parts else { return Ok(Vec::new()) };
    let mut seen = BTreeMap::new();
    for ((file, _), part) in files.iter().zip(&parts) {
        let failed = |reason| Error::Features { file: file.path().to_owned(), reason };
        let (first, list) = (files[0].0.path().display(), &parts[0].list);
        if part.list != *list || part.shard.count() != parts[0].shard.count() {
            let reason = format!(
                "is part {} of {} pictures, and {first} is part {} of {}: compute them from one list",
                part.shard, part.pictures, parts[0].shard, parts[0].pictures
            );
            return Err(failed(reason));
        }
        if let Some(other) = seen.insert(part.shard.index(), file.path()) {
            return Err(failed(format!("is part {}, as {} is", part.shard, other.display())));
        }
    }
    let count = parts[0].shard.count();
    let missing: Vec<String> =
        (1..=count).filter(|index| !seen.contains_key(index)).map(|i| i.to_string()).collect();
    files.sort_by_key(|(_, origin)| origin.as_ref().and_then(|o| Some(o.part.as_ref()?.shard)));
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let (s, are) = if missing.len() == 1 { ("", "is") } else { ("s", "are") };
    let text = format!("part{s} {} of {count} {are} missing", missing.join(", "));
    Ok(vec![text.into()])
}
