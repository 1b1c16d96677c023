//! Which of several bases is best for some pictures.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use headstart_data::{Item, Subset};
use headstart_engine::Isa;
use headstart_engine::head::argmax;
use headstart_train::{LogisticConfig, Task, out_of_fold};
use serde::Serialize;

use crate::pictures::LabelledFeatures;
use crate::{Base, Context, Error, Event, ExtractConfig, Extraction, Extractor, Phase, Pictures};

/// How to compare bases.
#[derive(Clone, Debug)]
pub struct CompareConfig {
    /// About how long it may take.
    pub budget: Duration,
    /// How features are computed. What is in the cache costs no time.
    pub extract: ExtractConfig,
    /// Decides which pictures are looked at first.
    pub seed: u64,
}

/// How bases did, the best first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Each base.
    pub bases: Vec<ComparedBase>,
    /// Seconds that it took.
    pub seconds: f64,
}

/// How a base did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedBase {
    /// The base.
    pub base: String,
    /// The share of pictures that heads named rightly which had not seen them; of several labels, the share of
    /// labels.
    pub accuracy: f64,
    /// How many pictures that is of: bases that fall behind are not looked at further.
    pub pictures: usize,
    /// By how much the best base is better on the same pictures.
    pub behind: f64,
    /// The standard error of that.
    pub error: f64,
}

/// Each base is measured on so many pictures of each class at first, and all on so many at least.
const FIRST: (usize, usize) = (5, 100);

/// A base that is compared.
struct Candidate {
    base: Base,
    extractor: Extractor,
    isa: Isa,
    found: Extraction,
    /// Of each picture that could be read, how right its answer was.
    right: Vec<f64>,
}

/// Compares bases by cross-validation of the default head on their features: on a few pictures first, and of those
/// that lead on twice as many, until one is left, every picture was seen, or the time is up. Where the source says
/// which pictures are held back, they are left alone; where it does not, those held back later may be among those
/// compared on, and figures on them are then too good by a part of the error.
///
/// # Errors
/// When no base is given, too few pictures can be read, or the context is cancelled.
pub fn compare_bases(
    bases: Vec<Base>,
    pictures: &Pictures,
    config: &CompareConfig,
    context: &mut Context<'_>,
) -> Result<Comparison, Error> {
    let start = Instant::now();
    if bases.is_empty() {
        return Err(Error::Options("there is no base to compare".to_owned()));
    }
    let items = in_turn(pictures, config.seed);
    let mut running: Vec<Candidate> =
        bases.into_iter().map(|base| Candidate::new(base, config)).collect();
    let mut behind = Vec::new();
    let mut count = (pictures.classes().len() * FIRST.0).max(FIRST.1).min(items.len());
    loop {
        let round = Instant::now();
        for candidate in &mut running {
            candidate.go_on(&items[..count], context)?;
            candidate.measure(&items, pictures, config.seed, context)?;
        }
        running.sort_by(|a, b| b.accuracy().total_cmp(&a.accuracy()));
        if count == items.len() {
            break;
        }
        // Half of them go on, on twice as many pictures: the next round takes about as long.
        let left = running.len().div_ceil(2);
        if left > 1 && start.elapsed() + round.elapsed() > config.budget {
            break;
        }
        behind.splice(0..0, running.drain(left..));
        if left == 1 {
            break;
        }
        count = (count * 2).min(items.len());
    }
    running.extend(behind);
    let bases = running.iter().map(|candidate| candidate.compared(&running[0])).collect();
    Ok(Comparison { bases, seconds: start.elapsed().as_secs_f64() })
}

/// The pictures that may be learned from, one of each class in turn, in a random order.
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

    /// Looks at the pictures that it has not seen yet.
    fn go_on(&mut self, items: &[(usize, &Item)], context: &mut Context<'_>) -> Result<(), Error> {
        let seen = self.found.kept.len() + self.found.skipped.len();
        let further: Vec<&Item> = items[seen..].iter().map(|(_, item)| *item).collect();
        let more = self.extractor.extract(&further, context)?;
        self.found.features.extend(more.features);
        self.found.contents.extend(more.contents);
        self.found.kept.extend(more.kept.iter().map(|index| index + seen));
        self.found.skipped.extend(more.skipped);
        Ok(())
    }

    /// How right heads are about what they have not seen.
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
            // Heads that are thrown away.
            let mut within = context.filtered(|event| !matches!(event, Event::Epoch { .. }));
            let mut watch = within.watch(Phase::Head);
            out_of_fold(&samples, &head, isa, &mut watch).map_err(Error::of_training)
        })?;
        let right = |(row, said): (usize, &[f32])| match samples.task() {
            Task::SingleLabel => f64::from(u8::from(argmax(said) == samples.labels[row])),
            Task::MultiLabel => {
                let own = samples.classes_of(row);
                let agrees = |class: &usize| (said[*class] >= 0.5) == own.contains(class);
                (0..classes).filter(agrees).count() as f64 / classes as f64
            }
        };
        self.right = said.chunks_exact(classes).enumerate().map(right).collect();
        Ok(())
    }

    fn accuracy(&self) -> f64 {
        self.right.iter().sum::<f64>() / self.right.len().max(1) as f64
    }

    /// Beside the best, on the pictures that both have seen.
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
            base: self.base.network().architecture().to_owned(),
            accuracy: self.accuracy(),
            pictures: self.right.len(),
            behind: mean,
            error: (variance / n).sqrt(),
        }
    }
}
