//! Measures the speed of a fine-tuning step.

use std::error::Error as StdError;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::Instant;

use headstart::{Base, Error};
use headstart_engine::frozen::{Arena, Compute, FrozenConfig, Plan};
use headstart_model::Trainable;
use headstart_train::head::untrained;
use headstart_train::network::{BatchNorm, OpTime, TrainableNetwork};
use headstart_train::{Event, FineTuneConfig, FineTuner, Inputs, Label, Task, TrainError};

use super::{Peak, median};

/// What to measure.
#[derive(Clone, Debug)]
pub struct TrainBenchConfig {
    /// The layers to train.
    pub at: Trainable,
    /// Pictures per step.
    pub batch: usize,
    /// Threads that share them.
    pub threads: usize,
    /// Instruction sets and precision of the frozen layers.
    pub compute: Compute,
    /// Duration of each of both cases, in seconds.
    pub seconds: f64,
}

/// The results: forward, backward and the optimizer's update (RMSprop). Values are medians.
#[derive(Clone, Debug)]
pub struct TrainBenchReport {
    /// The first trainable layer.
    pub first_layer: String,
    /// Milliseconds per step divided by its number of pictures, including the frozen layers.
    pub ms_per_image: f64,
    /// The same with cached outputs of the frozen layers; `None` if there are no frozen layers.
    pub ms_per_image_kept: Option<f64>,
    /// Multiply-adds per picture of the frozen layers.
    pub frozen_multiply_adds: usize,
    /// Multiply-adds per picture of the trainable layers, forward and backward.
    pub multiply_adds: usize,
    /// The peak of all threads together in f32, in 1e9 floating-point operations per second.
    pub peak_gflops: f64,
    /// The trainable operations, on one thread.
    pub operations: Vec<OpTime>,
}

impl TrainBenchReport {
    /// Floating-point operations per second of a step, including the frozen layers, in 1e9.
    pub fn gflops(&self) -> f64 {
        let all = self.frozen_multiply_adds + self.multiply_adds;
        2.0 * all as f64 / self.ms_per_image / 1e6
    }

    /// A step's fraction of the peak.
    pub fn share_of_peak(&self) -> f64 {
        self.gflops() / self.peak_gflops
    }
}

/// Steps per epoch.
const STEPS: usize = 16;

/// Measures steps of fine-tuning on synthetic pictures in memory.
///
/// # Errors
/// When there is no such layer.
pub fn bench_training(base: &Base, config: &TrainBenchConfig) -> Result<TrainBenchReport, Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(config.threads).build();
    pool.expect("the machine has threads to give").install(|| measure(base, config))
}

fn measure(base: &Base, config: &TrainBenchConfig) -> Result<TrainBenchReport, Error> {
    const CLASSES: usize = 2;
    let mut base = base.clone();
    base.apply(&config.at)?;
    let (bn, isa) = (BatchNorm::Inference, config.compute.isa);
    let network = || TrainableNetwork::new(base.network(), base.weights(), bn, isa);
    let trainable = network()?;
    let plan_config = FrozenConfig {
        output: Some(trainable.boundary()),
        compute: config.compute,
        ..FrozenConfig::default()
    };
    let plan = Plan::compile(base.network(), base.weights(), &plan_config);
    let (forward, backward) = trainable.multiply_adds();
    let mut report = TrainBenchReport {
        first_layer: trainable_from(&base),
        ms_per_image: 0.0,
        ms_per_image_kept: None,
        frozen_multiply_adds: plan.multiply_adds(),
        multiply_adds: forward + backward,
        peak_gflops: 0.0,
        operations: trainable.profile(7),
    };
    let pictures = MadeUp::new(plan, config.batch * STEPS, CLASSES);
    let mut peaks = Vec::new();
    // For the picture itself there is nothing to cache.
    let cases: &[bool] = if trainable.boundary() == 0 { &[false] } else { &[false, true] };
    for &kept in cases {
        let head = untrained(Task::SingleLabel, trainable.features(), CLASSES, 0.2, 0);
        let options = FineTuneConfig {
            batch_size: config.batch,
            epochs: 1 << 20,
            ..FineTuneConfig::default()
        };
        let mut tuner = FineTuner::new(network()?, head, options)?;
        let inputs = pictures.as_inputs(kept);
        let mut times = Vec::new();
        let start = Instant::now();
        while times.len() < STEPS || start.elapsed().as_secs_f64() < config.seconds {
            let mut before = None;
            let mut on_batch = |event: Event<'_>| {
                if matches!(event, Event::Batch { .. }) {
                    times.extend(before.map(|before: Instant| before.elapsed().as_secs_f64()));
                    peaks.push(peak(config.compute));
                    before = Some(Instant::now());
                }
                ControlFlow::Continue(())
            };
            tuner.epoch(&inputs, None, &mut on_batch)?;
        }
        let ms = median(&mut times) * 1e3 / config.batch as f64;
        match kept {
            true => report.ms_per_image_kept = Some(ms),
            false => report.ms_per_image = ms,
        }
    }
    report.peak_gflops = median(&mut peaks) / 1e9;
    Ok(report)
}

/// The name of the first layer that trains.
fn trainable_from(base: &Base) -> String {
    let first = base.network().first_trainable();
    first.map_or_else(String::new, |first| base.network().layers()[first].name.clone())
}

/// The current peak of all threads in f32, the precision of training.
fn peak(compute: Compute) -> f64 {
    let compute = Compute::from(compute.isa);
    let start = Instant::now();
    let operations = rayon::broadcast(|_| compute.peak()).into_iter().sum();
    Peak::together([Peak { start, end: Instant::now(), operations }].iter())
}

/// A single picture, repeated.
struct MadeUp {
    plan: Plan,
    arenas: Mutex<Vec<Arena>>,
    pixels: Vec<u8>,
    input: Vec<f32>,
    labels: Vec<usize>,
}

impl MadeUp {
    fn new(plan: Plan, pictures: usize, classes: usize) -> Self {
        let size = plan.preprocessing();
        let pixels: Vec<u8> =
            (0..size.height * size.width * 3).map(|i| (i * 31 % 251) as u8).collect();
        let mut input = vec![0.0; plan.output_shape().len()];
        plan.run(&mut plan.arena(), &pixels, &mut input);
        let labels = (0..pictures).map(|picture| picture % classes).collect();
        Self { plan, arenas: Mutex::default(), pixels, input, labels }
    }

    fn as_inputs(&self, kept: bool) -> MadeUpInputs<'_> {
        MadeUpInputs { pictures: self, kept }
    }
}

/// The picture as output of the frozen layers, computed or cached.
struct MadeUpInputs<'a> {
    pictures: &'a MadeUp,
    kept: bool,
}

impl Inputs for MadeUpInputs<'_> {
    fn labels(&self) -> &[usize] {
        &self.pictures.labels
    }

    fn read(
        &self,
        _: usize,
        _: usize,
        to: &mut [f32],
    ) -> Result<Label, Box<dyn StdError + Send + Sync>> {
        let MadeUp { plan, arenas, pixels, input, .. } = self.pictures;
        if self.kept {
            to.copy_from_slice(input);
            return Ok(Label::Own);
        }
        let idle = arenas.lock().map_err(|_| TrainError::Stopped)?.pop();
        let mut arena = idle.unwrap_or_else(|| plan.arena());
        plan.run(&mut arena, pixels, to);
        arenas.lock().map_err(|_| TrainError::Stopped)?.push(arena);
        Ok(Label::Own)
    }
}
