use std::{collections::VecDeque, ops::Range};

/// Stopping criteria and history length of [`Lbfgs`].
#[derive(Debug, Clone, Copy)]
pub struct LbfgsConfig {
    /// Number of steps whose curvature is kept.
    pub memory: usize,
    /// Converged when no element of the gradient is larger than this.
    pub tolerance: f64,
    /// Maximum number of steps.
    pub max_steps: usize,
    /// Relative rounding error of values. Below it, the line search relies on slopes alone.
    pub noise: f64,
}

impl Default for LbfgsConfig {
    fn default() -> Self {
        Self { memory: 10, tolerance: 1e-5, max_steps: 1000, noise: 1e-7 }
    }
}

/// The state of a minimisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LbfgsStatus {
    /// The next point must be evaluated.
    Running,
    /// The gradient is below the tolerance.
    Converged,
    /// No further descent was found, as at the limit of precision, or the maximum number of steps was reached. The best
    /// point found is valid.
    Stopped,
}

/// Limited-memory BFGS for smooth convex functions (Nocedal & Wright, Numerical Optimization, algorithm 7.5), with a
/// bracketing line search for the weak Wolfe conditions.
///
/// The caller evaluates the function at [`point`](Self::point), passes value and gradient to [`tell`](Self::tell), and
/// repeats while the status is [`LbfgsStatus::Running`]. So it can evaluate many minimisations in one pass over the
/// data.
#[derive(Debug, Clone)]
pub struct Lbfgs {
    config: LbfgsConfig,
    status: LbfgsStatus,
    steps: usize,
    /// The best point so far, with its value and gradient once evaluated.
    x: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    pairs: VecDeque<Pair>,
    /// The point to evaluate: x + search.step direction, or x at the very start.
    trial: Vec<f64>,
    direction: Vec<f64>,
    search: Option<Search>,
    /// An approximation of the inverse of the Hessian's diagonal.
    scale: Option<Vec<f64>>,
}

/// A step and the change of the gradient over it.
#[derive(Debug, Clone)]
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    product: f64,
}

/// A line search: the step to try, and the known steps on both sides of a minimum.
#[derive(Debug, Clone, Copy)]
struct Search {
    step: f64,
    slope_at_start: f64,
    /// A step known to be too short, with its slope.
    low: (f64, f64),
    /// A step known to be too long, with its slope.
    high: Option<(f64, f64)>,
    evaluations: usize,
}

const SUFFICIENT_DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
const MAX_EVALUATIONS: usize = 25;

impl Lbfgs {
    /// Starts a minimisation from a point.
    pub fn new(start: Vec<f64>, config: LbfgsConfig) -> Self {
        Self {
            config,
            status: LbfgsStatus::Running,
            steps: 0,
            value: f64::INFINITY,
            gradient: vec![0.0; start.len()],
            pairs: VecDeque::with_capacity(config.memory),
            direction: vec![0.0; start.len()],
            search: None,
            scale: None,
            trial: start.clone(),
            x: start,
        }
    }

    /// Sets an approximation of the inverse of the Hessian's diagonal, which speeds convergence up if the scales of
    /// parameters differ. It applies from the next step on.
    pub fn set_scale(&mut self, scale: Vec<f64>) {
        self.scale = Some(scale);
    }

    /// Continues from the best point with a similar function: the known curvature is kept, values and gradients are
    /// not. Steps count from 0 again.
    pub fn resume(&mut self, config: LbfgsConfig) {
        self.config = config;
        self.status = LbfgsStatus::Running;
        self.steps = 0;
        self.value = f64::INFINITY;
        self.search = None;
        self.trial.copy_from_slice(&self.x);
        while self.pairs.len() > config.memory {
            self.pairs.pop_front();
        }
    }

    /// The point at which the function must be evaluated next.
    pub fn point(&self) -> &[f64] {
        &self.trial
    }

    /// The best point so far.
    pub fn best(&self) -> &[f64] {
        &self.x
    }

    /// The function's value at the best point so far.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The number of steps so far.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The state: whether a point must be evaluated.
    pub fn status(&self) -> LbfgsStatus {
        self.status
    }

    /// Passes the function's value and gradient at [`point`](Self::point).
    pub fn tell(&mut self, value: f64, gradient: &[f64]) -> LbfgsStatus {
        let Some(mut search) = self.search else {
            self.value = value;
            self.gradient.copy_from_slice(gradient);
            self.start_search();
            return self.status;
        };
        search.evaluations += 1;
        let slope = dot(gradient, &self.direction);
        let enough = value <= self.value + SUFFICIENT_DECREASE * search.step * search.slope_at_start
            // Hager & Zhang's approximate Wolfe condition, which is robust to rounding errors.
            || (value <= self.value + self.config.noise * self.value.abs()
                && slope <= (2.0 * SUFFICIENT_DECREASE - 1.0) * search.slope_at_start);
        if value.is_finite() && slope.is_finite() && enough {
            if slope >= CURVATURE * search.slope_at_start {
                self.accept(value, gradient);
                return self.status;
            }
            search.low = (search.step, slope);
        } else {
            search.high = Some((search.step, slope));
        }
        if search.evaluations == MAX_EVALUATIONS {
            if self.pairs.is_empty() {
                self.status = LbfgsStatus::Stopped;
            } else {
                self.pairs.clear();
                self.start_search();
            }
            return self.status;
        }
        search.step = search.next();
        self.search = Some(search);
        self.place_trial();
        self.status
    }

    /// Adds `by/2 |x[range]|²` to the function. Value, gradient and the known curvature are updated exactly, without an
    /// evaluation. Call it when nothing is running, or before the first evaluation; the status may become running.
    pub fn add_square(&mut self, by: f64, range: Range<usize>) {
        if self.value.is_infinite() {
            return;
        }
        let x = &self.x[range.clone()];
        self.value += by / 2.0 * dot(x, x);
        for (d, x) in self.gradient[range.clone()].iter_mut().zip(x) {
            *d += by * x;
        }
        for pair in &mut self.pairs {
            for (change, step) in
                pair.change[range.clone()].iter_mut().zip(&pair.step[range.clone()])
            {
                *change += by * step;
            }
            pair.product = dot(&pair.step, &pair.change);
        }
        self.pairs.retain(|pair| pair.is_convex());
        self.status = LbfgsStatus::Running;
        self.start_search();
    }

    fn accept(&mut self, value: f64, gradient: &[f64]) {
        let step: Vec<f64> = self.trial.iter().zip(&self.x).map(|(to, from)| to - from).collect();
        let change: Vec<f64> =
            gradient.iter().zip(&self.gradient).map(|(to, from)| to - from).collect();
        let pair = Pair { product: dot(&step, &change), step, change };
        if pair.is_convex() {
            if self.pairs.len() == self.config.memory {
                self.pairs.pop_front();
            }
            self.pairs.push_back(pair);
        }
        self.x.copy_from_slice(&self.trial);
        self.value = value;
        self.gradient.copy_from_slice(gradient);
        self.steps += 1;
        self.start_search();
    }

    fn start_search(&mut self) {
        let largest = self.gradient.iter().fold(0.0, |a: f64, d| a.max(d.abs()));
        if largest <= self.config.tolerance {
            self.status = LbfgsStatus::Converged;
            return;
        }
        if self.steps >= self.config.max_steps || !self.value.is_finite() {
            self.status = LbfgsStatus::Stopped;
            return;
        }
        self.set_direction();
        let mut slope = dot(&self.direction, &self.gradient);
        if slope >= 0.0 || !slope.is_finite() {
            self.pairs.clear();
            self.set_direction();
            slope = dot(&self.direction, &self.gradient);
        }
        let step = match self.pairs.is_empty() && self.scale.is_none() {
            true => 1.0 / slope.abs().sqrt(),
            false => 1.0,
        };
        self.search = Some(Search {
            step,
            slope_at_start: slope,
            low: (0.0, slope),
            high: None,
            evaluations: 0,
        });
        self.place_trial();
    }

    /// Minus the approximate inverse Hessian times the gradient (the two-loop recursion).
    fn set_direction(&mut self) {
        let q = &mut self.direction;
        for (q, d) in q.iter_mut().zip(&self.gradient) {
            *q = -d;
        }
        let mut shares = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let share = dot(&pair.step, q) / pair.product;
            add_scaled(q, -share, &pair.change);
            shares.push(share);
        }
        if let Some(scale) = &self.scale {
            q.iter_mut().zip(scale).for_each(|(q, scale)| *q *= scale);
        }
        if let Some(last) = self.pairs.back() {
            let square = match &self.scale {
                Some(scale) => scaled_square(&last.change, scale),
                None => dot(&last.change, &last.change),
            };
            q.iter_mut().for_each(|q| *q *= last.product / square);
        }
        for (pair, share) in self.pairs.iter().zip(shares.into_iter().rev()) {
            let back = dot(&pair.change, q) / pair.product;
            add_scaled(q, share - back, &pair.step);
        }
    }

    fn place_trial(&mut self) {
        let step = self.search.map_or(0.0, |search| search.step);
        for ((trial, x), direction) in self.trial.iter_mut().zip(&self.x).zip(&self.direction) {
            *trial = x + step * direction;
        }
    }
}

impl Pair {
    fn is_convex(&self) -> bool {
        self.product > f64::EPSILON * dot(&self.change, &self.change)
    }
}

impl Search {
    /// The next step to try: the root of a linear interpolation of the known slopes, kept well inside the bracket, or
    /// beyond the last step while there is no bracket.
    fn next(&self) -> f64 {
        let (low, slope_low) = self.low;
        match self.high {
            None => {
                let (gain, step) = (self.slope_at_start - slope_low, self.step);
                let straight = step * self.slope_at_start / gain;
                if straight.is_finite() {
                    straight.clamp(2.0 * step, 10.0 * step)
                } else {
                    4.0 * step
                }
            }
            Some((high, slope_high)) => {
                let width = high - low;
                let straight = low + width * slope_low / (slope_low - slope_high);
                match slope_high > 0.0 && straight.is_finite() {
                    true => straight.clamp(low + 0.1 * width, high - 0.1 * width),
                    false => low + 0.3 * width,
                }
            }
        }
    }
}

/// Four parallel sums, which vectorise and keep a fixed order.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a4.remainder().iter().zip(b4.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a4.zip(b4) {
        for lane in 0..4 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

fn scaled_square(a: &[f64], scale: &[f64]) -> f64 {
    a.iter().zip(scale).map(|(a, scale)| a * a * scale).sum()
}

fn add_scaled(to: &mut [f64], scale: f64, from: &[f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += scale * from;
    }
}
