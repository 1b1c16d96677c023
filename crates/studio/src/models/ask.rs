//! Collects the answers of models to pictures that they were not trained on.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use headstart::data::split::Earlier;
use headstart::data::{ContentHash, Location};
use headstart::{Classifier, Context, ExtractConfig, Extractor, PictureFeatures};

use super::Said;
use crate::StudioError;
use crate::folder::{Listing, within};
use crate::learner::{Learned, Store};
use crate::live::LIVE;

/// The number of pictures for measuring the time per picture.
const TIMED: usize = 9;

/// The out-of-fold answers of the live head.
///
/// # Errors
/// If too few pictures were learned from.
pub(crate) fn ask_live(root: &Path, learned: &Learned) -> Result<Said, StudioError> {
    let answers = learned.answers.as_ref().ok_or(StudioError::NothingLearned)?;
    let classes = learned.classifier.classes();
    let scores = learned.classifier.probabilities(answers.logits.clone());
    let rows = scores.chunks_exact(classes.len());
    let said = answers.pictures.iter().zip(rows).filter_map(|(picture, scores)| {
        let largest = (0..scores.len()).rev().max_by(|&a, &b| scores[a].total_cmp(&scores[b]))?;
        Some((within(root, &picture.at.path())?, classes[largest].clone()))
    });
    let answers: BTreeMap<String, String> = said.collect();
    let paths: Vec<_> = answers.keys().map(|path| root.join(path)).collect();
    let milliseconds = time(&learned.classifier, &paths);
    Ok(Said { name: LIVE.to_owned(), answers, milliseconds })
}

/// The answers of a model to those of the project's pictures that it was not trained on.
///
/// # Errors
/// If the work is cancelled.
pub(crate) fn ask_model(
    name: &str,
    classifier: &Classifier,
    (root, listing, store): (&Path, &Listing, &Store),
    // With the same preprocessing, the store knows the content of pictures, so trained ones need not be read.
    same_reading: bool,
    extract: &ExtractConfig,
    context: &mut Context<'_>,
) -> Result<Said, StudioError> {
    let seen = classifier.training().and_then(|record| record.seen.as_ref());
    let is_new = |content: &ContentHash| {
        seen.is_none_or(|seen| seen.earlier(content) != Earlier::LearnedFrom)
    };
    // The model cannot be right about a class that was added or renamed after its training.
    let is_known = |class: usize| {
        classifier.classes().iter().any(|known| **known == *listing.classes[class].name)
    };
    let labelled = listing.all().filter(|(class, _)| class.is_some_and(is_known));
    let asked = labelled.filter(|(_, picture)| match store.get(&picture.stamp) {
        Some(Ok(known)) if same_reading => is_new(&known.content),
        Some(Err(_)) => false,
        _ => true,
    });
    let paths: Vec<String> = asked.map(|(_, picture)| picture.path.to_string()).collect();
    let at: Vec<Location> = paths.iter().map(|path| root.join(path).into()).collect();
    let extractor = Extractor::new(classifier.base(), extract);
    let mut answers = BTreeMap::new();
    extractor.for_each(&at, context, &mut |index, result| {
        if let Ok(PictureFeatures { content, features, .. }) = result
            && is_new(&content)
        {
            let class = classifier.classify(&features).labels.first().copied();
            let label = class.map(|class| classifier.classes()[class].clone());
            answers.insert(paths[index].clone(), label.unwrap_or_default());
        }
        Ok(())
    })?;
    let measured: Vec<_> = answers.keys().map(|path| root.join(path)).collect();
    let milliseconds = time(classifier, &measured);
    Ok(Said { name: name.to_owned(), answers, milliseconds })
}

/// The median time for a picture in milliseconds, from its file to the answer.
fn time(classifier: &Classifier, paths: &[std::path::PathBuf]) -> f64 {
    let predictor = classifier.predictor();
    let mut times: Vec<f64> = paths
        .iter()
        .take(TIMED)
        .filter_map(|path| {
            let begun = Instant::now();
            predictor.predict(path).ok()?;
            Some(begun.elapsed().as_secs_f64() * 1e3)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}
