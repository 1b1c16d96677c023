//! From fused operations to steps with memory.

use headstart_kernels::depthwise::Depthwise;
use headstart_kernels::{Clamp, Isa};
use headstart_model::Preprocessing;

use super::block::Block;
use super::conv::Conv;
use super::lower::{Op, OpId, OpKind, Program};
use super::memory::{Request, place};
use super::step::{Step, StepKind};
use super::{FrozenConfig, Plan};

/// A step before its memory is placed.
struct Draft {
    name: String,
    kind: StepKind,
    input: OpId,
    residual: Option<OpId>,
    output: OpId,
    scratch: [usize; 3],
}

pub(super) fn schedule(
    program: Program,
    preprocessing: Preprocessing,
    config: &FrozenConfig,
) -> Plan {
    let drafts = group(&program, config);
    let ops = &program.ops;
    let output = ops.len() - 1;

    // A value lives from the step that computes it to the last that reads it. The input is there
    // before the first step, the output must outlive the last.
    let mut requests: Vec<Request> =
        ops.iter().map(|_| Request { len: 0, first: 0, last: 0 }).collect();
    if !program.reads_picture() {
        requests[0].len = ops[0].shape.len();
    }
    for (step, draft) in drafts.iter().enumerate() {
        requests[draft.output] =
            Request { len: ops[draft.output].shape.len(), first: step, last: step };
        for read in [Some(draft.input), draft.residual].into_iter().flatten() {
            requests[read].last = step;
        }
    }
    requests[output].last = drafts.len();
    for (step, draft) in drafts.iter().enumerate() {
        requests.extend(draft.scratch.map(|len| Request { len, first: step, last: step }));
    }
    let (places, arena) = place(&requests);
    let (values, scratch) = places.split_at(ops.len());

    let steps = drafts.into_iter().zip(scratch.as_chunks::<3>().0).map(|(draft, scratch)| Step {
        name: draft.name,
        kind: draft.kind,
        input: values[draft.input].clone(),
        residual: draft.residual.map(|op| values[op].clone()),
        output: values[draft.output].clone(),
        scratch: scratch.clone(),
    });
    Plan {
        preprocessing,
        steps: steps.collect(),
        input: values[0].clone(),
        output: values[output].clone(),
        output_shape: ops[output].shape,
        arena,
        isa: config.isa,
    }
}

/// Groups operations into steps: a depthwise convolution takes the convolutions before and after
/// it along, where nobody else reads what lies between.
fn group(program: &Program, config: &FrozenConfig) -> Vec<Draft> {
    let ops = &program.ops;
    let consumers = program.consumers();
    let is_depthwise = |id: OpId| matches!(ops[id].kind, OpKind::Depthwise { .. });
    // The only reader of a value, where it reads it as its input.
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
            let expand = (consumers[op.input] == 1
                && matches!(ops[op.input].kind, OpKind::Conv { .. })
                && ops[op.input].residual.is_none())
            .then_some(op.input);
            let project = reader(id).filter(|&next| {
                // Its residual must be there when the block runs.
                ops[next].residual.is_none_or(|residual| residual < id)
                    && matches!(&ops[next].kind, OpKind::Conv { sides, .. } if sides.is_pointwise())
            });
            if let Some(project) = project {
                done[project] = true;
            }
            block(ops, (expand, id, project), config)
        } else {
            single(ops, id, config.isa)
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
    let depthwise = Depthwise::new(config.isa, kernel, bias, sides.kernel, sides.stride, op.clamp);
    let convs = (
        expand.map(|expand| conv(ops, expand, config.isa)),
        depthwise,
        project.map(|project| conv(ops, project, config.isa)),
    );
    let block = Block::new(convs, sides.margins, ops[op.input].shape, op.shape, config.band_bytes);
    let scratch = block.scratch();
    let parts = [expand, Some(id), project].into_iter().flatten();
    let names: Vec<&str> = parts.map(|part| ops[part].name.as_str()).collect();
    Draft {
        name: names.join(" + "),
        kind: StepKind::Block(Box::new(block)),
        input: expand.map_or(op.input, |expand| ops[expand].input),
        residual: project.and_then(|project| ops[project].residual),
        output: project.unwrap_or(id),
        scratch: [scratch.expanded, scratch.filtered, scratch.patches],
    }
}

fn conv(ops: &[Op], id: OpId, isa: Isa) -> Conv {
    let op = &ops[id];
    let OpKind::Conv { kernel, bias, sides } = &op.kind else {
        unreachable!("called for convolutions")
    };
    Conv::new(isa, (kernel, bias, op.clamp), *sides, ops[op.input].shape, op.shape)
}

fn single(ops: &[Op], id: OpId, isa: Isa) -> Draft {
    let op = &ops[id];
    let mut scratch = [0; 3];
    let kind = match &op.kind {
        OpKind::Conv { .. } => {
            let conv = conv(ops, id, isa);
            scratch[0] = conv.scratch();
            StepKind::Conv { conv, rows: op.shape.spatial().0 }
        }
        OpKind::Affine { scale, bias } => {
            StepKind::Affine { scale: scale.clone(), bias: bias.clone(), clamp: op.clamp }
        }
        OpKind::Pad(margins) => StepKind::Pad { margins: *margins, input: ops[op.input].shape },
        OpKind::GlobalAverage => StepKind::GlobalAverage,
        OpKind::Softmax => StepKind::Softmax,
        OpKind::Input | OpKind::Depthwise { .. } => unreachable!("handled by the caller"),
    };
    debug_assert!(
        op.clamp == Clamp::NONE || matches!(op.kind, OpKind::Conv { .. } | OpKind::Affine { .. })
    );
    Draft {
        name: op.name.clone(),
        kind,
        input: op.input,
        residual: op.residual,
        output: id,
        scratch,
    }
}
