//! Advice on what to do next, in plain words.

use serde::Serialize;

use super::learned::{Confused, LearnedView};
use crate::folder::Listing;
use crate::wording::pictures;

/// The number of pictures in a class from which on there is no advice to add more.
const ENOUGH: usize = 20;
/// The ratio of the largest class to the smallest from which on classes are out of balance.
const IMBALANCED: usize = 10;
/// The share, and the number, of a class's pictures taken for another class from which on the two look alike.
const ALIKE: f64 = 0.05;
const FEWEST_ALIKE: usize = 2;
/// The number of pieces of advice that are given at once; more would not be read.
const MOST: usize = 6;
/// The number of pictures per class from which on fine-tuning may help.
const ENOUGH_TO_FINE_TUNE: usize = 50;

/// A piece of advice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Advice {
    pub(crate) kind: &'static str,
    pub(crate) text: String,
    pub(crate) class: Option<String>,
    pub(crate) paths: Vec<String>,
    /// The panel on which to do it.
    pub(crate) panel: Option<&'static str>,
}

impl Advice {
    fn new(kind: &'static str, text: String) -> Self {
        Self { kind, text, class: None, paths: Vec::new(), panel: None }
    }

    fn of_class(self, class: &str) -> Self {
        Self { class: Some(class.to_owned()), ..self }
    }

    fn on(self, panel: &'static str) -> Self {
        Self { panel: Some(panel), ..self }
    }
}

/// What advice is based on.
pub(super) struct Known<'a> {
    pub(super) listing: &'a Listing,
    pub(super) learned: Option<&'a LearnedView>,
    /// The numbers of probable label errors, and of other findings.
    pub(super) findings: (usize, usize),
    /// The number of pictures, with and without a class, that cannot be read.
    pub(super) unreadable: usize,
}

/// What to do next, the most important first.
pub(super) fn advice(known: &Known<'_>) -> Vec<Advice> {
    let mut all = Vec::new();
    of_classes(known, &mut all);
    of_errors(known, &mut all);
    let waiting = known.listing.inbox.len();
    if waiting > 0 {
        let wait = if waiting == 1 { "waits" } else { "wait" };
        let text = format!("{} {wait} in the inbox to be labelled.", pictures(waiting));
        all.push(Advice::new("inbox", text).on("label"));
    }
    let figures = known.learned.filter(|learned| all.is_empty() && learned.accuracy.is_some());
    if let Some(figures) = figures
        && figures.classes.iter().all(|class| class.pictures >= ENOUGH_TO_FINE_TUNE)
    {
        let text = "There are enough pictures to fine-tune: it takes minutes, and may be right more often.";
        all.push(Advice::new("improve", text.to_owned()).on("improve"));
    }
    all.truncate(MOST);
    all
}

fn of_classes(known: &Known<'_>, all: &mut Vec<Advice>) {
    let classes = &known.listing.classes;
    match classes.len() {
        0 => {
            let text = "Make two classes or more: one for each thing that is to be told apart.";
            all.push(Advice::new("classes", text.to_owned()).on("pictures"));
            return;
        }
        1 => {
            let text = format!("Add a second class to tell {} apart from.", classes[0].name);
            all.push(Advice::new("classes", text).on("pictures"));
        }
        _ => {}
    }
    let mut by_size: Vec<_> =
        classes.iter().map(|class| (class.pictures.len(), &*class.name)).collect();
    by_size.sort_unstable();
    for &(count, name) in by_size.iter().filter(|(count, _)| *count < ENOUGH) {
        let text = match count {
            0 => format!("{name} has no pictures yet."),
            _ => format!("{name} has {}; {ENOUGH} or more work better.", pictures(count)),
        };
        all.push(Advice::new("few", text).of_class(name).on("pictures"));
    }
    if let [(fewest, name), .., (most, largest)] = by_size[..]
        && fewest >= ENOUGH
        && most >= IMBALANCED * fewest
    {
        let times = most / fewest;
        let text = format!(
            "{largest} has {times} times as many pictures as {name}: {name} may be overlooked. Add some of it."
        );
        all.push(Advice::new("imbalance", text).of_class(name).on("pictures"));
    }
}

fn of_errors(known: &Known<'_>, all: &mut Vec<Advice>) {
    let (errors, others) = known.findings;
    let s = |count: usize| if count == 1 { "" } else { "s" };
    if errors > 0 {
        let text = format!(
            "{errors} picture{} probably in the wrong class: look, and move or keep.",
            if errors == 1 { " is" } else { "s are" }
        );
        all.push(Advice::new("label_errors", text).on("clean"));
    }
    if let Some(alike) = known.learned.and_then(alike) {
        all.push(alike);
    }
    if others > 0 {
        let text =
            format!("{others} more thing{} to look at: copies, dark or odd pictures.", s(others));
        all.push(Advice::new("findings", text).on("clean"));
    }
    if known.unreadable > 0 {
        let is = if known.unreadable == 1 { "is" } else { "are" };
        let text = format!("{} cannot be read and {is} left out.", pictures(known.unreadable));
        all.push(Advice::new("unreadable", text).on("clean"));
    }
}

/// The two classes that are confused most often, if this is frequent.
fn alike(learned: &LearnedView) -> Option<Advice> {
    let Confused { own, predicted, count, paths } = learned.confused.first()?;
    let all = learned.classes.iter().find(|class| class.name == *own)?.pictures;
    if *count < FEWEST_ALIKE || (*count as f64) < ALIKE * all as f64 {
        return None;
    }
    let text = format!(
        "{own} and {predicted} look alike: {count} of {all} pictures of {own} are taken for {predicted}. Add pictures \
         that show what sets them apart."
    );
    let advice = Advice::new("confused", text).of_class(own).on("results");
    Some(Advice { paths: paths.clone(), ..advice })
}
