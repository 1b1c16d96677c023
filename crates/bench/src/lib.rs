//! Measures the speed of the frozen base relative to the machine's simultaneous peak, and the speed of fine-tuning.
#![forbid(unsafe_code)]

mod training;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Instant;

use headstart::Base;
use headstart_engine::frozen::{Arena, Compute, Plan};

pub use training::{TrainBenchConfig, TrainBenchReport, bench_training};

/// What to measure.
#[derive(Clone, Debug)]
pub struct BenchConfig {
    /// Pictures per batch.
    pub batch: usize,
    /// Threads among which they are divided: a picture at a time per thread, or, if there are fewer pictures than
    /// threads, all threads share each picture.
    pub threads: usize,
    /// Instruction sets and precision.
    pub compute: Compute,
    /// Duration of the measurement, in seconds.
    pub seconds: f64,
}

impl Default for BenchConfig {
    fn default() -> Self {
        Self { batch: 1, threads: 1, compute: Compute::default(), seconds: 2.0 }
    }
}

/// The results. All values are medians.
#[derive(Clone, Debug)]
pub struct BenchReport {
    /// Milliseconds per batch divided by its number of pictures.
    pub ms_per_image: f64,
    /// Multiply-adds per picture.
    pub multiply_adds: usize,
    /// The peak of all threads together in the measured precision, in 1e9 floating-point operations per second: with
    /// its instruction set, and for portable code with the best of the processor.
    pub peak_gflops: f64,
    /// Working memory of a thread in bytes, without the weights.
    pub arena_bytes: usize,
    /// The fused steps in order, on one thread.
    pub steps: Vec<StepTime>,
}

/// The time of a fused step.
#[derive(Clone, Debug)]
pub struct StepTime {
    /// The layers it computes.
    pub layers: String,
    /// Milliseconds per picture.
    pub ms: f64,
    /// Multiply-adds per picture.
    pub multiply_adds: usize,
}

impl BenchReport {
    /// Pictures per second.
    pub fn images_per_second(&self) -> f64 {
        1e3 / self.ms_per_image
    }

    /// Floating-point operations per second of the plan, in 1e9.
    pub fn gflops(&self) -> f64 {
        2.0 * self.multiply_adds as f64 / self.ms_per_image / 1e6
    }

    /// The plan's fraction of the peak.
    pub fn share_of_peak(&self) -> f64 {
        self.gflops() / self.peak_gflops
    }
}

/// How much faster than in f32 the processor multiplies in a reduced precision, measured within some ten milliseconds:
/// not on every processor that has the instructions is it faster.
pub fn speedup(compute: Compute) -> f64 {
    let rate = |compute: Compute| {
        let start = Instant::now();
        compute.peak() as f64 / start.elapsed().as_secs_f64()
    };
    // The best of several in turn: another process may interrupt any of them.
    let mut best = [0.0_f64; 2];
    for _ in 0..3 {
        for (best, compute) in best.iter_mut().zip([compute, compute.isa.into()]) {
            *best = best.max(rate(compute));
        }
    }
    best[0] / best[1]
}

/// Measures the frozen base on pictures in memory, without decoding and resizing.
pub fn bench(base: &Base, config: &BenchConfig) -> BenchReport {
    let plan = base.compile(config.compute);
    let size = plan.preprocessing();
    let picture: Vec<u8> =
        (0..size.height * size.width * 3).map(|i| (i * 31 % 251) as u8).collect();
    let (mut batches, mut peaks) = (Vec::new(), Vec::new());
    measure(&plan, &picture, config, &mut |batch, peak| {
        batches.push(batch);
        peaks.push(peak);
    });
    BenchReport {
        ms_per_image: median(&mut batches) * 1e3 / config.batch as f64,
        multiply_adds: plan.multiply_adds(),
        peak_gflops: median(&mut peaks) / 1e9,
        arena_bytes: plan.arena_bytes(),
        steps: steps(&plan, &picture),
    }
}

/// Alternates batches and measurements of the peak, so that both run at the same clock rate. `record` receives the
/// seconds of a batch and the floating-point operations per second.
fn measure(plan: &Plan, picture: &[u8], config: &BenchConfig, record: &mut dyn FnMut(f64, f64)) {
    // If there is a picture for each thread, every thread is a separate team.
    let (teams, members) =
        if config.batch < config.threads { (1, config.threads) } else { (config.threads, 1) };
    let barrier = Barrier::new(teams + 1);
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    // The teams' times of a round. They measure the time themselves: a waiting thread may be resumed late when all
    // cores are busy.
    let rounds = Mutex::new(Vec::new());
    let team = || {
        let mut worker = Worker::new(plan, members);
        // Memory is touched and the clock rate is up before the measurement.
        worker.run(plan, picture);
        loop {
            barrier.wait();
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let start = Instant::now();
            while next.fetch_add(1, Ordering::Relaxed) < config.batch {
                worker.run(plan, picture);
            }
            let end = Instant::now();
            // The peak of all threads is measured while all are running.
            barrier.wait();
            let peak = Peak {
                start: Instant::now(),
                operations: rayon::broadcast(|_| config.compute.peak()).into_iter().sum(),
                end: Instant::now(),
            };
            rounds.lock().expect("no worker panics while holding it").push((start, end, peak));
            barrier.wait();
        }
    };
    let pools: Vec<_> = (0..teams).map(|_| pool(members)).collect();
    thread::scope(|scope| {
        for pool in &pools {
            scope.spawn(|| pool.install(team));
        }
        let start = Instant::now();
        let mut count = 0;
        while count < 5 || start.elapsed().as_secs_f64() < config.seconds {
            next.store(0, Ordering::Relaxed);
            for _ in 0..3 {
                barrier.wait();
            }
            let seen = std::mem::take(&mut *rounds.lock().expect("no worker panics"));
            let first = seen.iter().map(|round| round.0).min().expect("a round of each worker");
            let last = seen.iter().map(|round| round.1).max().expect("a round of each worker");
            record((last - first).as_secs_f64(), Peak::together(seen.iter().map(|round| &round.2)));
            count += 1;
        }
        stop.store(true, Ordering::Relaxed);
        barrier.wait();
    });
}

/// A team's number of floating-point operations in registers.
struct Peak {
    start: Instant,
    end: Instant,
    operations: usize,
}

impl Peak {
    /// Operations per second of all teams, from the first one's start to the last one's end: threads that share a core
    /// would each see its full speed.
    fn together<'a>(peaks: impl Iterator<Item = &'a Self> + Clone) -> f64 {
        let operations: usize = peaks.clone().map(|peak| peak.operations).sum();
        let start = peaks.clone().map(|peak| peak.start).min();
        let end = peaks.map(|peak| peak.end).max();
        let seconds = start.zip(end).map_or(0.0, |(start, end)| (end - start).as_secs_f64());
        operations as f64 / seconds
    }
}

/// The median time of each step.
fn steps(plan: &Plan, picture: &[u8]) -> Vec<StepTime> {
    const RUNS: usize = 31;
    let mut worker = Worker::new(plan, 1);
    let count = plan.steps().count();
    let mut times = vec![Vec::with_capacity(RUNS); count];
    for _ in 0..RUNS {
        let mut start = Instant::now();
        let Worker { arena, features, .. } = &mut worker;
        plan.run_stepwise(arena, picture, features, &mut |step| {
            let end = Instant::now();
            times[step].push((end - start).as_secs_f64());
            start = end;
        });
    }
    let step = |((layers, multiply_adds), times): ((&str, usize), &mut Vec<f64>)| StepTime {
        layers: layers.to_owned(),
        ms: median(times) * 1e3,
        multiply_adds,
    };
    plan.steps().zip(&mut times).map(step).collect()
}

fn pool(threads: usize) -> rayon::ThreadPool {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.expect("the machine has threads to give")
}

struct Worker {
    arena: Arena,
    features: Vec<f32>,
}

impl Worker {
    fn new(plan: &Plan, threads: usize) -> Self {
        Self { arena: plan.shared_arena(threads), features: vec![0.0; plan.output_shape().len()] }
    }

    fn run(&mut self, plan: &Plan, picture: &[u8]) {
        plan.run(&mut self.arena, picture, &mut self.features);
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
