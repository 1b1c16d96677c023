//! Names and roles of a table's columns.

use serde::{Deserialize, Serialize};

use headstart_model::class_name::plain;

use super::note::Note;
use super::problem::{ColumnUse, ListingProblem};

/// The roles of a table's columns that their names do not reveal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnNames {
    /// The column of the pictures' paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The column of labels; or several, one for each class, with a 1 for pictures of the class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The separator between the labels of a picture in that column, which may then contain any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
}

impl ColumnNames {
    /// Whether no column is specified.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The role of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Path,
    Label,
    Split,
    Group,
    Weight,
}

impl Role {
    pub(super) const ALL: [Self; 5] =
        [Self::Path, Self::Label, Self::Split, Self::Group, Self::Weight];

    /// Names of such columns, normalised by [`bare`], in order of preference.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Path => &[
                "path",
                "filename",
                "filepath",
                "filepaths",
                "file",
                "imagepath",
                "imagefilename",
                "imagefile",
                "imgpath",
                "imagename",
                "imgname",
                "fname",
                "image",
                "img",
                "picture",
                "photo",
                "imageindex",
                "imageid",
                "imgid",
                "isicid",
                "idcode",
                "id",
                "name",
            ],
            Self::Label => &[
                "label",
                "labels",
                "class",
                "classes",
                "category",
                "target",
                "labelname",
                "classname",
                "categoryname",
                "cls",
                "finelabel",
                "coarselabel",
                "labelid",
                "classid",
                "categoryid",
                "findinglabels",
                "species",
                "breed",
                "variety",
                "diagnosis",
                "dx",
                "tag",
                "tags",
            ],
            Self::Split => &["split"],
            Self::Group => &["group"],
            Self::Weight => &["weight"],
        }
    }

    /// The rank of a column's name for this role, if it fits; 0 is the best.
    pub(super) fn rank(self, name: &str) -> Option<usize> {
        let name = bare(name);
        self.names().iter().position(|known| *known == name)
    }

    /// The names in our own manifests, for one label and for several.
    fn own(self) -> &'static [&'static str] {
        match self {
            Self::Label => &self.names()[..2],
            _ => &self.names()[..1],
        }
    }
}

/// A name without case, spaces and punctuation: `Image ID`, `image_id` and `imageId` are equal.
fn bare(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The roles of the columns of a table.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) names: Vec<String>,
    path: Option<usize>,
    label: Option<usize>,
    split: Option<usize>,
    group: Option<usize>,
    weight: Option<usize>,
    /// Columns that may each represent a class, if there is no column of labels.
    pub(super) classes: Vec<usize>,
    /// Whether these were specified.
    pub(super) asked_for_classes: bool,
    /// Other columns that might be the labels.
    rivals: Vec<usize>,
}

impl Columns {
    /// # Errors
    /// When a specified name is missing, or two columns have the same name.
    pub(super) fn of(names: Vec<String>, asked: &ColumnNames) -> Result<Self, ListingProblem> {
        let names: Vec<String> = names.iter().map(|name| plain(name).into_owned()).collect();
        let path =
            asked.path.as_deref().map(|name| named(&names, name, ColumnUse::Path)).transpose()?;
        let asked_labels = asked.labels.iter().map(|name| named(&names, name, ColumnUse::Labels));
        let asked_labels = asked_labels.collect::<Result<Vec<_>, _>>()?;
        let taken = |role| best(&names, role);
        let path = path.map_or_else(|| taken(Role::Path), |path| Ok(Some(path)))?;
        let (label, classes) = match asked_labels[..] {
            [] => (taken(Role::Label)?, Vec::new()),
            [label] => (Some(label), Vec::new()),
            _ => (None, asked_labels.clone()),
        };
        let mut columns = Self {
            path,
            label,
            split: taken(Role::Split)?,
            group: taken(Role::Group)?,
            weight: taken(Role::Weight)?,
            asked_for_classes: !classes.is_empty(),
            classes,
            rivals: Vec::new(),
            names,
        };
        let free =
            |&column: &usize| columns.role(column).is_none() && !is_index(&columns.names[column]);
        let free: Vec<usize> = (0..columns.names.len()).filter(free).collect();
        if asked.labels.is_empty() {
            match columns.label {
                None => columns.classes = free,
                Some(_) => {
                    let is_label =
                        |column: &usize| Role::Label.rank(&columns.names[*column]).is_some();
                    columns.rivals = free.into_iter().filter(is_label).collect();
                }
            }
        }
        Ok(columns)
    }

    /// The role of a column.
    pub(super) fn role(&self, column: usize) -> Option<Role> {
        Role::ALL.into_iter().find(|&role| self.column(role) == Some(column))
    }

    pub(super) fn column(&self, role: Role) -> Option<usize> {
        match role {
            Role::Path => self.path,
            Role::Label => self.label,
            Role::Split => self.split,
            Role::Group => self.group,
            Role::Weight => self.weight,
        }
    }

    /// Checks that there is a column of paths.
    ///
    /// # Errors
    /// What to do if there is none.
    pub(super) fn check_path(&self) -> Result<(), ListingProblem> {
        if self.path.is_some() {
            return Ok(());
        }
        if self.names.iter().all(String::is_empty) {
            let reason = "has no header; name the columns in its first line: path,label";
            return Err(reason.to_owned().into());
        }
        let is_picture =
            |name: &String| super::walk::named_like_a_picture(name.trim_matches('"').as_bytes());
        if self.names.iter().any(is_picture) {
            return Err(format!(
                "has no header, but {} in its first line; put a line before it that names the columns, such as path,label",
                self.listed()
            )
            .into());
        }
        Err(ListingProblem::NoPathColumn { columns: self.listed() })
    }

    /// The names of the columns.
    fn listed(&self) -> String {
        const SHOWN: usize = 20;
        let names = self.names.iter().filter(|name| !name.is_empty());
        let mut text: Vec<String> = names.map(|name| name.escape_debug().to_string()).collect();
        if text.len() > SHOWN {
            let more = format!("and {} more", text.len() - SHOWN);
            text.truncate(SHOWN);
            text.push(more);
        }
        text.join(", ")
    }

    /// A note on the columns used; `None` if they have the names of our manifests. `one_hot` lists those found to
    /// represent a class each; `paths` is whether pictures are found by paths.
    pub(super) fn note(&self, one_hot: &[&str], paths: bool) -> Option<Note> {
        let mut said = Vec::new();
        let called = |column: usize| format!("\"{}\"", self.names[column].escape_debug());
        let is_own = |role: Role, column: usize| {
            role.own().iter().any(|own| self.names[column].eq_ignore_ascii_case(own))
        };
        if let Some(path) = self.path.filter(|&path| paths && !is_own(Role::Path, path)) {
            said.push(format!("paths from {}", called(path)));
        }
        let rivals: Vec<String> = self.rivals.iter().map(|&column| called(column)).collect();
        match self.label {
            Some(label) if !rivals.is_empty() => {
                said.push(format!("labels from {}, not {}", called(label), rivals.join(", ")));
                return Some(Note::OneOfLabelColumns(said.join("; ")));
            }
            Some(label) if !is_own(Role::Label, label) => {
                said.push(format!("labels from {}", called(label)));
            }
            Some(_) => {}
            None if !one_hot.is_empty() => {
                const SHOWN: usize = 10;
                let mut names = one_hot.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
                if one_hot.len() > SHOWN {
                    names += &format!(" and {} more", one_hot.len() - SHOWN);
                }
                said.push(format!("labels from where there is a 1: {names}"));
            }
            None => {
                said.push(format!("no labels: its columns are {}", self.listed()));
                return Some(Note::NoLabelColumn(said.join("; ")));
            }
        }
        (!said.is_empty()).then(|| Note::Text(said.join("; ")))
    }
}

/// The column of this name.
fn named(names: &[String], name: &str, holds: ColumnUse) -> Result<usize, ListingProblem> {
    let name = &*plain(name);
    let exact = names.iter().position(|own| own == name);
    let found = exact.or_else(|| names.iter().position(|own| own.eq_ignore_ascii_case(name)));
    found.ok_or_else(|| {
        let has: Vec<String> = names.iter().map(|own| own.escape_debug().to_string()).collect();
        ListingProblem::NoSuchColumn { holds, name: name.to_owned(), columns: has.join(", ") }
    })
}

/// The column with the best name for a role.
fn best(names: &[String], role: Role) -> Result<Option<usize>, String> {
    let ranked = || names.iter().enumerate().filter_map(|(i, name)| Some((role.rank(name)?, i)));
    let Some((rank, column)) = ranked().min() else { return Ok(None) };
    match ranked().filter(|(other, _)| *other == rank).count() {
        1 => Ok(Some(column)),
        count => Err(format!("has {count} columns \"{}\"; leave one", role.names()[rank])),
    }
}

/// Whether a column contains row numbers, as written by pandas.
fn is_index(name: &str) -> bool {
    name.is_empty() || name.starts_with("Unnamed: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(
        header: &str,
        asked: &ColumnNames,
    ) -> Result<(Option<usize>, Option<usize>), ListingProblem> {
        let columns = Columns::of(header.split(',').map(str::to_owned).collect(), asked)?;
        Ok((columns.path, columns.label))
    }

    #[test]
    fn usual_names_of_columns_are_known() {
        for (header, path, label) in [
            ("path,label", Some(0), Some(1)),
            ("id,breed", Some(0), Some(1)),
            ("image_id,label", Some(0), Some(1)),
            ("image,labels", Some(0), Some(1)),
            ("file_name,text", Some(0), None),
            ("image_name,patient_id,sex,diagnosis,target", Some(0), Some(4)),
            ("lesion_id,image_id,dx,dx_type,age", Some(1), Some(2)),
            ("Image Index,Finding Labels,Patient ID", Some(0), Some(1)),
            ("img,fine_label,coarse_label", Some(0), Some(1)),
            ("class id,filepaths,labels,data set", Some(1), Some(2)),
            ("id,path,category", Some(1), Some(2)),
            ("url,caption", None, None),
        ] {
            assert_eq!(taken(header, &ColumnNames::default()), Ok((path, label)), "{header}");
        }
    }

    #[test]
    fn a_column_that_is_asked_for_is_taken_before_any_other() {
        let asked = |path: Option<&str>, labels: &[&str]| ColumnNames {
            path: path.map(str::to_owned),
            labels: labels.iter().map(|&name| name.to_owned()).collect(),
            separator: None,
        };
        let header = "path,url,label,kind";
        assert_eq!(taken(header, &asked(Some("URL"), &["kind"])), Ok((Some(1), Some(3))));
        assert_eq!(taken(header, &asked(None, &["label", "kind"])), Ok((Some(0), None)));
        let error = taken(header, &asked(None, &["breed"])).unwrap_err();
        let columns = "path, url, label, kind".to_owned();
        let (holds, name) = (ColumnUse::Labels, "breed".to_owned());
        assert_eq!(error, ListingProblem::NoSuchColumn { holds, name, columns });
    }

    #[test]
    fn what_was_taken_is_said_unless_it_is_a_manifest_of_our_own() {
        let note = |header: &str, one_hot: &[&str]| {
            let names = header.split(',').map(str::to_owned).collect();
            Columns::of(names, &ColumnNames::default()).unwrap().note(one_hot, true)
        };
        let said = |text: &str| Some(Note::Text(text.to_owned()));
        assert_eq!(note("path,Label,split,group,weight,note", &[]), None);
        assert_eq!(note("id,breed", &[]), said("paths from \"id\"; labels from \"breed\""));
        let one_of = "labels from \"label\", not \"class\"".to_owned();
        assert_eq!(note("path,label,class", &[]), Some(Note::OneOfLabelColumns(one_of)));
        assert_eq!(
            note("path,MEL,NV", &["MEL", "NV"]),
            said("labels from where there is a 1: MEL, NV")
        );
        let none = "no labels: its columns are path, age".to_owned();
        assert_eq!(note("path,age", &[]), Some(Note::NoLabelColumn(none)));
    }
}
