//! `--base auto`: the base at hand that is best for the pictures.

use std::time::Duration;

use headstart::model::architectures::ARCHITECTURES;
use headstart::{
    BaseSource, BaseStore, Bundled, CompareConfig, ComparedBase, Pictures, TrainJob, compare_bases,
};
use serde_json::json;

use crate::options::Common;
use crate::output::{Output, count, duration};
use crate::progress::Progress;
use crate::usage;

/// What asks for it in the place of a base.
const AUTO: &str = "auto";

pub(super) fn is_asked_for(source: &BaseSource) -> bool {
    source.config.architecture.as_deref() == Some(AUTO)
}

/// The best of the bases that are bundled, fetched or added; says how they did.
pub(super) fn choose(
    job: &TrainJob,
    pictures: &Pictures,
    (budget, seed): (Duration, u64),
    common: &Common,
    output: &Output,
) -> anyhow::Result<String> {
    if job.base.weights.is_some() {
        return Err(usage("--base auto compares the bases at hand: leave out --weights"));
    }
    let stored = match &job.base.store {
        Some(folder) => BaseStore::new(folder).list()?,
        None => Vec::new(),
    };
    let at_hand = |name: &str| {
        Bundled::find(name).is_some() || stored.iter().any(|stored| stored.base == name)
    };
    let mut bases = Vec::new();
    for architecture in ARCHITECTURES.iter().filter(|architecture| at_hand(architecture.id)) {
        let mut source = job.base.clone();
        source.config.architecture = Some(architecture.id.to_owned());
        bases.push(source.load()?);
    }
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
    output.field("Chosen", format!("{best}, {}", duration(comparison.seconds)))?;
    Ok(best.clone())
}
