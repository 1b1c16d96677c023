//! Lists of pictures that are worth a look.

use std::collections::{BTreeSet, HashMap};

use headstart::predict::Task;
use headstart::{Classifier, Context, Error, Explained, ExtractConfig};

use super::judged::Judged;
use super::percent;
use crate::picture::{jpeg_uri, smaller};

/// Maximum number of pictures in a list.
const CARDS: usize = 24;
/// Number of scores shown per picture.
const SCORES: usize = 3;
/// The longer side of a picture, in pixels.
const SIDE: usize = 224;

/// A list of pictures, all shown for the same reason.
pub(super) struct List {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    /// The number of all pictures that match the list's criterion; 0 if it has none.
    pub(super) all: usize,
    pub(super) cards: Vec<Card>,
}

/// A picture and its prediction.
pub(super) struct Card {
    pub(super) name: String,
    /// The picture without and with its heatmap, as data URIs; `None` if it cannot be read.
    pub(super) looks: Option<(String, String)>,
    pub(super) verdict: Verdict,
    /// The true labels, in a multi-label task.
    pub(super) truth: String,
    pub(super) scores: Vec<Score>,
    /// The class explained by the heatmap.
    pub(super) mapped: String,
    pub(super) is_unknown: bool,
}

/// Whether a prediction is correct.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Wrong,
    /// The picture belongs to none of the classes.
    None,
}

/// The score of a class.
pub(super) struct Score {
    pub(super) class: String,
    pub(super) percent: String,
    pub(super) is_true: bool,
}

/// The pictures chosen for a list.
struct Choice {
    id: &'static str,
    title: &'static str,
    about: &'static str,
    all: usize,
    pictures: Vec<usize>,
}

/// The lists of evaluated pictures, with heatmaps. Empty lists are omitted.
///
/// # Errors
/// If the context is cancelled.
pub(super) fn lists(
    judged: &Judged,
    others: Option<&Judged>,
    name: &dyn Fn(&headstart::data::Location) -> String,
    explain: &mut Explain,
) -> Result<Vec<List>, Error> {
    let each = &judged.each;
    let wrong = |picture: usize| !each[picture].right;
    let doubt = |picture: usize| each[picture].doubt;
    let strange = |judged: &Judged, picture: usize| {
        judged.picture(picture).unknown.map_or(0.0, |unknown| f64::from(unknown.score))
    };
    let known = [
        Choice {
            id: "wrong",
            title: "Most wrong",
            about: "Where the right answer had the least probability.",
            all: (0..each.len()).filter(|&picture| wrong(picture)).count(),
            pictures: judged.first(CARDS, wrong, |picture| each[picture].loss),
        },
        Choice {
            id: "unsure",
            title: "Least sure",
            about: "Where it hesitated most, right or wrong.",
            all: 0,
            pictures: judged.first(CARDS, |_| true, doubt),
        },
        Choice {
            id: "turned-away",
            title: "Called unknown",
            about: "Pictures of the classes that it takes for something else.",
            all: (0..each.len()).filter(|&picture| judged.is_unknown(picture)).count(),
            pictures: judged.first(
                CARDS,
                |picture| judged.is_unknown(picture),
                |picture| strange(judged, picture),
            ),
        },
    ];
    let mut choices: Vec<(&Judged, Choice)> =
        known.into_iter().map(|choice| (judged, choice)).collect();
    if let Some(others) = others {
        let accepted = |picture: usize| !others.is_unknown(picture);
        choices.push((
            others,
            Choice {
                id: "accepted",
                title: "Not noticed as unknown",
                about: "Pictures of none of the classes that it takes for one of them.",
                all: (0..others.each.len()).filter(|&picture| accepted(picture)).count(),
                pictures: others.first(CARDS, accepted, |picture| -strange(others, picture)),
            },
        ));
    }
    let mut lists = Vec::new();
    for judged in [Some(judged), others].into_iter().flatten() {
        let own: Vec<&Choice> = choices
            .iter()
            .filter(|(of, choice)| std::ptr::eq(*of, judged) && !choice.pictures.is_empty())
            .map(|(_, choice)| choice)
            .collect();
        let all: BTreeSet<usize> =
            own.iter().flat_map(|choice| &choice.pictures).copied().collect();
        let looks = explain.looks(judged, &all)?;
        for &Choice { id, title, about, all, ref pictures } in own {
            let cards = pictures.iter().map(|&picture| {
                let looks = looks.get(&picture).cloned();
                card(judged, picture, name(&judged.picture(picture).at), looks)
            });
            lists.push(List { id, title, about, all, cards: cards.collect() });
        }
    }
    Ok(lists)
}

fn card(judged: &Judged, picture: usize, name: String, looks: Option<(String, String)>) -> Card {
    let (scores, truth) = (judged.scores_of(picture), judged.truth(picture));
    let mut ranked: Vec<usize> = (0..scores.len()).collect();
    ranked.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let likeliest = judged.likeliest(picture);
    let mut shown: Vec<usize> = ranked.iter().copied().take(SCORES).collect();
    // True labels are shown even if they are unlikely.
    let missing: Vec<usize> =
        truth.iter().copied().filter(|class| !shown.contains(class)).take(SCORES).collect();
    if judged.task == Task::SingleLabel && !missing.is_empty() {
        shown.pop();
    }
    shown.extend(missing);
    let names = |classes: &[usize]| -> String {
        let names: Vec<&str> =
            classes.iter().map(|&class| judged.classes[class].as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let has_truth = judged.answers.are_labelled();
    let score = |class: usize| Score {
        class: judged.classes[class].clone(),
        percent: percent(scores[class].into()),
        is_true: truth.contains(&class),
    };
    Card {
        name,
        looks,
        verdict: match has_truth {
            false => Verdict::None,
            true if judged.each[picture].right => Verdict::Right,
            true => Verdict::Wrong,
        },
        truth: if judged.task == Task::MultiLabel && has_truth {
            names(truth)
        } else {
            String::new()
        },
        scores: shown.into_iter().map(score).collect(),
        mapped: judged.classes[likeliest].clone(),
        is_unknown: judged.is_unknown(picture),
    }
}

/// Renders pictures and heatmaps.
pub(super) struct Explain<'a, 'c> {
    pub(super) classifier: &'a Classifier,
    pub(super) config: &'a ExtractConfig,
    pub(super) context: &'a mut Context<'c>,
}

impl Explain<'_, '_> {
    /// Pictures without and with the heatmap of their likeliest class; `None` for those that cannot be read.
    fn looks(
        &mut self,
        judged: &Judged,
        pictures: &BTreeSet<usize>,
    ) -> Result<HashMap<usize, (String, String)>, Error> {
        let mut next = pictures.iter();
        let at = pictures.iter().map(|&picture| &judged.picture(picture).at);
        let mut made = HashMap::new();
        self.classifier.explain_each(at, self.config, self.context, &mut |_, explained| {
            let picture = *next.next().expect("as many as were asked for");
            // A picture deleted in the meantime is on the page by name only.
            if let Ok(Explained { explanation, picture: shown }) = explained {
                let small = smaller(&shown, SIDE);
                let map = explanation.map(judged.likeliest(picture));
                let overlay = smaller(&explanation.overlay(&map, &small), SIDE);
                made.insert(picture, (jpeg_uri(&small), jpeg_uri(&overlay)));
            }
            Ok(())
        })?;
        Ok(made)
    }
}
