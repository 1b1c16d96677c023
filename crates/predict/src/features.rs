//! From pictures to features, with a base that is compiled once.

use std::sync::Mutex;

use headstart_decode::Rgb;
use headstart_engine::frozen::{Arena, Compute, FrozenConfig, Plan};
use headstart_model::{Network, Preprocessing, Weights};
use headstart_resize::Resizer;

/// A compiled base. Any number of threads use it at once; the memory that one computes in is kept for
/// the next.
#[derive(Debug)]
pub struct FeatureExtractor {
    plan: Plan,
    idle: Mutex<Vec<FeatureScratch>>,
}

/// What a thread computes in.
#[derive(Debug)]
pub struct FeatureScratch {
    arena: Arena,
    resizer: Resizer,
    pixels: Vec<u8>,
}

impl FeatureExtractor {
    /// Compiles a base; its features are the mean of its last layer's output over all positions.
    ///
    /// # Panics
    /// When `weights` are not the network's.
    pub fn new(network: &Network, weights: &Weights, compute: Compute) -> Self {
        let config = FrozenConfig { pooled: true, compute, ..FrozenConfig::default() };
        Plan::compile(network, weights, &config).into()
    }

    /// How pictures are prepared.
    pub fn preprocessing(&self) -> &Preprocessing {
        self.plan.preprocessing()
    }

    /// Length of a feature vector.
    pub fn features(&self) -> usize {
        self.plan.output_shape().len()
    }

    /// Calls `work` with memory to compute in, that of somebody before if there is any.
    pub fn with_scratch<R>(&self, work: impl FnOnce(&mut FeatureScratch) -> R) -> R {
        let idle = || self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let kept = idle().pop();
        let mut scratch = kept.unwrap_or_else(|| {
            let to = self.preprocessing();
            let pixels = vec![0; to.height * to.width * 3];
            FeatureScratch { arena: self.plan.arena(), resizer: Resizer::new(), pixels }
        });
        let result = work(&mut scratch);
        idle().push(scratch);
        result
    }

    /// Resizes a picture for the base.
    pub fn prepare<'a>(&self, scratch: &'a mut FeatureScratch, picture: &Rgb) -> &'a [u8] {
        scratch.resizer.resize_into(picture, self.preprocessing(), &mut scratch.pixels);
        &scratch.pixels
    }

    /// The features of the picture that was [prepared](FeatureExtractor::prepare) last.
    pub fn run(&self, scratch: &mut FeatureScratch) -> Vec<f32> {
        let mut features = vec![0.0; self.features()];
        self.plan.run(&mut scratch.arena, &scratch.pixels, &mut features);
        features
    }

    /// The features of a picture.
    pub fn features_of(&self, picture: &Rgb) -> Vec<f32> {
        self.with_scratch(|scratch| {
            self.prepare(scratch, picture);
            self.run(scratch)
        })
    }
}

/// A plan whose output is the features.
impl From<Plan> for FeatureExtractor {
    fn from(plan: Plan) -> Self {
        Self { plan, idle: Mutex::default() }
    }
}

impl FeatureScratch {
    /// The pixels of the picture that was [prepared](FeatureExtractor::prepare) last, u8 RGB
    /// `[height][width][3]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}
