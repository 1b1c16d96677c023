//! `headstart completions` and `headstart man`, generated from the definitions of commands and options.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Arguments;
use crate::output::quoted;

const PROGRAM: &str = "headstart";

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell to write the script for
    shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Folder to write the pages to
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    // The generator panics if the output is a closed pipe, so the script is generated in memory.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), PROGRAM, &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let write = || {
        std::fs::create_dir_all(&args.dir)?;
        clap_mangen::generate_to(Arguments::command(), &args.dir)
    };
    write().with_context(|| {
        format!("cannot write manual pages to {}", quoted(&args.dir.display().to_string()))
    })?;
    Ok(ExitCode::SUCCESS)
}
