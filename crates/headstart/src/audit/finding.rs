//! What an audit finds.

use headstart_data::Location;
use std::fmt;

use serde::{Serialize, Serializer};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Makes the model worse or its measure wrong.
    High,
    /// Worth a look.
    Medium,
    /// Good to know.
    Low,
}

/// What may be wrong with pictures, the most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// The same picture, or nearly, carries different labels.
    ConflictingLabels,
    /// Copies lie on both sides of the split.
    Straddling,
    /// The label is probably wrong.
    LabelError,
    /// The file ends before the picture does.
    Truncated,
    /// The file cannot be read as a picture, though it is one.
    Unreadable,
    /// Its bytes could not be had: the system or the archive it lies in refuses.
    Inaccessible,
    /// The file holds something else.
    NotAPicture,
    /// Left out of training for where it lies or how it is listed.
    LeftOut,
    /// Like no other picture of the set.
    Outlier,
    /// The same pixels, in several files.
    Duplicate,
    /// Nearly the same picture.
    NearDuplicate,
    /// All of one colour.
    Blank,
    /// Too dark to see much.
    Dark,
    /// Too bright to see much.
    Bright,
    /// Out of focus, or moved.
    Blurred,
    /// Smaller than the network's input where others are not.
    Tiny,
    /// Much longer in one direction than the others are.
    OddAspect,
    /// Grey among pictures in colour.
    Grey,
    /// A class has too few pictures.
    FewPictures,
    /// A class has many times the pictures of another.
    Imbalance,
    /// The file's ending is that of another format.
    Misnamed,
    /// Stored turned, to be set upright by its EXIF orientation.
    Rotated,
}

impl FindingKind {
    /// All, the most important first.
    pub const ALL: [Self; 22] = [
        Self::ConflictingLabels,
        Self::Straddling,
        Self::LabelError,
        Self::Truncated,
        Self::Unreadable,
        Self::Inaccessible,
        Self::NotAPicture,
        Self::LeftOut,
        Self::Outlier,
        Self::Duplicate,
        Self::NearDuplicate,
        Self::Blank,
        Self::Dark,
        Self::Bright,
        Self::Blurred,
        Self::Tiny,
        Self::OddAspect,
        Self::Grey,
        Self::FewPictures,
        Self::Imbalance,
        Self::Misnamed,
        Self::Rotated,
    ];

    fn entry(self) -> Entry {
        use Severity::{High, Low, Medium};
        let entry = |name, title, severity, action, value, advice| Entry {
            name,
            title,
            severity,
            action,
            value,
            advice,
        };
        match self {
            Self::ConflictingLabels => entry(
                "conflicting-labels",
                "Copies with different labels",
                High,
                "relabel",
                "cosine of their features; 1 is the same pixels",
                "Decide which label is right and remove the other copies.",
            ),
            Self::Straddling => entry(
                "straddling",
                "Copies on both sides of the split",
                High,
                "keep-together",
                "cosine of their features; 1 is the same pixels",
                "Keep copies on one side: what was trained on is no measure. Training does so \
                 where the split is its own; in a given one, move or remove them.",
            ),
            Self::LabelError => entry(
                "label-error",
                "Probable label errors",
                High,
                "relabel",
                "how much likelier the other class is, by a head that has not seen the picture",
                "Look at each; move it to the class it belongs to, or leave it if the label is right.",
            ),
            Self::Truncated => entry(
                "truncated",
                "Truncated files",
                High,
                "replace",
                "",
                "Copy or download the file again; it is left out of training.",
            ),
            Self::Unreadable => entry(
                "unreadable",
                "Unreadable files",
                High,
                "replace",
                "",
                "Replace or convert the file; it is left out of training.",
            ),
            Self::Inaccessible => entry(
                "inaccessible",
                "Files that cannot be opened or read",
                High,
                "check",
                "",
                "Check the permissions, where a link leads, and the disk, mount or archive it lies \
                 on; it is left out of training.",
            ),
            Self::NotAPicture => entry(
                "not-a-picture",
                "Files that are no pictures",
                Medium,
                "remove",
                "",
                "Move it out of the folder; it is left out of training.",
            ),
            Self::LeftOut => entry(
                "left-out",
                "Left out",
                Medium,
                "review",
                "",
                "Mend what is said of it, so that it is trained on: a picture needs a class's folder \
                 or a label, and a sound place.",
            ),
            Self::Outlier => entry(
                "outlier",
                "Outliers",
                Medium,
                "review",
                "mean cosine distance to the nearest pictures",
                "Look whether it belongs into this set at all; remove it if not.",
            ),
            Self::Duplicate => entry(
                "duplicate",
                "Duplicates",
                Low,
                "deduplicate",
                "cosine of their features; 1 is the same pixels",
                "One copy is enough: the others make it count more. Training keeps them on one side.",
            ),
            Self::NearDuplicate => entry(
                "near-duplicate",
                "Near-duplicates",
                Low,
                "deduplicate",
                "cosine of their features; 1 is the same pixels",
                "One of them is enough, unless it was varied on purpose. Training keeps them on \
                 one side.",
            ),
            Self::Blank => entry(
                "blank",
                "Blank pictures",
                Medium,
                "remove",
                "standard deviation of luma, of 255",
                "Nothing is on it; remove it.",
            ),
            Self::Dark => entry(
                "dark",
                "Too dark",
                Medium,
                "review",
                "mean luma, of 255",
                "Brighten it, take it again, or remove it if nothing can be seen.",
            ),
            Self::Bright => entry(
                "bright",
                "Too bright",
                Medium,
                "review",
                "mean luma, of 255",
                "Take it again, or remove it if nothing can be seen.",
            ),
            Self::Blurred => entry(
                "blurred",
                "Blurred",
                Medium,
                "review",
                "blur, 0 is sharp and 1 nothing but blur",
                "Take a sharper one, unless what is to be predicted is as blurred.",
            ),
            Self::Tiny => entry(
                "tiny",
                "Smaller than the network's input",
                Low,
                "review",
                "shorter side in pixels",
                "Replace it by the original if it is a thumbnail.",
            ),
            Self::OddAspect => entry(
                "odd-aspect",
                "Odd aspect ratio",
                Low,
                "crop",
                "longer side over shorter side",
                "Crop it to the subject: resized to a square it is distorted.",
            ),
            Self::Grey => entry(
                "grey",
                "Grey among colour",
                Low,
                "review",
                "colourfulness, 0 is grey",
                "Take one in colour, unless what is to be predicted may be grey.",
            ),
            Self::FewPictures => entry(
                "few-pictures",
                "Classes with few pictures",
                Medium,
                "add",
                "different pictures",
                "Add pictures, or merge the class with another.",
            ),
            Self::Imbalance => entry(
                "imbalance",
                "Imbalanced classes",
                Low,
                "add",
                "pictures of the largest class over those of this one",
                "Add pictures of this class, and look at its recall rather than at the accuracy.",
            ),
            Self::Misnamed => entry(
                "misnamed",
                "Misnamed files",
                Low,
                "rename",
                "",
                "Rename it; here its content counts, other programs may go by the ending.",
            ),
            Self::Rotated => entry(
                "rotated",
                "Turned by EXIF",
                Low,
                "none",
                "EXIF orientation",
                "Nothing to do here: it is set upright. Other programs may not do that.",
            ),
        }
    }

    /// A word for programs: `label-error`.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// A heading for people.
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// How much such a finding matters.
    pub fn severity(self) -> Severity {
        self.entry().severity
    }

    /// What a script may do about it, in a word.
    pub fn action(self) -> &'static str {
        self.entry().action
    }

    /// What a finding's value is; empty where it has none.
    pub fn value(self) -> &'static str {
        self.entry().value
    }

    /// Whether such a finding is about a whole class.
    pub fn is_about_a_class(self) -> bool {
        matches!(self, Self::FewPictures | Self::Imbalance)
    }

    /// What to do about it.
    pub fn advice(self) -> &'static str {
        self.entry().advice
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for FindingKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

struct Entry {
    name: &'static str,
    title: &'static str,
    severity: Severity,
    action: &'static str,
    value: &'static str,
    advice: &'static str,
}

/// Something about the pictures that their owner should know.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// How strong it is; what it means is said by [`FindingKind::value`]. `None` where there is no measure.
    pub value: Option<f64>,
    /// What is seen, in half a line: "labelled shirt, looks like dress".
    pub detail: String,
    /// The pictures it is about; of a class its folder, if it has one.
    pub files: Vec<Location>,
    /// Of copies which of `files` is the one to keep; `None` where that is not clear.
    pub keep: Option<usize>,
    /// The class that it is about, or would be right.
    pub class: Option<String>,
}

impl Finding {
    /// Its number as people read it.
    pub fn value_text(&self) -> Option<String> {
        let value = self.value?;
        Some(match self.kind {
            FindingKind::FewPictures | FindingKind::Tiny | FindingKind::Rotated => {
                format!("{value:.0}")
            }
            FindingKind::Dark
            | FindingKind::Bright
            | FindingKind::Imbalance
            | FindingKind::OddAspect => format!("{value:.1}"),
            _ => format!("{value:.3}"),
        })
    }

    /// How many of `all` findings, or files of one, are shown where there is room for `limit`: that there
    /// is one more takes as much room as that one.
    pub fn shown(all: usize, limit: usize) -> usize {
        if all == limit + 1 { all } else { all.min(limit) }
    }
}
