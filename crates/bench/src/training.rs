//! How fast a step of fine-tuning is.

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

/// What to measure of fine-tuning.
#[derive(Clone, Debug)]
pub struct TrainBenchConfig {
    /// Which layers train.
    pub at: Trainable,
    /// Pictures of a step.
    pub batch: usize,
    /// Threads that share them.
    pub threads: usize,
    /// What the frozen layers are computed with.
    pub compute: Compute,
    /// For how long to measure each of both cases, in seconds.
    pub seconds: f64,
}

/// What was measured: forward, backward and the optimizer's update (RMSprop). Figures are medians.
#[derive(Clone, Debug)]
pub struct TrainBenchReport {
    /// The first layer that trains.
    pub first_layer: String,
    /// Milliseconds of a step by its pictures, the frozen layers included.
    pub ms_per_image: f64,
    /// The same where what the frozen layers make of the pictures has been kept; `None` where there
    /// are no frozen layers.
    pub ms_per_image_kept: Option<f64>,
    /// Multiply-adds for a picture: of the frozen layers, and of the others forward and back.
    pub frozen_multiply_adds: usize,
    /// Of the layers that train.
    pub multiply_adds: usize,
    /// Floating-point operations a second that all threads together can do in f32, in 1e9.
    pub peak_gflops: f64,
    /// The operations that train, on one thread.
    pub operations: Vec<OpTime>,
}

impl TrainBenchReport {
    /// Floating-point operations a second that a step reached, the frozen layers included, in 1e9.
    pub fn gflops(&self) -> f64 {
        let all = self.frozen_multiply_adds + self.multiply_adds;
        2.0 * all as f64 / self.ms_per_image / 1e6
    }

    /// Of the peak, the share that a step reached.
    pub fn share_of_peak(&self) -> f64 {
        self.gflops() / self.peak_gflops
    }
}

/// Steps between the start of an epoch and its end.
const STEPS: usize = 16;

/// Measures steps of fine-tuning on made-up pictures in memory.
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
    // Of the picture itself there is nothing to keep.
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

/// The peak of all threads at this moment, in f32, which is what training computes in.
fn peak(compute: Compute) -> f64 {
    let compute = Compute { bf16: None, ..compute };
    let start = Instant::now();
    let operations = rayon::broadcast(|_| compute.peak()).into_iter().sum();
    Peak::together([Peak { start, end: Instant::now(), operations }].iter())
}

/// One picture, again and again.
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

/// The picture through the frozen layers, or what has been kept of it.
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
