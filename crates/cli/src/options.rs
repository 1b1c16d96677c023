//! Options shared by several commands.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;

use clap::Args;
use clap::builder::OsStringValueParser;
use headstart::data::cache::Limit;
use headstart::engine::Isa;
use headstart::engine::frozen::{Compute, Reduced};
use headstart::model::architectures::{Architecture, NetworkConfig};
use headstart::model::{Fit, Interpolation, Network};
use headstart::{
    Base, BaseConfig, BaseSource, Context, ExtractConfig, ThreadPool, default_bases, default_cache,
};

use crate::hints;
use crate::output::Output;
use crate::precision::{self, PrecisionOption, parse_precision};
use crate::progress::{Progress, interrupt};
use crate::usage;

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// Write JSON to standard output, one object per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Number of threads [default: one per core]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Instruction set: auto, avx512, avx2, neon or portable
    #[arg(long, global = true, value_name = "ISA", env = "HEADSTART_ISA", default_value = "auto", value_parser = parse_isa)]
    isa: Isa,
    /// Precision of the base's 1x1 convolutions: f32; bf16 or int8 if the processor has it
    #[arg(long, global = true, value_name = "PRECISION", default_value = "f32", value_parser = parse_precision)]
    precision: PrecisionOption,
    /// Memory for reading and decoding pictures, such as 100MB [default: 512MiB]
    ///
    /// Shared by all threads. Pictures that need more are skipped. With the default, larger pictures are
    /// decoded one at a time instead.
    #[arg(long, global = true, value_name = "SIZE", value_parser = parse_memory)]
    pub(crate) memory: Option<u64>,
    /// Folder of the feature cache
    #[arg(long, global = true, value_name = "DIR", env = "HEADSTART_CACHE", value_parser = OsStringValueParser::new())]
    cache_dir: Option<OsString>,
    /// Maximum size of the feature cache, such as 500MB or 20GB, or none [default: 10GiB]
    #[arg(long, global = true, value_name = "SIZE", env = "HEADSTART_CACHE_LIMIT", default_value = "", hide_default_value = true, value_parser = parse_limit)]
    pub(crate) cache_limit: Limit,
    /// Neither read nor write the feature cache
    #[arg(long, global = true)]
    pub(crate) no_cache: bool,
    /// The command as it was given, its name first.
    #[arg(skip)]
    pub(crate) command_line: Vec<OsString>,
    #[arg(skip)]
    pool: OnceLock<ThreadPool>,
}

impl Common {
    /// The folder of the feature cache, whether or not the cache is used.
    pub(crate) fn cache_root(&self) -> Option<PathBuf> {
        // An empty environment variable counts as unset.
        let given = self.cache_dir.as_ref().filter(|dir| !dir.is_empty());
        given.map(PathBuf::from).or_else(default_cache)
    }

    /// The command's thread pool, started on the first call.
    ///
    /// # Errors
    /// If the system cannot start that many threads.
    pub(crate) fn pool(&self) -> anyhow::Result<&ThreadPool> {
        if let Some(pool) = self.pool.get() {
            return Ok(pool);
        }
        let started = ThreadPool::with_threads(self.threads.map_or(0, usize::from));
        let pool = started.map_err(|error| anyhow::anyhow!("{error}; take fewer"))?;
        Ok(self.pool.get_or_init(|| pool))
    }

    /// A context for the command's work: Ctrl-C cancels it, and `progress` shows its events.
    ///
    /// # Errors
    /// As [`Common::pool`].
    pub(crate) fn context<'a>(&self, mut progress: Progress<'a>) -> anyhow::Result<Context<'a>> {
        Ok(Context::default()
            .with_pool(self.pool()?.clone())
            .with_cancel_token(interrupt().clone())
            .on_event(move |event| progress.tell(&event)))
    }

    /// The instruction set and precision to compute with.
    ///
    /// # Errors
    /// If the options exclude each other.
    pub(crate) fn compute(&self) -> anyhow::Result<Compute> {
        let Some(precision) = self.precision.0 else { return Ok(self.isa.into()) };
        let mut sets = Reduced::available(precision).into_iter();
        let set = sets.find(|set| set.simd().name() == self.isa.name());
        set.map(Compute::from).ok_or_else(|| {
            usage(format_args!(
                "{} cannot compute in {}; remove --isa (or HEADSTART_ISA), or use --precision f32",
                self.isa.name(),
                precision.name()
            ))
        })
    }

    /// Advice on a precision that is no faster than f32 on this processor.
    pub(crate) fn advice(&self) -> Option<String> {
        let compute = self.precision.0.and_then(|_| self.compute().ok())?;
        precision::advice(compute.precision(), headstart_bench::speedup(compute))
    }

    /// How features are extracted and cached.
    ///
    /// # Errors
    /// If the options exclude each other.
    pub(crate) fn extract(&self) -> anyhow::Result<ExtractConfig> {
        Ok(ExtractConfig::default()
            .with_compute(self.compute()?)
            .with_cache_limit(self.cache_limit)
            .with_memory(self.memory)
            .with_cache(if self.no_cache { None } else { self.cache_root() }))
    }
}

/// Parses the name of an instruction set that this processor supports.
fn parse_isa(name: &str) -> Result<Isa, String> {
    Isa::maximum().map_err(|error| error.to_string())?;
    // An empty environment variable counts as unset.
    if name == "auto" || name.is_empty() {
        return Ok(Isa::best());
    }
    Isa::by_name(name).ok_or_else(|| {
        let available: Vec<&str> = Isa::available().iter().map(|isa| isa.name()).collect();
        format!("this processor has auto, {}", available.join(", "))
    })
}

/// Parses the size limit of the cache. An empty environment variable counts as unset.
fn parse_limit(text: &str) -> Result<Limit, String> {
    match text {
        "" => Ok(Limit::default()),
        "none" => Ok(Limit(None)),
        _ => match parse_size(text) {
            Some(0) => Err("use --no-cache to keep no features".to_owned()),
            Some(bytes) => Ok(Limit(Some(bytes))),
            None => Err("give a size such as 500MB, 20GB or 10GiB, or none".to_owned()),
        },
    }
}

/// Parses an amount of memory for decoding.
pub(crate) fn parse_memory(text: &str) -> Result<u64, String> {
    match parse_size(text) {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => Err("give a size such as 100MB or 2GiB".to_owned()),
    }
}

/// Parses a number of bytes with a unit: powers of 1000 (`MB`) or of 1024 (`MiB`), in any case.
fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" | "k" => 1000,
        "mb" | "m" => 1000_u64.pow(2),
        "gb" | "g" => 1000_u64.pow(3),
        "tb" | "t" => 1000_u64.pow(4),
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    // Rounding is off by a byte or more only for sizes larger than any disk.
    let bytes = number.parse::<f64>().ok()? * unit as f64;
    (bytes < u64::MAX as f64).then_some(bytes as u64)
}

/// The names of the bases, each with the resizing options that differ from its defaults.
pub(crate) fn named(base: &Base) -> String {
    let each = base.parts().map(|base| base.network());
    let each = each.map(|network| format!("{}{}", network.name(), resizing(network)));
    each.collect::<Vec<_>>().join(" + ")
}

/// Which base, in which size.
#[derive(Debug, Args)]
pub(crate) struct BaseArgs {
    /// Base to build on [default: mobilenetv2, or what --weights fits]
    ///
    /// `headstart bases` lists them. A+B joins the features of two or more. For `train`, auto takes the best of
    /// those at hand.
    #[arg(long, value_name = "BASE")]
    pub(crate) base: Option<String>,
    /// Weights of the base: .h5, .keras, .pth or .safetensors [default: those that `headstart bases` has
    /// fetched or added, or else the bundled ones]
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Prefix of the weights to use from a file with several sets, such as state_dict [default: moving averages
    /// if there are any, as in timm]
    #[arg(long, value_name = "PREFIX", requires = "weights")]
    pub(crate) weights_prefix: Option<String>,
    /// Size that pictures are resized to, in pixels [default: the base's own]
    #[arg(long, value_name = "N", value_parser = parse_input_size)]
    pub(crate) input_size: Option<usize>,
    /// Interpolation: bilinear, bicubic, area or tensorflow [default: the base's own]
    ///
    /// bilinear, bicubic and area antialias; tensorflow does not, as tf.image.resize.
    #[arg(long, value_name = "HOW")]
    pub(crate) resize: Option<Interpolation>,
    /// How to fit pictures of another aspect ratio: stretch, crop or pad [default: the base's own]
    #[arg(long, value_name = "HOW")]
    pub(crate) fit: Option<Fit>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Where bases lie that were fetched or added.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// Folder of the bases that `headstart bases` fetches and adds [default: one of the user's]
    #[arg(long, value_name = "DIR", env = "HEADSTART_BASES", value_parser = OsStringValueParser::new())]
    bases_dir: Option<OsString>,
}

impl StoreArgs {
    /// The folder, if there is one.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        // An empty environment variable counts as unset.
        let given = self.bases_dir.as_ref().filter(|dir| !dir.is_empty());
        given.map(PathBuf::from).or_else(default_bases)
    }
}

/// The resizing options that differ from the architecture's defaults, as in `, resized by tensorflow,
/// pad to fit`; empty if none differ.
pub(crate) fn resizing(network: &Network) -> String {
    let architecture = Architecture::find(network.architecture()).expect("it was built from one");
    let own = architecture.build(&NetworkConfig::default()).expect("every default can be built");
    let (own, chosen) = (own.preprocessing(), network.preprocessing());
    let mut text = String::new();
    if chosen.interpolation != own.interpolation {
        text += &format!(", resized by {}", chosen.interpolation);
    }
    if chosen.fit != own.fit {
        text += &format!(", {} to fit", chosen.fit);
    }
    text
}

impl BaseArgs {
    /// The base that these options describe.
    pub(crate) fn source(&self) -> BaseSource {
        let config = BaseConfig::default()
            .with_architecture(self.base.clone())
            .with_input_size(self.input_size.map(|side| (side, side)))
            .with_prefix(self.weights_prefix.clone());
        BaseSource::default()
            .with_weights(self.weights.clone())
            .with_store(self.store.folder())
            .with_config(config)
            .with_interpolation(self.resize)
            .with_fit(self.fit)
    }

    /// Loads the base, frozen, and prints what was assumed.
    pub(crate) fn load(&self, output: &Output) -> anyhow::Result<headstart::Base> {
        load(&self.source(), output)
    }
}

/// Loads a base, frozen, and prints what was assumed.
pub(crate) fn load(source: &BaseSource, output: &Output) -> anyhow::Result<headstart::Base> {
    let base = source.load()?;
    for assumption in base.assumptions() {
        output.note(&hints::assumption(assumption))?;
    }
    Ok(base)
}

/// Parses an input size that the bases accept and that fits into a picture's arena.
pub(crate) fn parse_input_size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(side) if (32..=2048).contains(&side) => Ok(side),
        _ => Err("give a number of pixels from 32 to 2048".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_the_units_that_people_write() {
        for (text, bytes) in [
            ("1", Some(1)),
            ("500MB", Some(500_000_000)),
            ("20 gb", Some(20_000_000_000)),
            ("10GiB", Some(10 << 30)),
            ("1.5k", Some(1500)),
            ("0.5TiB", Some(1 << 39)),
            ("", None),
            ("GB", None),
            ("1.2.3MB", None),
            ("-1MB", None),
            ("10 parsecs", None),
            ("99999999999999TB", None),
        ] {
            assert_eq!(parse_size(text), bytes, "{text}");
        }
        assert_eq!(parse_limit("none"), Ok(Limit(None)));
        assert_eq!(parse_limit(""), Ok(Limit::default()));
        assert!(parse_limit("0").unwrap_err().contains("--no-cache"));
        assert!(parse_limit("lots").unwrap_err().contains("500MB"));
    }
}
