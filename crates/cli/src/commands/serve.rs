//! `headstart serve`.

use std::io::{self, IsTerminal};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use headstart_serve::log::{self, Format};
use headstart_serve::{Auth, Ended, Level, Limits, ModelSource, ServeConfig, ServeError, Server};

use crate::FAILURE;
use crate::hints;
use crate::options::{Common, parse_memory};
use crate::output::{Output, count};

#[derive(Debug, Args)]
#[command(after_help = "\
Then: curl --data-binary @picture.jpg http://127.0.0.1:8000/predict\n\
/docs tells of everything that is answered, and / is a page to drop a picture on. Log lines go to standard \
error; with --json they are JSON on standard output. SIGTERM and Ctrl-C finish what has begun.")]
pub(crate) struct ServeArgs {
    /// Model files, or bundled bases with a classifier (efficientnet-lite0)
    ///
    /// Each is named after its file, or as given by NAME=MODEL. /predict uses the first.
    #[arg(required = true, value_name = "MODEL")]
    models: Vec<String>,
    /// Address and port, or only a port; addresses other than loopback require --token or --no-auth
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000", value_parser = parse_listen)]
    listen: SocketAddr,
    /// Require the header Authorization: Bearer TOKEN
    #[arg(long, value_name = "TOKEN", env = "HEADSTART_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Allow requests without a token
    #[arg(long)]
    no_auth: bool,
    /// Host name to accept, besides localhost and IP addresses; can be repeated
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    #[command(flatten)]
    limits: LimitArgs,
    /// Seconds to finish open requests after SIGTERM
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = parse_seconds)]
    grace: Duration,
    /// Log level: error, warn, info or debug
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = ["error", "warn", "info", "debug"])]
    log: String,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Maximum size of a request body, such as 10MB [default: 32MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_memory)]
    max_body: Option<u64>,
    /// Maximum pictures per request [default: 64]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    max_pictures: Option<u16>,
    /// Maximum pixels per picture [default: 50000000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_pixels: Option<u64>,
    /// Maximum pictures in the queue; more are answered with 503 [default: 128]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    queue: Option<u16>,
    /// Seconds that a client may take to send a request [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    send_time: Option<Duration>,
    /// Maximum number of connections; more are answered with 503 [default: 1024]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    connections: Option<u16>,
}

pub(crate) fn run(args: &ServeArgs, common: &Common, output: &Output) -> anyhow::Result<ExitCode> {
    let level = args.log.parse().unwrap_or(Level::INFO);
    let _log = match common.json {
        true => log::init(Format::Json, level, io::stdout()),
        false => log::init(Format::Text, level, io::stderr()),
    };
    let mut said = Ok(());
    let ended =
        headstart_serve::serve(config(args, common)?, |server| said = greet(server, output));
    said?;
    match ended {
        Ok(Ended::InTime) => Ok(ExitCode::SUCCESS),
        Ok(Ended::Late) => Ok(ExitCode::from(FAILURE)),
        Err(ServeError::Model(error)) => Err(error.into()),
        Err(error) => Err(anyhow::anyhow!("{error}{}", hints::serve_error(&error))),
    }
}

fn greet(server: &Server, output: &Output) -> io::Result<()> {
    let address = server.address();
    for (model, classes) in server.models() {
        output.text(format!("{model}: {}", count(classes, "class")))?;
    }
    let page = if io::stdout().is_terminal() { ", a page to drop pictures on" } else { "" };
    output.text(format!("Listening on http://{address}{page}"))
}

fn config(args: &ServeArgs, common: &Common) -> anyhow::Result<ServeConfig> {
    let models = args.models.iter().map(|model| ModelSource::parse(model)).collect();
    let mut config = ServeConfig::new(models);
    config.listen = args.listen;
    // An empty environment variable counts as unset.
    config.auth = match args.token.as_deref().filter(|token| !token.is_empty()) {
        Some(_) if args.no_auth => {
            anyhow::bail!(crate::usage("--no-auth cannot be combined with a token"))
        }
        Some(token) => Auth::Token(token.to_owned()),
        None if args.no_auth => Auth::Nobody,
        None => Auth::Loopback,
    };
    config.hosts.clone_from(&args.hosts);
    config.threads = common.threads.map_or(0, usize::from);
    config.compute = common.compute()?;
    config.grace = args.grace;
    let Limits { body, pictures, pixels, memory, queue, send_time, connections, .. } =
        &mut config.limits;
    let given = &args.limits;
    *body = given.max_body.map_or(*body, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    *pictures = given.max_pictures.map_or(*pictures, usize::from);
    *pixels = given.max_pixels.unwrap_or(*pixels);
    *memory = common.memory.unwrap_or(*memory);
    *queue = given.queue.map_or((*queue).max(*pictures), usize::from);
    *send_time = given.send_time.unwrap_or(*send_time);
    *connections = given.connections.map_or(*connections, usize::from);
    // There must always be room for one body.
    config.limits.bodies = config.limits.bodies.max(config.limits.body);
    Ok(config)
}

/// Parses an address and a port, or only a port.
pub(crate) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port));
    }
    let text = text.replacen("localhost:", "127.0.0.1:", 1);
    text.parse().map_err(|_| "give an address and a port, such as 0.0.0.0:8000".to_owned())
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.01..=86_400.0).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "give a number of seconds, such as 30".to_owned())
}
