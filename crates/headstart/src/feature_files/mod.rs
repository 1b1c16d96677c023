//! Heads from files of features, however many there are.
//!
//! Files are opened (`open`) and read through once (`store`). This pass finds damage, and copies rows that
//! cannot be read in place to a file that is gone when the process ends. If all features fit into memory, they
//! are handled like those of pictures (`small`). If not, their rows are split without being loaded (`divide`),
//! and the head is fitted to features that are read again in each pass (`large`).

mod divide;
mod large;
mod open;
mod rows;
mod small;
mod store;

use std::path::PathBuf;

use headstart_data::SplitConfig;
use headstart_data::sources::ColumnNames;
use headstart_data::sources::features::FeatureFile;
use serde::{Deserialize, Serialize};

use crate::config::setters;
use crate::training_set::{DiskNeed, scratch_folder};
use crate::{Base, Classifier, Context, Error, FeatureOrigin, FitConfig, FitReport, Warning};
use rows::Rows;
use store::Store;

/// Files of features, with the labels and the split of their rows.
///
/// ```no_run
/// use headstart::{Base, Classifier, Context, FeatureSource, FitConfig};
///
/// # fn main() -> Result<(), headstart::Error> {
/// let files = FeatureSource::new(["features/part-*.parquet"]).open()?;
/// let base = files.base_source().expect("the files say of which base they are").load()?;
/// let config = FitConfig::default();
/// let (classifier, _) =
///     Classifier::fit_files(base, &files, &config, &mut Context::default())?;
/// classifier.save("flowers.safetensors")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct FeatureSource {
    /// The files: `.parquet`, `.npy` or `.safetensors`. In paths that do not exist, `*`, `?` and `[…]` are
    /// wildcards.
    pub files: Vec<PathBuf>,
    /// The meaning of columns whose names do not show it.
    pub columns: ColumnNames,
    /// The held-back share, if no column specifies the split.
    pub split: SplitConfig,
    /// Limit on the bytes of features in memory, as f32. Larger files are read from disk in each pass. If
    /// `None`, the limit is 256 MB.
    pub memory: Option<u64>,
}

setters!(FeatureSource {
    /// Sets the meaning of columns.
    with_columns => columns: ColumnNames,
    /// Sets the limit on the bytes of features in memory.
    with_memory => memory: impl Into<Option<u64>>,
});

/// The default limit on the bytes of features in memory.
const MEMORY: u64 = 256_000_000;

impl FeatureSource {
    /// Features of these files, a fifth of which is held back.
    pub fn new<P: Into<PathBuf>>(files: impl IntoIterator<Item = P>) -> Self {
        Self { files: files.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Holds back this share of each class, in `0..1`. The seed decides which rows are held back.
    #[must_use]
    pub fn with_validation(mut self, share: f64, seed: u64) -> Self {
        self.split = SplitConfig { validation: share, seed };
        self
    }

    /// Opens the files, and reads only their beginnings and ends. Parts of one list of pictures are put into
    /// its order, whatever their names; other files keep the given order.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged, files differ in base, width or list of pictures, or a column
    /// does not exist.
    pub fn open(&self) -> Result<FeatureFiles, Error> {
        open::open(self)
    }
}

/// Opened files of features.
pub struct FeatureFiles {
    source: FeatureSource,
    files: Vec<FeatureFile>,
    /// The base that computed the features, if a file specifies it.
    origin: Option<FeatureOrigin>,
    width: usize,
    warnings: Vec<Warning>,
}

impl FeatureFiles {
    /// The number of rows of all files.
    pub fn rows(&self) -> usize {
        self.files.iter().map(FeatureFile::rows).sum()
    }

    /// The number of files.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// The number of features per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The source that the files were opened from.
    pub fn source(&self) -> &FeatureSource {
        &self.source
    }

    /// The base that computed the features; `None` if no file specifies it. `.npy` files never do.
    pub fn origin(&self) -> Option<&FeatureOrigin> {
        self.origin.as_ref()
    }

    /// The bundled base that may have computed the features, if a file specifies it.
    pub fn base_source(&self) -> Option<crate::BaseSource> {
        self.origin.as_ref().map(FeatureOrigin::base_source)
    }

    /// A path for all files together: the only file, or the first path that was given.
    pub(crate) fn root(&self) -> PathBuf {
        match &self.files[..] {
            [only] => only.path().to_owned(),
            _ => self.source.files.first().cloned().unwrap_or_default(),
        }
    }

    /// Checks that the features were computed by `base`.
    ///
    /// # Errors
    /// [`Error::OtherFeatures`].
    pub fn check_base(&self, base: &Base) -> Result<(), Error> {
        let own = FeatureOrigin::of(base);
        let other = |features: String, base: String| {
            Err(Error::OtherFeatures { file: self.root(), features, base })
        };
        match &self.origin {
            Some(origin) if !origin.is_same_base(&own) => {
                other(origin.to_string(), own.to_string())
            }
            _ if self.width != base.features() => other(
                format!("{} numbers", self.width),
                format!("{own}, which has {}", base.features()),
            ),
            _ => Ok(()),
        }
    }

    /// The bytes of all features in memory.
    fn bytes(&self) -> u64 {
        (self.rows() as u64).saturating_mul(4 * self.width as u64)
    }

    /// Whether all features fit into memory.
    fn is_small(&self) -> bool {
        self.bytes() <= self.source.memory.unwrap_or(MEMORY)
    }
}

impl Classifier {
    /// [`Classifier::fit`] on features that were computed by `base` before.
    ///
    /// Features that do not fit into memory are read again in each pass; the head is bit-identical. In this
    /// case metrics are those of evenly spaced held-back rows, if there are many, and only these are used for
    /// calibration.
    ///
    /// # Errors
    /// As for [`Classifier::fit`]; [`Error::OtherFeatures`]; when a file cannot be read, is damaged, or
    /// contains features that are not finite; when there is no space for a copy of rows that cannot be read in
    /// place; and with augmentation, or with folds of features that do not fit into memory.
    pub fn fit_files(
        base: Base,
        files: &FeatureFiles,
        config: &FitConfig,
        context: &mut Context<'_>,
    ) -> Result<(Self, FitReport), Error> {
        config.check()?;
        if config.inputs.augment != headstart_data::Augment::None {
            let problem = "features that are there cannot be augmented: leave one or the other out";
            return Err(Error::Options(problem.to_owned()));
        }
        if config.folds.is_some() && !files.is_small() {
            let problem = format!(
                "folds are of features in memory, where these would take {} MB: hold some back, or allow that much memory",
                files.bytes() / 1_000_000
            );
            return Err(Error::Options(problem));
        }
        files.check_base(&base)?;
        let rows = Rows::read(files)?;
        for note in &rows.notes {
            context.tell(crate::Event::Note { message: note.to_string() });
        }
        let folder = scratch_folder(&config.inputs.extract);
        DiskNeed { bytes: Store::scratch_bytes(files), folder: folder.clone() }.tell(context)?;
        let start = std::time::Instant::now();
        let (store, contents) =
            context.install(|context| Store::prepare(files, &folder, context))?;
        let (classifier, mut report) = match files.is_small() {
            true => small::fit(base, files, (&rows, &store, contents), config, context)?,
            false => large::fit(base, files, (rows, store, contents), (config, start), context)?,
        };
        report.warnings.splice(0..0, files.warnings.iter().cloned());
        Ok((classifier, report))
    }
}
