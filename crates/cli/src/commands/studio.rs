//! `headstart studio`.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use clap::Args;
use headstart_serve::log::{self, Format};
use headstart_serve::{Ended, Level};
use headstart_studio::{Listening, Studio, StudioConfig, StudioError};
use serde_json::json;

use super::serve::parse_listen;
use crate::options::Common;
use crate::output::{Output, path_text};
use crate::{FAILURE, hints};

#[derive(Debug, Args)]
#[command(after_help = "\
A page of this machine's browser, for nobody else: sort pictures into classes, see at once what is learned from \
them, label, clean, train, and take models away. The folder is a folder per class like any other; what is deleted \
can be undone. Nothing leaves this machine.")]
pub(crate) struct StudioArgs {
    /// Folder with one folder of pictures per class; created if missing
    #[arg(value_name = "FOLDER", default_value = "pictures")]
    folder: PathBuf,
    /// Address and port on this machine, or only a port [default: any free port]
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", hide_default_value = true, value_parser = parse_listen)]
    listen: SocketAddr,
    /// Do not open the browser
    #[arg(long)]
    no_open: bool,
    /// Log level: error, warn, info or debug
    #[arg(long, value_name = "LEVEL", default_value = "warn", value_parser = ["error", "warn", "info", "debug"])]
    log: String,
}

pub(crate) fn run(args: &StudioArgs, common: &Common, output: &Output) -> anyhow::Result<ExitCode> {
    let format = if common.json { Format::Json } else { Format::Text };
    let _log = log::init(format, args.log.parse().unwrap_or(Level::WARN), io::stderr());
    if !args.folder.exists() {
        output.text(format!("{} is not there yet, and is made", path_text(&args.folder)))?;
    }
    let config = StudioConfig::new(&args.folder)
        .with_extract(common.extract()?)
        .with_threads(common.threads.map_or(0, usize::from));
    let studio = Studio::open(&config).map_err(|error| worded(&error))?;
    let mut said = Ok(());
    let ended = studio.serve(args.listen, |at| said = greet(&studio, at, args.no_open, output));
    said?;
    match ended.map_err(|error| worded(&error))? {
        Ended::InTime => Ok(ExitCode::SUCCESS),
        Ended::Late => Ok(ExitCode::from(FAILURE)),
    }
}

fn worded(error: &StudioError) -> anyhow::Error {
    match error {
        StudioError::Serve(serve) => anyhow::anyhow!("{serve}{}", hints::serve_error(serve)),
        error => anyhow::anyhow!("{error}"),
    }
}

fn greet(studio: &Studio, at: &Listening, no_open: bool, output: &Output) -> io::Result<()> {
    output.event(&json!({
        "event": "listening",
        "url": at.url,
        "folder": studio.folder().display().to_string(),
    }))?;
    output.text(format!("Studio of {}: {}", studio.folder().display(), at.url))?;
    if !no_open && open(&at.once).is_err() {
        output.text("Open this address in a browser.")?;
    }
    output.text("Ctrl-C ends it. All that was done is kept.")
}

/// Opens an address in the browser with the system's own program, without waiting for it to end.
fn open(url: &str) -> io::Result<()> {
    let mut command = match () {
        () if cfg!(target_os = "macos") => Command::new("open"),
        () if cfg!(windows) => Command::new("explorer"),
        () => {
            let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            if !is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY") && !is_set("BROWSER") {
                return Err(io::ErrorKind::NotFound.into());
            }
            Command::new("xdg-open")
        }
    };
    let command = command.arg(url).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::null()).spawn().map(drop)
}
