//! Findings of an audit.

use headstart_data::Location;
use std::fmt;

use serde::{Serialize, Serializer};

/// How important a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Makes the model worse or its metrics wrong.
    High,
    /// Should be looked at.
    Medium,
    /// Good to know.
    Low,
}

/// Defines the kinds, and the list of all of them.
macro_rules! kinds {
    ($($(#[$about:meta])+ $kind:ident,)+) => {
        /// Kinds of findings, the most important first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FindingKind {
            $($(#[$about])+ $kind,)+
        }

        impl FindingKind {
            /// All kinds, the most important first.
            pub const ALL: [Self; [$(stringify!($kind)),+].len()] = [$(Self::$kind),+];
        }
    };
}

kinds! {
    /// The same picture, or nearly the same, has different labels.
    ConflictingLabels,
    /// Copies are on both sides of the split.
    Straddling,
    /// The label is probably wrong.
    LabelError,
    /// The file is cut off.
    Truncated,
    /// The file is a picture but cannot be decoded.
    Unreadable,
    /// The file cannot be read from the system or from its archive.
    Inaccessible,
    /// The file is not a picture.
    NotAPicture,
    /// The file is left out of training because of its place or its entry in the list.
    LeftOut,
    /// The picture is unlike any other of the set.
    Outlier,
    /// Several files have the same pixels.
    Duplicate,
    /// Several pictures are nearly the same.
    NearDuplicate,
    /// The picture has a single colour.
    Blank,
    /// The picture is too dark to recognise much.
    Dark,
    /// The picture is too bright to recognise much.
    Bright,
    /// The picture is out of focus or has motion blur.
    Blurred,
    /// The picture is smaller than the network's input, unlike the others.
    Tiny,
    /// The picture is much longer in one direction than the others.
    OddAspect,
    /// The picture is grey, among pictures in colour.
    Grey,
    /// A class has too few pictures.
    FewPictures,
    /// A class has many times the pictures of another.
    Imbalance,
    /// The extension of the file is that of another format.
    Misnamed,
    /// The picture is stored rotated, with an EXIF orientation that corrects it.
    Rotated,
}

impl FindingKind {
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
                most("cosine of their features; 1 is the same pixels", 3),
                "Decide which label is right and remove the other copies.",
            ),
            Self::Straddling => entry(
                "straddling",
                "Copies on both sides of the split",
                High,
                "keep-together",
                most("cosine of their features; 1 is the same pixels", 3),
                "Keep copies on one side: what was trained on is no measure. Training does so \
                 where the split is its own; in a given one, move or remove them.",
            ),
            Self::LabelError => entry(
                "label-error",
                "Probable label errors",
                High,
                "relabel",
                most(
                    "how much likelier the other class is, by a head that has not seen the picture",
                    3,
                ),
                "Look at each; move it to the class it belongs to, or leave it if the label is right.",
            ),
            Self::Truncated => entry(
                "truncated",
                "Truncated files",
                High,
                "replace",
                NONE,
                "Copy or download the file again; it is left out of training.",
            ),
            Self::Unreadable => entry(
                "unreadable",
                "Unreadable files",
                High,
                "replace",
                NONE,
                "Replace or convert the file; it is left out of training.",
            ),
            Self::Inaccessible => entry(
                "inaccessible",
                "Files that cannot be opened or read",
                High,
                "check",
                NONE,
                "Check the permissions, where a link leads, and the disk, mount or archive it lies \
                 on; it is left out of training.",
            ),
            Self::NotAPicture => entry(
                "not-a-picture",
                "Files that are no pictures",
                Medium,
                "remove",
                NONE,
                "Move it out of the folder; it is left out of training.",
            ),
            Self::LeftOut => entry(
                "left-out",
                "Left out",
                Medium,
                "review",
                NONE,
                "Fix the stated problem so that it can be used for training.",
            ),
            Self::Outlier => entry(
                "outlier",
                "Outliers",
                Medium,
                "review",
                most("mean cosine distance to the nearest pictures", 3),
                "Look whether it belongs into this set at all; remove it if not.",
            ),
            Self::Duplicate => entry(
                "duplicate",
                "Duplicates",
                Low,
                "deduplicate",
                most("cosine of their features; 1 is the same pixels", 3),
                "One copy is enough: the others make it count more. Training keeps them on one side.",
            ),
            Self::NearDuplicate => entry(
                "near-duplicate",
                "Near-duplicates",
                Low,
                "deduplicate",
                most("cosine of their features; 1 is the same pixels", 3),
                "One of them is enough, unless it was varied on purpose. Training keeps them on \
                 one side.",
            ),
            Self::Blank => entry(
                "blank",
                "Blank pictures",
                Medium,
                "remove",
                least("standard deviation of luma, of 255", 3),
                "Nothing is on it; remove it.",
            ),
            Self::Dark => entry(
                "dark",
                "Too dark",
                Medium,
                "review",
                least("mean luma, of 255", 1),
                "Brighten it, take it again, or remove it if nothing can be seen.",
            ),
            Self::Bright => entry(
                "bright",
                "Too bright",
                Medium,
                "review",
                most("mean luma, of 255", 1),
                "Take it again, or remove it if nothing can be seen.",
            ),
            Self::Blurred => entry(
                "blurred",
                "Blurred",
                Medium,
                "review",
                most("blur, 0 is sharp and 1 nothing but blur", 3),
                "Take a sharper one, unless what is to be predicted is as blurred.",
            ),
            Self::Tiny => entry(
                "tiny",
                "Smaller than the network's input",
                Low,
                "review",
                least("shorter side in pixels", 0),
                "Replace it by the original if it is a thumbnail.",
            ),
            Self::OddAspect => entry(
                "odd-aspect",
                "Odd aspect ratio",
                Low,
                "crop",
                most("longer side over shorter side", 1),
                "Crop it to the subject: resized to a square it is distorted.",
            ),
            Self::Grey => entry(
                "grey",
                "Grey among colour",
                Low,
                "review",
                least("colourfulness, 0 is grey", 3),
                "Take one in colour, unless what is to be predicted may be grey.",
            ),
            Self::FewPictures => entry(
                "few-pictures",
                "Classes with few pictures",
                Medium,
                "add",
                least("different pictures", 0),
                "Add pictures, or merge the class with another.",
            ),
            Self::Imbalance => entry(
                "imbalance",
                "Imbalanced classes",
                Low,
                "add",
                most("pictures of the largest class over those of this one", 1),
                "Add pictures of this class, and look at its recall rather than at the accuracy.",
            ),
            Self::Misnamed => entry(
                "misnamed",
                "Misnamed files",
                Low,
                "rename",
                NONE,
                "Rename it; here its content counts, other programs may go by the ending.",
            ),
            Self::Rotated => entry(
                "rotated",
                "Turned by EXIF",
                Low,
                "none",
                most("EXIF orientation", 0),
                "Nothing to do here: it is set upright. Other programs may not do that.",
            ),
        }
    }

    /// The name for programs, such as `label-error`.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The heading for people.
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// The importance of such findings.
    pub fn severity(self) -> Severity {
        self.entry().severity
    }

    /// The action for scripts, in one word.
    pub fn action(self) -> &'static str {
        self.entry().action
    }

    /// The meaning of a finding's value; empty if it has none.
    pub fn value(self) -> &'static str {
        self.entry().value.map_or("", |value| value.meaning)
    }

    /// Whether a finding is the stronger, the smaller its value is.
    pub(super) fn is_strong_if_small(self) -> bool {
        self.entry().value.is_some_and(|value| value.strongest_is_least)
    }

    /// Whether such a finding is about a whole class.
    pub fn is_about_a_class(self) -> bool {
        matches!(self, Self::FewPictures | Self::Imbalance)
    }

    /// The advice for people.
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
    value: Option<Value>,
    advice: &'static str,
}

/// What the values of a kind of finding are.
struct Value {
    meaning: &'static str,
    /// Digits to show after the point.
    digits: usize,
    strongest_is_least: bool,
}

const NONE: Option<Value> = None;

/// Values of which the largest is the strongest finding.
fn most(meaning: &'static str, digits: usize) -> Option<Value> {
    Some(Value { meaning, digits, strongest_is_least: false })
}

/// Values of which the smallest is the strongest finding.
fn least(meaning: &'static str, digits: usize) -> Option<Value> {
    Some(Value { meaning, digits, strongest_is_least: true })
}

/// A problem with the pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The kind of problem.
    pub kind: FindingKind,
    /// The strength of the finding; [`FindingKind::value`] describes its meaning. `None` if there is no
    /// measure.
    pub value: Option<f64>,
    /// The details in half a line, such as "labelled shirt, looks like dress".
    pub detail: String,
    /// The pictures that it is about; for a class its folder, if it has one.
    pub files: Vec<Location>,
    /// For copies, the index in `files` of the one to keep; `None` if it cannot be decided.
    pub keep: Option<usize>,
    /// The class that it is about, or that would be the right label.
    pub class: Option<String>,
}

impl Finding {
    /// The value in readable form.
    pub fn value_text(&self) -> Option<String> {
        let digits = self.kind.entry().value?.digits;
        self.value.map(|value| format!("{value:.digits$}"))
    }

    /// How many of `all` findings, or files of a finding, to show with space for `limit`. A single remaining
    /// one is shown, too: a note about it would take the same space.
    pub fn shown(all: usize, limit: usize) -> usize {
        if all == limit + 1 { all } else { all.min(limit) }
    }
}
