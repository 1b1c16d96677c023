//! Options that select the base and the pictures.

use std::path::PathBuf;

use headstart::data::Source;
use headstart::data::sources::ColumnNames;
use headstart::{BaseConfig, BaseSource, Duplicates, ExtractConfig, PictureSource, default_cache};
use pyo3::prelude::*;

use super::Options;

/// The environment variable with the default cache folder, as for the command.
const CACHE_VARIABLE: &str = "HEADSTART_CACHE";
/// The default fraction of a folder's pictures that is held out, as for the command.
const DEFAULT_SHARE: f64 = 0.2;

impl Options<'_, '_> {
    /// The base.
    pub(crate) fn base(&self) -> PyResult<BaseSource> {
        let side: Option<usize> = self.get("input_size")?;
        let config = BaseConfig::default()
            .with_architecture(self.get::<String>("base")?)
            .with_input_size(side.map(|side| (side, side)))
            .with_prefix(self.get::<String>("weights_prefix")?);
        Ok(BaseSource::default()
            .with_weights(self.get::<PathBuf>("weights")?)
            .with_config(config)
            .with_interpolation(self.named("resize")?)
            .with_fit(self.named("aspect")?))
    }

    /// How features are computed.
    pub(crate) fn extract(&self) -> PyResult<ExtractConfig> {
        let cache = match self.get::<PathBuf>("cache")? {
            Some(folder) if folder.as_os_str() == "auto" => {
                let variable = std::env::var_os(CACHE_VARIABLE).filter(|folder| !folder.is_empty());
                variable.map(PathBuf::from).or_else(default_cache)
            }
            folder => folder,
        };
        Ok(ExtractConfig::default().with_cache(cache).with_memory(self.get::<u64>("memory")?))
    }

    /// The source of the pictures.
    pub(crate) fn source(&self, path: PathBuf) -> PyResult<Source> {
        Ok(Source {
            label_from: self.named("label_from")?,
            group_from: self.named("group_from")?,
            columns: ColumnNames {
                path: self.get("path_column")?,
                labels: match self.get::<Bound<'_, PyAny>>("label_column")? {
                    Some(one) if one.extract::<String>().is_ok() => vec![one.extract()?],
                    _ => self.or("label_column", Vec::new())?,
                },
                separator: self.get("label_separator")?,
            },
            multi_label: self.or("multi_label", false)?,
            ..Source::new(path)
        })
    }

    /// The pictures of a job.
    pub(crate) fn picture_source(&self, path: PathBuf) -> PyResult<PictureSource> {
        let duplicates: Option<String> = self.get("duplicates")?;
        let duplicates = match duplicates.as_deref() {
            None => None,
            Some("near") => Some(Duplicates::Near),
            Some("exact") => Some(Duplicates::Exact),
            Some(other) => {
                let problem = format!("duplicates={other:?}: it is \"near\" or \"exact\"");
                return Err(self.wrong(&problem));
            }
        };
        Ok(PictureSource::new(self.source(path)?)
            .with_validation_from(self.get::<PathBuf>("validation")?)
            .with_validation(self.or("val_split", DEFAULT_SHARE)?, self.seed()?)
            .with_duplicates(duplicates))
    }
}
