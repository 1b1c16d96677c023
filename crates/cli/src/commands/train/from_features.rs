//! `headstart train --features`: trains on features that were computed before.

use std::process::ExitCode;

use headstart::model::thousands;
use headstart::{Base, BaseSource, FeatureFiles, FeatureSource};

use super::{Learned, TrainArgs, describe_base, train};
use crate::options::{Common, load};
use crate::output::{Output, count};
use crate::usage;

pub(super) fn run(args: &TrainArgs, common: &Common, output: &Output) -> anyhow::Result<ExitCode> {
    let job = args.job(common)?;
    let split = job.source.split;
    let files = FeatureSource::new(&args.features)
        .with_columns(job.source.from.columns.clone())
        .with_validation(split.validation, split.seed)
        .with_memory(common.memory)
        .open()?;
    args.page.check(job.run.model.as_deref())?;
    let base = load(&base(args, &files)?, output)?;
    files.check_base(&base)?;
    train(&job, base, Learned::Features(&files), args.page.file(), (common, output))?;
    args.show_how_to_try(output)?;
    Ok(ExitCode::SUCCESS)
}

/// The base that the options ask for, or else the one that the feature files record.
fn base(args: &TrainArgs, files: &FeatureFiles) -> anyhow::Result<BaseSource> {
    let mut asked = args.base.source();
    let Some(own) = files.base_source() else {
        return match args.base.base.is_some() || args.base.weights.is_some() {
            true => Ok(asked),
            false => {
                Err(usage("the files do not say of which base their features are: give --base"))
            }
        };
    };
    if args.base.weights.is_none() && args.base.base.is_none() {
        asked.config.architecture = own.config.architecture;
    }
    asked.config.input_size = asked.config.input_size.or(own.config.input_size);
    asked.interpolation = asked.interpolation.or(own.interpolation);
    asked.fit = asked.fit.or(own.fit);
    Ok(asked)
}

pub(super) fn describe(base: &Base, files: &FeatureFiles, output: &Output) -> std::io::Result<()> {
    describe_base(base, output)?;
    let (rows, width) = (thousands(files.rows()), files.width());
    output.field("Features", format!("{rows} x {width} in {}", count(files.files(), "file")))
}
