//! The head: from features to calibrated probabilities.

use headstart_engine::head::Task;
use headstart_model::Elementwise;
use headstart_predict::ClassifierHead;

use crate::code::{Body, Expr, F64, I32, Var};
use crate::elementwise::activated;
use crate::kernels::{Conv, F32_BYTES};
use crate::math::Math;
use crate::plan::{Place, Plan};

const VALUE: u32 = F32_BYTES as u32;

/// A dense layer in the plan.
pub(crate) struct Layer {
    pub(crate) conv: Conv,
    pub(crate) inputs: usize,
    pub(crate) activation: Elementwise,
    /// The outputs before the activation.
    pub(crate) given: Place,
}

/// Plans the layers of the head; the outputs of the last one are the logits.
pub(crate) fn layers(
    plan: &mut Plan<'_>,
    math: Math,
    head: &ClassifierHead,
    features: Place,
) -> Vec<Layer> {
    let head = head.head();
    let hidden = head.hidden.iter().map(|own| (&own.kernel, &own.bias, own.activation));
    let last = (&head.kernel, &head.bias, Elementwise::Linear);
    let mut input = features;
    let mut layer = |(kernel, bias, activation): (&Vec<f32>, &Vec<f32>, Elementwise)| {
        let (given, conv) = plan.dense(kernel, bias, input);
        let (inputs, units) = (kernel.len() / bias.len(), bias.len());
        input = match activation {
            Elementwise::Linear => given,
            _ => {
                let function = plan.module.function(activate(math, activation, units));
                let out = plan.take(units * F32_BYTES);
                plan.call(function, &[given, out]);
                out
            }
        };
        Layer { conv, inputs, activation, given }
    };
    let mut layers: Vec<Layer> = hidden.map(&mut layer).collect();
    layers.push(layer(last));
    layers
}

/// A function of two addresses: of `count` values, and of the values after the activation.
fn activate(math: Math, activation: Elementwise, count: usize) -> Body {
    let (mut body, [from, to]) = Body::taking(false);
    body.repeat(count, |body| {
        let x = body.var(from.get().f32_at(0).into_f64());
        body.store_f32(to.get(), 0, activated(math, activation, x).into_f32());
        [from, to].into_iter().for_each(|at| body.step(at, VALUE));
    });
    body
}

/// Handles a logit, given the address of its probability.
type Work<'a> = dyn Fn(&mut Body, Var<F64>, Var<I32>) + 'a;

/// A function of two addresses: of the logits, and of the probabilities.
pub(crate) fn probabilities(plan: &mut Plan<'_>, math: Math, head: &ClassifierHead) -> Body {
    let (classes, units) = (head.classes().len(), head.head().units());
    let temperature = head.trust().temperature.as_ref().filter(|temperature| !temperature.is_one());
    let temperatures: Vec<f32> = match temperature.map(|temperature| temperature.values()) {
        None => vec![1.0; units],
        Some(&[one]) => vec![one; units],
        Some(each) => each.to_vec(),
    };
    let temperatures = plan.data.exact(&temperatures);
    let (mut body, [logits, out]) = Body::taking(false);
    let temperature = body.var(Expr::int(temperatures));
    let each = |body: &mut Body, work: &Work<'_>| {
        let (from, to) = (body.var(logits.get()), body.var(out.get()));
        let by = body.var(temperature.get());
        body.repeat(units, |body| {
            let logit = body.var((from.get().f32_at(0) / by.get().f32_at(0)).into_f64());
            work(body, logit, to);
            [from, to, by].into_iter().for_each(|at| body.step(at, VALUE));
        });
    };
    match head.task() {
        Task::MultiLabel => each(&mut body, &|body, logit, to| {
            body.store_f32(to.get(), 0, math.sigmoid(logit.get()).into_f32());
        }),
        Task::SingleLabel if units < classes => each(&mut body, &|body, logit, to| {
            let negative = Expr::double(0.0) - logit.get();
            body.store_f32(to.get(), 0, math.sigmoid(negative).into_f32());
            body.store_f32(to.get(), VALUE, math.sigmoid(logit.get()).into_f32());
        }),
        Task::SingleLabel => {
            let largest = body.var(Expr::double(f64::NEG_INFINITY));
            each(&mut body, &|body, logit, _| body.set(largest, largest.get().max(logit.get())));
            let sum = body.var(Expr::double(0.0));
            let power = |logit: Var<F64>| math.exp.of(logit.get() - largest.get());
            each(&mut body, &|body, logit, _| body.set(sum, sum.get() + power(logit)));
            each(&mut body, &|body, logit, to| {
                body.store_f32(to.get(), 0, (power(logit) / sum.get()).into_f32());
            });
        }
    }
    body
}
