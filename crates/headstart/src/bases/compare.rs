//! Compares bases on given pictures.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use headstart_data::{Item, Subset};
use headstart_engine::Isa;
use headstart_train::{LogisticConfig, out_of_fold};
use serde::Serialize;

use crate::pictures::LabelledFeatures;
use crate::records::right_share;
use crate::{Base, Context, Error, Event, ExtractConfig, Extraction, Extractor, Phase, Pictures};

/// How to compare bases.
#[derive(Clone, Debug)]
pub struct CompareConfig {
    /// Approximate time limit.
    pub budget: Duration,
    /// How features are computed. Cached features take no time.
    pub extract: ExtractConfig,
    /// Seed of the order of the pictures.
    pub seed: u64,
}

/// The result of comparing bases.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Each base, the best first.
    pub bases: Vec<ComparedBase>,
    /// Seconds that the comparison took.
    pub seconds: f64,
}

/// The result of one base.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedBase {
    /// The name of the base.
    pub base: String,
    /// Cross-validated accuracy; with several labels per picture, the share of correct labels.
    pub accuracy: f64,
    /// The number of pictures that it was measured on; bases that fall behind are dropped early.
    pub pictures: usize,
    /// How much more accurate the best base is on the same pictures.
    pub behind: f64,
    /// The standard error of that difference.
    pub error: f64,
}

/// A base that is clearly better than another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// The name of the better base.
    pub base: String,
    /// Its gain in accuracy, by cross-validation on the same pictures.
    pub gain: f64,
    /// The standard error of that gain.
    pub error: f64,
    /// The number of pictures compared.
    pub pictures: usize,
}

/// Pictures in the first round: the number per class, and the least total.
const FIRST: (usize, usize) = (5, 100);
/// Pictures that each base processes between two checks of the time; two per class if that is more.
const AT_A_TIME: usize = 16;
/// The share of the time reserved for the first heads. Later rounds use the time that the last heads took.
const FIRST_HEADS: f64 = 0.1;
/// A recommended base has a gain of more than this many standard errors.
const CLEAR: f64 = 2.0;
/// A recommended base removes more than this share of the other's errors.
const WORTH_IT: f64 = 0.1;
/// The largest number of pictures that a recommendation is based on.
const RECOMMENDED_BY: usize = 400;

/// A base being compared.
struct Candidate {
    base: Base,
    extractor: Extractor,
    isa: Isa,
    found: Extraction,
    /// How correct the answer was for each picture that could be read, from 0 to 1.
    right: Vec<f64>,
}

/// A comparison of bases on the same pictures.
struct Race<'a> {
    pictures: &'a Pictures,
    items: Vec<(usize, &'a Item)>,
    config: &'a CompareConfig,
    start: Instant,
    /// Seconds that training the last heads took.
    heads: f64,
}

/// Compares bases by cross-validation of the default head on their features.
///
/// It starts with a few pictures and continues with the leading bases on twice as many, until one is left, all
/// pictures were used, or the time is up. Held-back pictures that the source specifies are not used. Otherwise,
/// pictures that are held back later may have been used, and metrics on them are slightly too high, by less than the
/// standard error.
///
/// # Errors
/// When no base is given, too few pictures can be read, or the context is cancelled.
pub fn compare_bases(
    bases: Vec<Base>,
    pictures: &Pictures,
    config: &CompareConfig,
    context: &mut Context<'_>,
) -> Result<Comparison, Error> {
    let mut race = Race::new(pictures, config);
    if bases.is_empty() {
        return Err(Error::Options("there is no base to compare".to_owned()));
    }
    let mut running: Vec<Candidate> =
        bases.into_iter().map(|base| Candidate::new(base, config)).collect();
    let mut behind = Vec::new();
    let mut count = (pictures.classes().len() * FIRST.0).max(FIRST.1).min(race.items.len());
    loop {
        let round = Instant::now();
        let is_over = race.round(&mut running, count, context)?;
        running.sort_by(|a, b| b.accuracy().total_cmp(&a.accuracy()));
        if is_over || count == race.items.len() {
            break;
        }
        // Half of the bases continue on twice as many pictures, so the next round takes about as long.
        let left = running.len().div_ceil(2);
        if left > 1 && race.start.elapsed() + round.elapsed() > config.budget {
            break;
        }
        behind.splice(0..0, running.drain(left..));
        if left == 1 {
            break;
        }
        count = (count * 2).min(race.items.len());
    }
    running.extend(behind);
    let bases = running.iter().map(|candidate| candidate.compared(&running[0])).collect();
    Ok(Comparison { bases, seconds: race.start.elapsed().as_secs_f64() })
}

/// The base among `others` that is clearly better on these pictures than `own`, if one is found within the time.
///
/// # Errors
/// When too few pictures can be read, or the context is cancelled.
pub fn recommend_base(
    own: Base,
    others: Vec<Base>,
    pictures: &Pictures,
    config: &CompareConfig,
    context: &mut Context<'_>,
) -> Result<Option<Recommendation>, Error> {
    let mut race = Race::new(pictures, config);
    let bases = [own].into_iter().chain(others);
    let mut candidates: Vec<Candidate> = bases.map(|base| Candidate::new(base, config)).collect();
    let count = race.items.len().min(RECOMMENDED_BY);
    race.round(&mut candidates, count, context)?;
    let (own, others) = candidates.split_first().expect("the first is there");
    let least = WORTH_IT * (1.0 - own.accuracy());
    let better = others.iter().map(|other| (own.compared(other), other));
    let clearly = better.filter(|(beside, _)| {
        beside.behind > CLEAR * beside.error && beside.behind > least.max(0.0)
    });
    let best = clearly.max_by(|(a, _), (b, _)| a.behind.total_cmp(&b.behind));
    Ok(best.map(|(beside, other)| Recommendation {
        base: other.base.name(),
        gain: beside.behind,
        error: beside.error,
        pictures: other.right.len(),
    }))
}

impl<'a> Race<'a> {
    fn new(pictures: &'a Pictures, config: &'a CompareConfig) -> Self {
        let items = in_turn(pictures, config.seed);
        let heads = FIRST_HEADS * config.budget.as_secs_f64();
        Self { pictures, items, config, start: Instant::now(), heads }
    }

    /// Extracts features of the first `count` pictures, a few for each candidate in turn, until the time is up.
    /// Then measures each candidate on the pictures that it has processed.
    ///
    /// Returns whether the time is up.
    fn round(
        &mut self,
        candidates: &mut [Candidate],
        count: usize,
        context: &mut Context<'_>,
    ) -> Result<bool, Error> {
        let step = AT_A_TIME.max(2 * self.pictures.classes().len());
        let mut seen = candidates.iter().map(Candidate::seen).min().unwrap_or(0);
        let begun = seen;
        let mut is_over = false;
        while seen < count && !is_over {
            seen = (seen + step).min(count);
            for candidate in &mut *candidates {
                candidate.go_on(&self.items[..seen], context)?;
            }
            let grown = if begun == 0 { 1.0 } else { seen as f64 / begun as f64 };
            let heads = self.heads * grown;
            is_over = self.start.elapsed().as_secs_f64() + heads > self.config.budget.as_secs_f64();
        }
        let heads = Instant::now();
        for candidate in candidates {
            candidate.measure(&self.items, self.pictures, self.config.seed, context)?;
        }
        self.heads = heads.elapsed().as_secs_f64();
        Ok(is_over)
    }
}

/// The pictures that may be trained on, one of each class in turn, in random order within a class.
fn in_turn(pictures: &Pictures, seed: u64) -> Vec<(usize, &Item)> {
    let may = |item: &Item| !matches!(item.subset, Some(Subset::Validation | Subset::Test));
    let mut items: Vec<(usize, &Item)> =
        pictures.items().iter().enumerate().filter(|(_, item)| may(item)).collect();
    items.sort_by_cached_key(|(index, _)| {
        let mut hash = blake3::Hasher::new_derive_key("headstart order of comparison");
        hash.update(&seed.to_le_bytes()).update(&(*index as u64).to_le_bytes());
        *hash.finalize().as_bytes()
    });
    let mut seen = HashMap::new();
    items.sort_by_cached_key(|(_, item)| {
        let turn: &mut usize = seen.entry(item.label).or_default();
        *turn += 1;
        *turn
    });
    items
}

impl Candidate {
    fn new(base: Base, config: &CompareConfig) -> Self {
        let extractor = Extractor::new(&base, &config.extract);
        let isa = config.extract.compute.isa;
        Self { base, extractor, isa, found: Extraction::default(), right: Vec::new() }
    }

    /// The number of pictures processed so far.
    fn seen(&self) -> usize {
        self.found.kept.len() + self.found.skipped.len()
    }

    /// Extracts features of the pictures that it has not processed yet.
    fn go_on(&mut self, items: &[(usize, &Item)], context: &mut Context<'_>) -> Result<(), Error> {
        let seen = self.seen();
        let further: Vec<&Item> = items[seen..].iter().map(|(_, item)| *item).collect();
        let more = self.extractor.extract(&further, context)?;
        self.found.features.extend(more.features);
        self.found.contents.extend(more.contents);
        self.found.kept.extend(more.kept.iter().map(|index| index + seen));
        self.found.skipped.extend(more.skipped);
        Ok(())
    }

    /// Cross-validates heads on the features so far, and keeps how correct each answer is.
    fn measure(
        &mut self,
        items: &[(usize, &Item)],
        pictures: &Pictures,
        seed: u64,
        context: &mut Context<'_>,
    ) -> Result<(), Error> {
        let Extraction { features, contents, kept, .. } = &self.found;
        let kept: Vec<usize> = kept.iter().map(|&index| items[index].0).collect();
        let mut labels = pictures.labels(&kept);
        let label_sets = pictures.label_sets(&mut labels, contents);
        let classes = pictures.classes().len();
        let known = LabelledFeatures {
            features: features.clone(),
            labels,
            label_sets,
            groups: pictures.groups(&kept, contents).numbers().to_vec(),
            weights: None,
            dim: self.base.features(),
        };
        let samples = known.samples(classes);
        let isa = self.isa;
        let head = LogisticConfig { seed, ..LogisticConfig::default() };
        let said = context.install(|context| {
            // These heads are discarded, so their epochs are not reported.
            let mut within = context.filtered(|event| !matches!(event, Event::Epoch { .. }));
            let mut watch = within.watch(Phase::Head);
            out_of_fold(&samples, &head, isa, &mut watch).map_err(Error::of_training)
        })?;
        let right = |(row, said): (usize, &[f32])| {
            right_share(samples.task(), said, samples.classes_of(row))
        };
        self.right = said.chunks_exact(classes).enumerate().map(right).collect();
        Ok(())
    }

    fn accuracy(&self) -> f64 {
        self.right.iter().sum::<f64>() / self.right.len().max(1) as f64
    }

    /// The result in comparison with `best`, on the pictures that both have processed.
    fn compared(&self, best: &Self) -> ComparedBase {
        let mut gaps = Vec::new();
        let mut others = best.found.kept.iter().zip(&best.right).peekable();
        for (picture, right) in self.found.kept.iter().zip(&self.right) {
            while others.next_if(|(other, _)| *other < picture).is_some() {}
            if let Some((_, other)) = others.next_if(|(other, _)| *other == picture) {
                gaps.push(other - right);
            }
        }
        let n = gaps.len().max(1) as f64;
        let mean = gaps.iter().sum::<f64>() / n;
        let variance =
            gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        ComparedBase {
            base: self.base.name(),
            accuracy: self.accuracy(),
            pictures: self.right.len(),
            behind: mean,
            error: (variance / n).sqrt(),
        }
    }
}
