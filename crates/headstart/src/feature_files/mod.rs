//! Heads from features that were computed before, however many there are.
//!
//! Files are opened (`open`) and gone through once (`store`): what is wrong with them shows then, and what
//! cannot be read in place is put into a file that vanishes with the process. Where all features fit into
//! memory, what follows is as with pictures; where not, their rows are divided without holding any
//! (`divide`), and the head is fitted to what is read again in each pass (`large`).

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

/// Features that are there in files, and how their rows are labelled and divided.
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
    /// Files: `.parquet`, `.npy` or `.safetensors`. In what is no file, `*`, `?` and `[…]` stand for parts
    /// of names.
    pub files: Vec<PathBuf>,
    /// Which columns hold what, where their names do not say it.
    pub columns: ColumnNames,
    /// What is held back to measure on, where no column says so.
    pub split: SplitConfig,
    /// Bytes that features may take in memory, as f32, to be fitted to there; more are read from disk in
    /// each pass. When `None` these are 256 MB.
    pub memory: Option<u64>,
}

setters!(FeatureSource {
    /// Which columns hold what.
    with_columns => columns: ColumnNames,
    /// Bytes that features may take in memory.
    with_memory => memory: impl Into<Option<u64>>,
});

/// Bytes that features may take in memory unless something else is asked for.
const MEMORY: u64 = 256_000_000;

impl FeatureSource {
    /// Features of these files, of which a fifth is held back.
    pub fn new<P: Into<PathBuf>>(files: impl IntoIterator<Item = P>) -> Self {
        Self { files: files.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Holds back this share of each class, in `0..1`; another seed holds other rows back.
    #[must_use]
    pub fn with_validation(mut self, share: f64, seed: u64) -> Self {
        self.split = SplitConfig { validation: share, seed };
        self
    }

    /// Opens the files, and reads no more of them than their beginnings and ends. Parts of one list of
    /// pictures are taken in its order, whatever they are called; other files as they are given.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged, when files are of different bases, widths or lists of
    /// pictures, and when a column is not there.
    pub fn open(&self) -> Result<FeatureFiles, Error> {
        open::open(self)
    }
}

/// Files of features that have been opened.
pub struct FeatureFiles {
    source: FeatureSource,
    files: Vec<FeatureFile>,
    /// Of which base they are, if one of them says so.
    origin: Option<FeatureOrigin>,
    width: usize,
    warnings: Vec<Warning>,
}

impl FeatureFiles {
    /// How many rows all files have.
    pub fn rows(&self) -> usize {
        self.files.iter().map(FeatureFile::rows).sum()
    }

    /// How many files there are.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Features of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// What they were opened from.
    pub fn source(&self) -> &FeatureSource {
        &self.source
    }

    /// Which base they are of; nothing where no file says so, as no `.npy` does.
    pub fn origin(&self) -> Option<&FeatureOrigin> {
        self.origin.as_ref()
    }

    /// The bundled base that they are of, if they are of one.
    pub fn base_source(&self) -> Option<crate::BaseSource> {
        self.origin.as_ref().map(FeatureOrigin::base_source)
    }

    /// What they are called together: the only file, or what was given first.
    pub(crate) fn root(&self) -> PathBuf {
        match &self.files[..] {
            [only] => only.path().to_owned(),
            _ => self.source.files.first().cloned().unwrap_or_default(),
        }
    }

    /// Fails unless these are features of `base`.
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

    /// Bytes of all features as they are in memory.
    fn bytes(&self) -> u64 {
        (self.rows() as u64).saturating_mul(4 * self.width as u64)
    }

    /// Whether all features are held in memory.
    fn is_small(&self) -> bool {
        self.bytes() <= self.source.memory.unwrap_or(MEMORY)
    }
}

impl Classifier {
    /// [`Classifier::fit`] on features that were computed before, with `base`. Where they are too many for
    /// memory, they are read in each pass, and the head has the same bits.
    ///
    /// Then also: figures are of an even draw of the rows held back, if these are many; and what
    /// probabilities mean is learned from those only.
    ///
    /// # Errors
    /// As [`Classifier::fit`]; [`Error::OtherFeatures`]; when a file cannot be read, is damaged, or has
    /// features that are no numbers; when there is no room for a copy of those that cannot be read in
    /// place; and with augmentation, or with folds of what does not fit into memory.
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
