//! `--base auto`, which chooses the best base at hand for the pictures, and the recommendation of
//! another base after training.

use std::time::{Duration, Instant};

use headstart::model::architectures::ARCHITECTURES;
use headstart::{
    Base, BaseSource, BaseStore, Bundled, CompareConfig, ComparedBase, Error, Pictures,
    Recommendation, TrainJob, compare_bases, recommend_base,
};
use serde_json::json;

use crate::options::Common;
use crate::output::{Output, count, duration};
use crate::progress::Progress;
use crate::usage;

/// The value of `--base` that asks for a comparison.
const AUTO: &str = "auto";
/// The default of `--budget`, in seconds.
pub(super) const BUDGET: u32 = 60;

pub(super) fn is_asked_for(source: &BaseSource) -> bool {
    source.config.architecture.as_deref() == Some(AUTO)
}

/// Compares the bases that are bundled, fetched or added. Prints the result, and returns the best.
pub(super) fn choose(
    job: &TrainJob,
    pictures: &Pictures,
    (budget, seed): (Duration, u64),
    common: &Common,
    output: &Output,
) -> anyhow::Result<String> {
    if job.base.weights.is_some() {
        return Err(usage("--base auto cannot be combined with --weights"));
    }
    let start = Instant::now();
    let names = at_hand(&job.base);
    let bases = names.iter().map(|name| load(job, name)).collect::<Result<Vec<_>, _>>()?;
    let budget = budget.saturating_sub(start.elapsed());
    let config = CompareConfig { budget, extract: job.run.inputs.extract.clone(), seed };
    let mut context = common.context(Progress::new("Comparing"))?;
    let comparison = compare_bases(bases, pictures, &config, &mut context)?;
    drop(context);
    output.event(&json!({"event": "bases_compared", "comparison": comparison}))?;
    for (index, base) in comparison.bases.iter().enumerate() {
        let ComparedBase { base: name, accuracy, pictures, behind, error } = base;
        let beside = match index {
            0 => String::new(),
            _ => format!("  {behind:.3} +- {error:.3} behind"),
        };
        let of = count(*pictures, "picture");
        let label = if index == 0 { "Compared" } else { "" };
        output.field(label, format!("{name:<26} accuracy {accuracy:.3} of {of}{beside}"))?;
    }
    let best = &comparison.bases[0].base;
    output.field("Chosen", format!("{best}, {}", duration(start.elapsed().as_secs_f64())))?;
    Ok(best.clone())
}

/// Time limit of a recommendation: this share of the time that training took, clamped to this range of
/// seconds.
const SHARE: f64 = 0.2;
const SECONDS: (f64, f64) = (1.0, 10.0);
/// With fewer pictures, one base is hardly ever clearly better.
const FEW: usize = 80;

/// Recommends another base at hand, if a short comparison shows that it would do clearly better than `own`, the
/// base that was trained on.
///
/// Errors of the comparison are ignored: the model exists already.
pub(super) fn recommend(
    job: &TrainJob,
    own: Base,
    pictures: &Pictures,
    (seconds, seed): (f64, u64),
    common: &Common,
    output: &Output,
) -> anyhow::Result<()> {
    if job.base.weights.is_some() || own.parts().count() > 1 || pictures.len() < FEW {
        return Ok(());
    }
    let names = at_hand(&job.base);
    let others = names.iter().filter(|name| **name != own.name());
    let others: Vec<Base> = others.filter_map(|name| load(job, name).ok()).collect();
    if others.is_empty() {
        return Ok(());
    }
    let budget = Duration::from_secs_f64((SHARE * seconds).clamp(SECONDS.0, SECONDS.1));
    let config = CompareConfig { budget, extract: job.run.inputs.extract.clone(), seed };
    let mut context = common.context(Progress::new("Other bases"))?;
    let found = recommend_base(own, others, pictures, &config, &mut context);
    drop(context);
    if let Ok(Some(found)) = found {
        let Recommendation { base, gain, error, pictures } = &found;
        output.event(&json!({"event": "base_recommended", "recommendation": found}))?;
        let of = count(*pictures, "picture");
        output.field(
            "Note",
            format!(
                "{base} would do better: accuracy {gain:+.3} +- {error:.3} in cross-validation on {of}; try --base {base}"
            ),
        )?;
    }
    Ok(())
}

/// The bases that are bundled, fetched or added.
fn at_hand(source: &BaseSource) -> Vec<&'static str> {
    let stored = match &source.store {
        Some(folder) => BaseStore::new(folder).names(),
        None => Vec::new(),
    };
    let is_there = |name: &&str| Bundled::find(name).is_some() || stored.contains(name);
    ARCHITECTURES.iter().map(|architecture| architecture.id).filter(is_there).collect()
}

/// Loads the base `name` with the other settings of the job, without the mirror images of a higher effort.
fn load(job: &TrainJob, name: &str) -> Result<Base, Error> {
    let mut source = job.base.clone();
    source.config.architecture = Some(name.to_owned());
    source.load()
}
