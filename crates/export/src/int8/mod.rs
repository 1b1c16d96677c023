//! The base of a model in int8. The ranges of values are calibrated on some pictures, and the share of unchanged
//! answers is measured on others. The mean over positions and the head stay f32: the head weights features that hardly
//! vary, which rounding would erase, and it is a thousandth of the work.

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

/// The share of answers that must stay the same.
const KEPT: f64 = 0.99;
/// The number of pictures for calibration, if there are at least twice as many; with fewer pictures, all are used.
const MOST_LEARNED: usize = 100;

/// A base with quantized weights and values.
#[derive(Debug)]
pub(crate) struct Int8 {
    /// The base, with the weights that the quantized ones represent.
    pub(crate) program: Program,
    /// The quantized weights of each operation that has weights.
    pub(crate) weights: Vec<Option<Weights>>,
    /// For each operation, the grids of its result and of its value before a residual is added.
    grids: Vec<[Grid; 2]>,
    /// The number of pictures on which it was measured, and the number of unchanged answers.
    pub(crate) agreement: (usize, usize),
}

/// Statistics of the values of an operation.
#[derive(Clone)]
struct Values {
    /// The ranges of its result and of its value before a residual is added.
    ranges: [Range; 2],
    /// The sum of its results over positions and pictures, per channel.
    sums: Vec<f64>,
    /// The number of values in each sum.
    count: usize,
}

impl Int8 {
    /// Quantizes the base. `pictures` are at the model's size, one after the other. Every n-th picture is used for
    /// calibration, and the others for the measurement; if there are few, all are used for both.
    ///
    /// # Errors
    /// [`ExportError::Pictures`] without whole pictures, [`ExportError::Lacks`] if a part of the model cannot be
    /// quantized, and [`ExportError::Int8Changes`] if too many answers change.
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

    /// The grid of an operation's result, or of its value `before` a residual is added.
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
                // Padding keeps the grid of its input.
                OpKind::Pad(_) => {
                    grids[id] = [from; 2];
                    None
                }
                _ => None,
            });
        }
        Self { program, weights, grids, agreement: (0, 0) }
    }

    /// The number of pictures for which the model in f32 gives the same answer.
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

    /// The features of a picture, computed with every value of the base rounded.
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

/// The statistics of the program's values on pictures.
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

/// Lets the first convolution read levels on one grid for all colours, by moving their scaling into the weights. The
/// zero point is the integer nearest to that of the network, so zeros in the padding are off by the difference.
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

/// The pixels as values on the input's grid.
fn normalised(input: Grid, pixels: &[u8]) -> Vec<f32> {
    pixels.iter().map(|&level| input.value((i32::from(level) - 128) as i8)).collect()
}

fn lacks(part: String) -> ExportError {
    ExportError::Lacks { format: "int8", part, instead: "tflite in f32 has" }
}
