//! The base of a model in whole numbers of 8 bits: what its values are rounded to is learned from pictures, and how many
//! of the model's answers stay is measured on others. The mean over positions and the head are in f32: a head weighs
//! features that hardly vary, of which rounding would leave nothing, and is a thousandth of the work.

mod forward;
mod grid;

use headstart_engine::frozen::{OpId, OpKind, Program};
use headstart_model::Scaling;
use headstart_predict::{Compute, FeatureExtractor, Rgb};
use rayon::prelude::*;

use crate::ExportError;
use crate::operations::check_program;
use crate::subject::Subject;
use forward::{Stage, forward, mean};
use grid::Range;
pub(crate) use grid::{Grid, Weights};

/// The share of answers that a model must keep.
const KEPT: f64 = 0.99;
/// Values are rounded to what so many pictures need, at most.
const MOST_LEARNED: usize = 100;

/// A base whose weights and values are whole numbers of 8 bits.
#[derive(Debug)]
pub(crate) struct Int8 {
    /// The base, whose weights are those that the numbers stand for.
    pub(crate) program: Program,
    /// Of each operation that has some.
    pub(crate) weights: Vec<Option<Weights>>,
    /// Of each operation, what it gives, and what it gives before a residual is added.
    grids: Vec<[Grid; 2]>,
    /// How many pictures it was measured on, and of how many the answers are the same.
    pub(crate) agreement: (usize, usize),
}

/// What is learned of an operation's values.
#[derive(Clone)]
struct Values {
    /// How far what it gives goes, and what it gives before a residual is added.
    ranges: [Range; 2],
    /// What it gives, of each channel the sum over positions and pictures.
    sums: Vec<f64>,
    /// How many values are in each sum.
    count: usize,
}

impl Int8 {
    /// Of pictures at the model's size, one after the other, those it learns from and those that it is measured
    /// on take turns; where there are few, all are both.
    ///
    /// # Errors
    /// When there are no pictures, a part of the model cannot be computed so, or too many answers change.
    pub(crate) fn new(subject: &Subject<'_>, pictures: &[u8]) -> Result<Self, ExportError> {
        let (height, width) = subject.size();
        let each = height * width * 3;
        if pictures.is_empty() || !pictures.len().is_multiple_of(each) {
            return Err(ExportError::Pictures { width, height, bytes: pictures.len() });
        }
        let all: Vec<&[u8]> = pictures.chunks_exact(each).collect();
        let step = if all.len() < 2 * MOST_LEARNED { 1 } else { all.len().div_ceil(MOST_LEARNED) };
        let learned: Vec<&[u8]> = all.iter().step_by(step).copied().collect();
        let measured = all.iter().enumerate().filter(|(at, _)| step == 1 || at % step != 0);
        let measured: Vec<&[u8]> = measured.map(|(_, picture)| *picture).collect();

        let network = &subject.model.network;
        let mut program = Program::new(network, &subject.model.weights);
        check_program("int8", network, &program)?;
        let input = take_bytes(&mut program, subject.scaling())?;
        let values = values(&program, input, &learned);
        let mut int8 = Self::rounded(program, input, &values);
        let same = int8.measure(subject, &measured);
        int8.agreement = (measured.len(), same);
        if (same as f64) < KEPT * measured.len() as f64 {
            return Err(ExportError::Int8Changes { same, pictures: measured.len() });
        }
        Ok(int8)
    }

    /// What an operation's results are rounded to; `before` a residual is added.
    pub(crate) fn grid(&self, op: OpId, before: bool) -> Grid {
        self.grids[op][usize::from(before)]
    }

    fn rounded(mut program: Program, input: Grid, values: &[Values]) -> Self {
        let mut grids: Vec<[Grid; 2]> =
            values.iter().map(|values| values.ranges.map(Range::grid)).collect();
        grids[0] = [input; 2];
        let mut weights = Vec::new();
        for (id, op) in program.ops.iter_mut().enumerate() {
            let from = grids[op.input][0];
            let is_depthwise = matches!(op.kind, OpKind::Depthwise { .. });
            weights.push(match &mut op.kind {
                OpKind::Conv { kernel, bias, .. } | OpKind::Depthwise { kernel, bias, .. } => {
                    let means = values[op.input].means();
                    let own = Weights::new(kernel, bias, from.scale, (&means, is_depthwise));
                    (*kernel, *bias) = own.values();
                    Some(own)
                }
                // The same numbers, with zeros around.
                OpKind::Pad(_) => {
                    grids[id] = [from; 2];
                    None
                }
                _ => None,
            });
        }
        Self { program, weights, grids, agreement: (0, 0) }
    }

    /// Of how many pictures the answers are those of the model as it is.
    fn measure(&self, subject: &Subject<'_>, pictures: &[&[u8]]) -> usize {
        let (model, (height, width)) = (subject.model, subject.size());
        let base = FeatureExtractor::new(&model.network, &model.weights, Compute::default());
        let head = &model.head;
        let is_same = |pixels: &&&[u8]| {
            let picture = Rgb::new(width, height, pixels.to_vec()).expect("pixels of this size");
            let exact = head.probabilities(&base.features_of(&picture));
            subject.answer(&exact) == subject.answer(&head.probabilities(&self.features(pixels)))
        };
        pictures.par_iter().filter(is_same).count()
    }

    /// As they come out where every value of the base is rounded, of a picture's pixels.
    pub(crate) fn features(&self, pixels: &[u8]) -> Vec<f32> {
        let mut round = |op: OpId, stage: Stage, values: &mut [f32]| {
            self.grid(op, stage == Stage::BeforeResidual).snap(values);
        };
        let map = forward(&self.program, normalised(self.grid(0, false), pixels), &mut round);
        mean(&map, self.program.ops.last().expect("an input").shape.channels())
    }
}

impl Values {
    fn take(&mut self, stage: Stage, values: &[f32]) {
        self.ranges[usize::from(stage == Stage::BeforeResidual)].take(values);
        if stage == Stage::Result {
            let channels = self.sums.len();
            for pixel in values.chunks_exact(channels) {
                self.sums.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += f64::from(*x));
            }
            self.count += values.len() / channels;
        }
    }

    fn united(&self, other: &Self) -> Self {
        let each = self.sums.iter().zip(&other.sums);
        Self {
            ranges: [0, 1].map(|stage| self.ranges[stage].united(other.ranges[stage])),
            sums: each.map(|(a, b)| a + b).collect(),
            count: self.count + other.count,
        }
    }

    fn means(&self) -> Vec<f32> {
        self.sums.iter().map(|sum| (sum / self.count.max(1) as f64) as f32).collect()
    }
}

/// What the program's values are on pictures.
fn values(program: &Program, input: Grid, pictures: &[&[u8]]) -> Vec<Values> {
    let none = || -> Vec<Values> {
        let channels = program.ops.iter().map(|op| op.shape.channels());
        let none =
            |channels| Values { ranges: Default::default(), sums: vec![0.0; channels], count: 0 };
        channels.map(none).collect()
    };
    let learn = |mut own: Vec<Values>, pixels: &&[u8]| {
        let mut look = |op: OpId, stage: Stage, values: &mut [f32]| {
            own[op].take(stage, values);
        };
        forward(program, normalised(input, pixels), &mut look);
        own
    };
    let unite = |a: Vec<Values>, b: Vec<Values>| -> Vec<Values> {
        a.iter().zip(&b).map(|(a, b)| a.united(b)).collect()
    };
    pictures.par_iter().fold(none, learn).reduce(none, unite)
}

/// Makes what reads the picture take levels on one grid for all colours: how these are scaled becomes a part of the
/// weights. The grid is as near to the network's own as whole numbers allow; a border's zeros are off by what is missing.
fn take_bytes(program: &mut Program, scaling: Scaling) -> Result<Grid, ExportError> {
    let Scaling { scale, offset } = scaling;
    let zeros = (0..3).map(|c| -offset[c] / scale[c]).sum::<f32>() / 3.0;
    let zero = zeros.round().clamp(0.0, 255.0);
    for op in program.ops.iter_mut().skip(1).filter(|op| op.input == 0) {
        let OpKind::Conv { kernel, bias, .. } = &mut op.kind else {
            return Err(lacks(format!("'{}', which reads the picture", op.name)));
        };
        let outputs = bias.len();
        for (row, weights) in kernel.chunks_exact_mut(outputs).enumerate() {
            let c = row % 3;
            let missing = offset[c] + scale[c] * zero;
            for (weight, bias) in weights.iter_mut().zip(bias.iter_mut()) {
                *bias += *weight * missing;
                *weight *= scale[c] / scale[0];
            }
        }
    }
    if let Some(op) = program.ops.iter().find(|op| matches!(op.kind, OpKind::Affine { .. })) {
        return Err(lacks(format!("'{}', which scales channels by itself", op.name)));
    }
    Ok(Grid { scale: scale[0], zero: zero as i32 - 128 })
}

/// Pixels as values on the grid that they are read by.
fn normalised(input: Grid, pixels: &[u8]) -> Vec<f32> {
    pixels.iter().map(|&level| input.value((i32::from(level) - 128) as i8)).collect()
}

fn lacks(part: String) -> ExportError {
    ExportError::Lacks { format: "int8", part, instead: "tflite in f32 has" }
}
