//! Feature extraction with a base that is compiled once.

use std::sync::Mutex;

use headstart_decode::Rgb;
use headstart_engine::frozen::{Arena, Compute, FrozenConfig, Plan};
use headstart_model::{Network, Preprocessing, Weights};
use headstart_resize::Resizer;

/// A compiled base. Any number of threads can use it at once; working memory is kept for reuse.
#[derive(Debug)]
pub struct FeatureExtractor {
    plan: Plan,
    mirrored: bool,
    idle: Mutex<Vec<Memory>>,
}

/// The working memory of a thread.
#[derive(Debug)]
struct Memory {
    arena: Arena,
    resizer: Resizer,
    pixels: Vec<u8>,
}

/// An extractor with working memory for one picture at a time.
#[derive(Debug)]
pub struct FeatureScratch<'a> {
    of: &'a FeatureExtractor,
    memory: &'a mut Memory,
}

impl FeatureExtractor {
    /// Compiles a base; its features are the mean of its last layer's output over all positions.
    ///
    /// # Panics
    /// When `weights` do not belong to the network.
    pub fn new(network: &Network, weights: &Weights, compute: Compute) -> Self {
        let config = FrozenConfig { pooled: true, compute, ..FrozenConfig::default() };
        Plan::compile(network, weights, &config).into()
    }

    /// If `mirrored`, features are the mean of those of a picture and of its mirror image.
    #[must_use]
    pub fn mirrored(mut self, mirrored: bool) -> Self {
        self.mirrored = mirrored;
        self
    }

    /// The preprocessing of pictures.
    pub fn preprocessing(&self) -> &Preprocessing {
        self.plan.preprocessing()
    }

    /// Length of a feature vector.
    pub fn features(&self) -> usize {
        self.plan.output_shape().len()
    }

    /// Calls `work` with working memory, reused if available. It contains pixels of a picture only after one has been
    /// [prepared](FeatureScratch::prepare).
    pub fn with_scratch<R>(&self, work: impl FnOnce(&mut FeatureScratch<'_>) -> R) -> R {
        let idle = || self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let kept = idle().pop();
        let mut memory = kept.unwrap_or_else(|| {
            let to = self.preprocessing();
            let pixels = vec![0; to.height * to.width * 3];
            Memory { arena: self.plan.arena(), resizer: Resizer::new(), pixels }
        });
        let result = work(&mut FeatureScratch { of: self, memory: &mut memory });
        idle().push(memory);
        result
    }

    /// The features of a picture.
    pub fn features_of(&self, picture: &Rgb) -> Vec<f32> {
        self.with_scratch(|scratch| {
            scratch.prepare(picture);
            scratch.run()
        })
    }
}

/// A plan whose output is the features.
impl From<Plan> for FeatureExtractor {
    fn from(plan: Plan) -> Self {
        Self { plan, mirrored: false, idle: Mutex::default() }
    }
}

impl FeatureScratch<'_> {
    /// Resizes a picture for the base.
    pub fn prepare(&mut self, picture: &Rgb) -> &[u8] {
        let Memory { resizer, pixels, .. } = &mut *self.memory;
        resizer.resize_into(picture, self.of.plan.preprocessing(), pixels);
        pixels
    }

    /// Computes the features of the last [prepared](FeatureScratch::prepare) picture.
    pub fn run(&mut self) -> Vec<f32> {
        let mut features = self.run_as_is();
        if self.of.mirrored {
            self.mirror();
            let other = self.run_as_is();
            self.mirror();
            features.iter_mut().zip(other).for_each(|(a, b)| *a = (*a + b) / 2.0);
        }
        features
    }

    /// The plan's output for the pixels as they are, regardless of mirroring.
    fn run_as_is(&mut self) -> Vec<f32> {
        let plan = &self.of.plan;
        let mut features = vec![0.0; plan.output_shape().len()];
        let Memory { arena, pixels, .. } = &mut *self.memory;
        plan.run(arena, pixels, &mut features);
        features
    }

    /// Flips the pixels horizontally.
    pub(crate) fn mirror(&mut self) {
        let width = self.of.preprocessing().width;
        for row in self.memory.pixels.as_chunks_mut::<3>().0.chunks_exact_mut(width) {
            row.reverse();
        }
    }

    /// The pixels of the last [prepared](FeatureScratch::prepare) picture, u8 RGB `[height][width][3]`.
    pub fn pixels(&self) -> &[u8] {
        &self.memory.pixels
    }

    /// The same, mutable, for pixels already at the base's size.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.memory.pixels
    }
}
