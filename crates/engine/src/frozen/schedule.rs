//! Scheduling of fused operations as steps, with memory.

use headstart_kernels::depthwise::Depthwise;
use headstart_kernels::elementwise::Normalize;
use headstart_kernels::reduced::{self, Precision};
use headstart_kernels::{Activation, conv};
use headstart_model::{Preprocessing, Scaling};

use super::block::{Block, Panel};
use super::conv::Conv;
use super::grouped::Grouped;
use super::product::Product;
use super::program::{Op, OpId, OpKind, Program};
use super::step::{Step, StepKind};
use super::winograd::Winograd;
use super::{FrozenConfig, Plan};
use crate::arena::{Request, place};

/// A step before its memory is placed.
struct Draft {
    name: String,
    kind: StepKind,
    input: OpId,
    /// The gate, or the map to concatenate to the input.
    second: Option<OpId>,
    residual: Option<OpId>,
    output: OpId,
}

pub(super) fn schedule(
    mut program: Program,
    preprocessing: Preprocessing,
    config: &FrozenConfig,
) -> Plan {
    let scaling = scaling(&mut program, &preprocessing);
    let drafts = group(&program, config);
    let ops = &program.ops;
    let output = ops.len() - 1;

    // A value lives from the step that computes it to the last that reads it. The input exists before the first step,
    // and the output must outlive the last.
    let mut requests: Vec<Request> =
        ops.iter().map(|_| Request { len: 0, first: 0, last: 0 }).collect();
    if !program.reads_picture() {
        requests[0].len = ops[0].shape.len();
    }
    for (step, draft) in drafts.iter().enumerate() {
        requests[draft.output] =
            Request { len: ops[draft.output].shape.len(), first: step, last: step };
        for read in [Some(draft.input), draft.second, draft.residual].into_iter().flatten() {
            requests[read].last = step;
        }
    }
    requests[output].last = drafts.len();
    let (values, arena) = place(&requests);
    let steps = drafts.into_iter().map(|draft| Step {
        name: draft.name,
        kind: draft.kind,
        input: values[draft.input].clone(),
        second: draft.second.map(|op| values[op].clone()),
        residual: draft.residual.map(|op| values[op].clone()),
        output: values[draft.output].clone(),
    });
    Plan {
        normalize: Normalize::new(config.compute.isa, scaling.scale, scaling.offset),
        preprocessing,
        steps: steps.collect(),
        input: values[0].clone(),
        output: values[output].clone(),
        output_shape: ops[output].shape,
        arena,
        isa: config.compute.isa,
    }
}

/// The scaling of pixels to the network's input. The network's own input scaling is merged into it if nothing else
/// reads the input.
fn scaling(program: &mut Program, preprocessing: &Preprocessing) -> Scaling {
    let Scaling { scale, offset } = preprocessing.scaling;
    let readers = program.ops.iter().flat_map(|op| op.reads()).filter(|&read| read == 0).count();
    let by_itself =
        |op: &Op| op.input == 0 && op.residual.is_none() && op.activation == Activation::NONE;
    let first =
        program.ops.iter().position(|op| matches!(op.kind, OpKind::Affine { .. }) && by_itself(op));
    let (Some(first), 1) = (first, readers) else { return preprocessing.scaling };
    if first + 1 == program.ops.len() {
        return preprocessing.scaling;
    }
    let OpKind::Affine { scale: own, bias } = &program.ops[first].kind else { unreachable!() };
    let composed = Scaling {
        scale: std::array::from_fn(|c| (f64::from(scale[c]) * f64::from(own[c])) as f32),
        offset: std::array::from_fn(|c| {
            (f64::from(offset[c]) * f64::from(own[c]) + f64::from(bias[c])) as f32
        }),
    };
    // The operation is removed; its readers read the input instead.
    program.ops.remove(first);
    let moved = |id: &mut OpId| match (*id).cmp(&first) {
        std::cmp::Ordering::Less => {}
        std::cmp::Ordering::Equal => *id = 0,
        std::cmp::Ordering::Greater => *id -= 1,
    };
    for op in &mut program.ops {
        moved(&mut op.input);
        op.residual.iter_mut().for_each(moved);
        if let OpKind::Gate(other) | OpKind::Concat(other) = &mut op.kind {
            moved(other);
        }
    }
    composed
}

/// Groups operations into steps: a depthwise convolution is fused with the convolutions before and after it if nothing
/// else reads the intermediate values.
fn group(program: &Program, config: &FrozenConfig) -> Vec<Draft> {
    let ops = &program.ops;
    let consumers = program.consumers();
    let is_depthwise = |id: OpId| matches!(ops[id].kind, OpKind::Depthwise { .. });
    // The only reader of a value, if it reads it as its input.
    let reader = |id: OpId| (id + 1..ops.len()).find(|&r| consumers[id] == 1 && ops[r].input == id);

    let mut drafts = Vec::new();
    let mut done = vec![false; ops.len()];
    for id in 1..ops.len() {
        let op = &ops[id];
        let before_depthwise = matches!(op.kind, OpKind::Conv { .. })
            && op.residual.is_none()
            && reader(id).is_some_and(is_depthwise);
        if done[id] || before_depthwise {
            continue;
        }
        let draft = if is_depthwise(id) {
            // A convolution between two depthwise ones belongs to the first.
            let expand = (consumers[op.input] == 1
                && !done[op.input]
                && matches!(ops[op.input].kind, OpKind::Conv { .. })
                && ops[op.input].residual.is_none())
            .then_some(op.input);
            let project = reader(id).filter(|&next| {
                // Its residual must be available when the block runs.
                ops[next].residual.is_none_or(|residual| residual < id)
                    && matches!(&ops[next].kind, OpKind::Conv { sides, .. } if sides.is_pointwise())
            });
            if let Some(project) = project {
                done[project] = true;
            }
            block(ops, (expand, id, project), config)
        } else if let Some(pool) = reader(id).filter(|&next| {
            matches!(op.kind, OpKind::Conv { .. })
                && op.residual.is_none()
                && matches!(ops[next].kind, OpKind::GlobalAverage)
        }) {
            done[pool] = true;
            Draft {
                name: format!("{} + {}", op.name, ops[pool].name),
                kind: StepKind::PooledConv(conv(ops, id, config, None)),
                input: op.input,
                second: None,
                residual: None,
                output: pool,
            }
        } else {
            single(ops, id, config)
        };
        drafts.push(draft);
    }
    drafts
}

fn block(
    ops: &[Op],
    (expand, id, project): (Option<OpId>, OpId, Option<OpId>),
    config: &FrozenConfig,
) -> Draft {
    let op = &ops[id];
    let OpKind::Depthwise { kernel, bias, sides } = &op.kind else {
        unreachable!("blocks are built around depthwise convolutions")
    };
    let depthwise =
        Depthwise::new(config.compute.isa, kernel, bias, sides.kernel, sides.stride, op.activation);
    let expand_conv = expand.map(|expand| conv(ops, expand, config, None));
    let (panels, pixel) = match &expand_conv {
        Some(Conv { op, .. }) => group_panels(op, config.compute.isa.lanes()),
        None => even_panels(depthwise.channels(), PANEL * config.compute.isa.lanes()),
    };
    let ends: Vec<usize> = panels.iter().map(|panel| panel.channels.end).collect();
    let project_conv = project.map(|project| conv(ops, project, config, Some(&ends)));
    // Where products are cheap, fewer and larger bands matter more than L1: each reads and prefetches all weights.
    let bytes = match &expand_conv {
        Some(Conv { op: Product::Reduced(op), .. }) => match op.isa().precision() {
            Precision::Bf16 => 4 * config.band_bytes,
            Precision::Int8 => 24 * config.band_bytes,
        },
        _ => config.band_bytes,
    };
    let block = Block::new(
        (expand_conv, depthwise, project_conv),
        panels,
        pixel,
        sides.margins,
        (ops[op.input].shape, op.shape),
        bytes,
    );
    let parts = [expand, Some(id), project].into_iter().flatten();
    let names: Vec<&str> = parts.map(|part| ops[part].name.as_str()).collect();
    Draft {
        name: names.join(" + "),
        kind: StepKind::Block(Box::new(block)),
        input: expand.map_or(op.input, |expand| ops[expand].input),
        second: None,
        residual: project.and_then(|project| ops[project].residual),
        output: project.unwrap_or(id),
    }
}

/// Vectors per panel if no convolution precedes the depthwise one.
const PANEL: usize = 4;

/// Divides `channels` into panels of `width`; also returns the width of the first.
fn even_panels(channels: usize, width: usize) -> (Vec<Panel>, usize) {
    let panel =
        |first: usize| Panel { channels: first..(first + width).min(channels), products: 0..0 };
    ((0..channels).step_by(width).map(panel).collect(), width)
}

/// Groups the panels of a product for joint computation; also returns the number of values of the widest group.
///
/// The sums of the next convolution are read and written once per group. That matters more than keeping a group in L1
/// where arithmetic dominates anyway, and in reduced precision, where products are almost free.
fn group_panels(op: &Product, lanes: usize) -> (Vec<Panel>, usize) {
    let channels = match op {
        Product::F32(_) => 1024 / lanes,
        Product::Reduced(_) => 256,
    };
    let group = (channels / op.panel_width()).max(1);
    let panel = |first: usize| {
        let products = first..(first + group).min(op.panels());
        Panel { channels: op.panel(first).start..op.panel(products.end - 1).end, products }
    };
    let panels: Vec<Panel> = (0..op.panels()).step_by(group).map(panel).collect();
    let widest = panels.iter().map(|panel| panel.products.len()).max().unwrap_or(0);
    (panels, widest * op.panel_width())
}

/// Minimum number of weights for products in reduced precision; with fewer, its blocks are half empty.
const BLOCK: usize = 32 * reduced::OUTPUTS;

/// A convolution; `ends` specifies the end of each chunk of inputs, if a block requires some.
fn conv(ops: &[Op], id: OpId, config: &FrozenConfig, ends: Option<&[usize]>) -> Conv {
    let op = &ops[id];
    let OpKind::Conv { kernel, bias, sides } = &op.kind else {
        unreachable!("called for convolutions")
    };
    let inputs = kernel.len() / bias.len();
    let suits = sides.is_pointwise() && kernel.len() >= BLOCK && inputs <= reduced::MAX_INPUTS;
    let clamp = op.activation.clamp().filter(|_| suits);
    let product = match config.compute.reduced.zip(clamp) {
        Some((isa, clamp)) => {
            let ends = ends.map_or_else(|| vec![inputs], <[usize]>::to_vec);
            Product::Reduced(reduced::Conv::new(isa, kernel, bias, clamp, &ends))
        }
        None => {
            let (isa, activation) = (config.compute.isa, op.activation);
            let in_cache = || conv::chunks_in_cache(isa, inputs, sides.kernel);
            let ends = ends.map_or_else(in_cache, <[usize]>::to_vec);
            Product::F32(conv::Conv::in_chunks(isa, kernel, bias, activation, &ends))
        }
    };
    Conv::new(product, *sides, (ops[op.input].shape, op.shape))
}

fn single(ops: &[Op], id: OpId, config: &FrozenConfig) -> Draft {
    let op = &ops[id];
    let kind = match &op.kind {
        OpKind::Conv { kernel, bias, sides }
            if Winograd::suits(*sides, ops[op.input].shape, op.shape) =>
        {
            let shapes = (ops[op.input].shape, op.shape);
            let isa = config.compute.isa;
            StepKind::Winograd(Winograd::new(isa, (kernel, bias), op.activation, *sides, shapes))
        }
        OpKind::Conv { .. } => StepKind::Conv(conv(ops, id, config, None)),
        OpKind::Affine { scale, bias } => {
            StepKind::Affine { scale: scale.clone(), bias: bias.clone(), activation: op.activation }
        }
        OpKind::Pad(margins) => StepKind::Pad { margins: *margins, input: ops[op.input].shape },
        OpKind::Grouped { kernel, bias, sides, groups } => {
            let shapes = (ops[op.input].shape, op.shape);
            let weights = (&kernel[..], &bias[..]);
            let isa = config.compute.isa;
            StepKind::Grouped(Grouped::new(isa, weights, *groups, op.activation, *sides, shapes))
        }
        OpKind::LayerNorm { scale, bias, epsilon } => {
            StepKind::LayerNorm { scale: scale.clone(), bias: bias.clone(), epsilon: *epsilon }
        }
        OpKind::MaxPool(sides) => {
            StepKind::MaxPool { sides: *sides, input: ops[op.input].shape, output: op.shape }
        }
        OpKind::Gate(_) => StepKind::Gate,
        OpKind::Concat(other) => {
            let channels = [op.input, *other].map(|id| ops[id].shape.channels());
            StepKind::Concat { channels }
        }
        OpKind::GlobalAverage => StepKind::GlobalAverage,
        OpKind::Softmax => StepKind::Softmax,
        OpKind::Input | OpKind::Depthwise { .. } => unreachable!("handled by the caller"),
    };
    debug_assert!(
        op.activation == Activation::NONE
            || matches!(
                op.kind,
                OpKind::Conv { .. } | OpKind::Grouped { .. } | OpKind::Affine { .. }
            )
    );
    let second = op.kind.second();
    Draft {
        name: op.name.clone(),
        kind,
        input: op.input,
        second,
        residual: op.residual,
        output: id,
    }
}
