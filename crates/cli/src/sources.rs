//! Options that select pictures, their labels and their split.

use std::path::{Path, PathBuf};

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use headstart::data::sources::ColumnNames;
use headstart::data::{PathPattern, Source};
use headstart::{Duplicates, PictureSource, Pictures};

use crate::usage;

/// Where labels come from.
#[derive(Debug, Args)]
pub(crate) struct LabelArgs {
    /// Regular expression that finds the label in each path; its first group is the label [default: the
    /// folder's name, or the table's column]
    ///
    /// Paths are relative to DIR.
    #[arg(long, value_name = "REGEX")]
    pub(crate) label_from: Option<PathPattern>,
    /// Column of labels in a table, if it has an unusual name
    ///
    /// Given several times, each is a class with 1 for its pictures and 0 for others.
    #[arg(long, visible_alias = "labels", value_name = "NAME", conflicts_with = "label_from")]
    label_column: Vec<String>,
    /// Separator between the labels of a picture in a table's column; allows several labels
    #[arg(long, value_name = "TEXT", conflicts_with = "label_from", value_parser = NonEmptyStringValueParser::new())]
    label_separator: Option<String>,
    /// Allow any number of labels per picture
    ///
    /// A picture in the folders of several classes has all of their labels. Tables with `|` between labels,
    /// with lists, or with a 1 in several columns do not need this option.
    #[arg(long)]
    pub(crate) multi_label: bool,
    #[command(flatten)]
    path: PathColumnArgs,
}

/// Where a table has its paths.
#[derive(Debug, Args)]
pub(crate) struct PathColumnArgs {
    /// Column of paths in a table, if it has an unusual name
    #[arg(long, value_name = "NAME")]
    path_column: Option<String>,
}

impl PathColumnArgs {
    pub(crate) fn columns(&self) -> ColumnNames {
        ColumnNames { path: self.path_column.clone(), ..ColumnNames::default() }
    }
}

impl LabelArgs {
    pub(crate) fn source(&self, path: &Path) -> Source {
        Source {
            label_from: self.label_from.clone(),
            columns: self.columns(),
            multi_label: self.multi_label,
            ..Source::new(path)
        }
    }

    pub(crate) fn columns(&self) -> ColumnNames {
        ColumnNames {
            labels: self.label_column.clone(),
            separator: self.label_separator.clone(),
            ..self.path.columns()
        }
    }
}

/// Where labels and groups come from.
#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    #[command(flatten)]
    label: LabelArgs,
    /// Regular expression that finds the group, such as the patient, in each path [default: the table's column]
    ///
    /// Pictures of one group are never on both sides of a split.
    #[arg(long, value_name = "REGEX")]
    group_from: Option<PathPattern>,
}

impl SourceArgs {
    pub(crate) fn source(&self, path: &Path) -> Source {
        Source { group_from: self.group_from.clone(), ..self.label.source(path) }
    }
}

/// Which pictures count as the same.
#[derive(Debug, Args)]
pub(crate) struct DuplicateArgs {
    /// Which duplicates to keep on one side of the split [default: near; exact if the split is given and there
    /// are more than 6,000 pictures]
    #[arg(long, value_enum, value_name = "WHICH")]
    duplicates: Option<Which>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    /// Also pictures that were saved again, scaled, recoloured, mirrored or slightly cropped
    Near,
    /// Only pictures with the same pixels
    Exact,
}

impl DuplicateArgs {
    pub(crate) fn get(&self) -> Option<Duplicates> {
        self.duplicates.map(|which| match which {
            Which::Near => Duplicates::Near,
            Which::Exact => Duplicates::Exact,
        })
    }
}

/// The default share of each class that is held back for validation.
pub(crate) const DEFAULT_SHARE: f64 = 0.2;

pub(crate) fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..1.0).contains(&share) => Ok(share),
        _ => Err("give a share from 0 up to, but not including, 1".to_owned()),
    }
}

/// Which pictures are measured on.
#[derive(Debug, Args)]
pub(crate) struct SplitArgs {
    /// Pictures to validate on, like DIR
    #[arg(long, value_name = "DIR", conflicts_with = "val_split")]
    val_dir: Option<PathBuf>,
    /// Share of each class to hold back for validation [default: 0.2]
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    val_split: Option<f64>,
    /// Cross-validate with K folds; the final model is trained on all pictures
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(2..), conflicts_with_all = ["val_dir", "val_split", "export_split"])]
    folds: Option<u32>,
    /// Write the split to a table that can be used as DIR again
    #[arg(long, value_name = "FILE.csv", conflicts_with = "val_dir")]
    pub(crate) export_split: Option<PathBuf>,
}

impl SplitArgs {
    pub(crate) fn folds(&self) -> Option<usize> {
        self.folds.map(|folds| folds as usize)
    }

    /// The source, with the split that these options describe.
    pub(crate) fn source(&self, source: Source, seed: u64) -> PictureSource {
        PictureSource::new(source)
            .with_validation_from(self.val_dir.clone())
            .with_validation(self.val_split.unwrap_or(DEFAULT_SHARE), seed)
    }

    /// The option that asks for a split, if one was given.
    pub(crate) fn option(&self) -> Option<&'static str> {
        match (self.val_split, self.folds) {
            (Some(_), _) => Some("--val-split"),
            (_, Some(_)) => Some("--folds"),
            _ => None,
        }
    }
}

/// Opens the pictures of a source. `option` is the option that asks for a split, if one was given.
///
/// # Errors
/// If the source cannot be used for training, or if `option` is given and the source already has a split.
pub(crate) fn open(source: &PictureSource, option: Option<&str>) -> anyhow::Result<Pictures> {
    let pictures = source.open()?;
    match option.filter(|_| pictures.is_split()) {
        Some(option) => {
            let root = pictures.root().display();
            Err(usage(format!("{root}: already has a split; remove {option}")))
        }
        None => Ok(pictures),
    }
}
