//! Options that several commands take.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use clap::builder::OsStringValueParser;
use headstart::data::decode::Reduce;
use headstart::engine::Isa;
use headstart::engine::frozen::{Bf16, Compute};
use headstart::{ExtractConfig, default_cache};

use crate::usage;

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// Write JSON to standard output, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Threads to work on [default: as many as the machine runs at once]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Instruction set to compute with: auto, avx512, avx2, neon or portable
    #[arg(long, global = true, value_name = "ISA", env = "HEADSTART_ISA", default_value = "auto", value_parser = parse_isa)]
    isa: Isa,
    /// Precision of the base's 1x1 convolutions: f32, or bf16 where the processor multiplies that
    #[arg(long, global = true, value_name = "PRECISION", default_value = "f32", value_parser = parse_precision)]
    precision: Precision,
    /// Folder of the feature cache
    #[arg(long, global = true, value_name = "DIR", env = "HEADSTART_CACHE", value_parser = OsStringValueParser::new())]
    cache_dir: Option<OsString>,
    /// Compute all features anew and keep none
    #[arg(long, global = true)]
    pub(crate) no_cache: bool,
}

impl Common {
    /// The folder of the feature cache, whether it is to be used or not.
    pub(crate) fn cache_root(&self) -> Option<PathBuf> {
        // An empty variable is as good as none.
        let given = self.cache_dir.as_ref().filter(|dir| !dir.is_empty());
        given.map(PathBuf::from).or_else(default_cache)
    }

    /// What to compute with.
    ///
    /// # Errors
    /// For options that exclude each other.
    pub(crate) fn compute(&self) -> anyhow::Result<Compute> {
        let bf16 = self.precision.0;
        if bf16.is_some_and(|bf16| bf16.simd().name() != self.isa.name()) {
            return Err(usage(format_args!(
                "bf16 is not for {}: leave out --isa (or HEADSTART_ISA), or take --precision f32",
                self.isa.name()
            )));
        }
        Ok(Compute { isa: self.isa, bf16 })
    }

    /// How features are computed.
    ///
    /// # Errors
    /// For options that exclude each other.
    pub(crate) fn extract(&self) -> anyhow::Result<ExtractConfig> {
        Ok(ExtractConfig {
            compute: self.compute()?,
            reduce: Reduce::default(),
            cache_read_only: false,
            threads: self.threads.map(usize::from),
            cache: if self.no_cache { None } else { self.cache_root() },
        })
    }
}

/// An instruction set that this processor has.
fn parse_isa(name: &str) -> Result<Isa, String> {
    // An empty variable is as good as none.
    if name == "auto" || name.is_empty() {
        return Ok(Isa::best());
    }
    Isa::by_name(name).ok_or_else(|| {
        let available: Vec<&str> = Isa::available().iter().map(|isa| isa.name()).collect();
        format!("this processor has auto, {}", available.join(", "))
    })
}

/// `None` is f32.
#[derive(Clone, Copy, Debug)]
struct Precision(Option<Bf16>);

/// A precision that this processor has instructions for.
fn parse_precision(name: &str) -> Result<Precision, String> {
    match name {
        "f32" => Ok(Precision(None)),
        "bf16" => match Bf16::best() {
            Some(bf16) => Ok(Precision(Some(bf16))),
            None => Err("this processor has neither amx nor avx512_bf16: take f32".to_owned()),
        },
        _ => Err("there are f32 and bf16".to_owned()),
    }
}

/// Which base, in which size.
#[derive(Debug, Args)]
pub(crate) struct BaseArgs {
    /// Base to build on; `headstart bases` lists them [default: mobilenetv2, or what --weights fits]
    #[arg(long, value_name = "BASE")]
    pub(crate) base: Option<String>,
    /// Weights of the base: .h5, .keras, .pth or .safetensors [default: the bundled ones]
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Side of the square that pictures are resized to, in pixels [default: the base's own]
    #[arg(long, value_name = "N", value_parser = parse_input_size)]
    pub(crate) input_size: Option<usize>,
}

/// The base that is taken when none is named.
pub(crate) const DEFAULT_BASE: &str = "mobilenetv2";

impl BaseArgs {
    /// Loads the base, frozen.
    pub(crate) fn load(&self) -> Result<headstart::Base, headstart::Error> {
        let input_size = self.input_size.map(|side| (side, side));
        let mut base = match &self.weights {
            Some(file) => {
                let architecture = self.base.clone();
                let config = headstart::BaseConfig { architecture, input_size };
                headstart::Base::from_file(file, &config)?
            }
            None => {
                let name = self.base.as_deref().unwrap_or(DEFAULT_BASE);
                headstart::Base::bundled_at(name, input_size)?
            }
        };
        base.set_trainable(false);
        Ok(base)
    }
}

/// A side that the bases can take and that a picture's arena has room for.
pub(crate) fn parse_input_size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(side) if (32..=2048).contains(&side) => Ok(side),
        _ => Err("give a number of pixels from 32 to 2048".to_owned()),
    }
}
