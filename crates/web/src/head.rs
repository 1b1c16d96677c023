//! From features to calibrated probabilities.

use headstart_engine::head::Task;
use headstart_model::Elementwise;
use headstart_predict::ClassifierHead;

use crate::code::{Body, Expr, F64, I32, Var};
use crate::kernels::{Conv, F32_BYTES};
use crate::math::Math;
use crate::plan::{Place, Plan};

const VALUE: u32 = F32_BYTES as u32;

/// Plans the head; where its logits lie, and its last layer.
pub(crate) fn logits(
    plan: &mut Plan<'_>,
    math: Math,
    head: &ClassifierHead,
    features: Place,
) -> (Place, Conv) {
    let head = head.head();
    let mut last = features;
    for hidden in &head.hidden {
        (last, _) = plan.dense(&hidden.kernel, &hidden.bias, last);
        if hidden.activation != Elementwise::Linear {
            let function =
                plan.module.function(activation(math, hidden.activation, hidden.units()));
            plan.call(function, &[last]);
        }
    }
    plan.dense(&head.kernel, &head.bias, last)
}

/// A function of the address of values, which it replaces.
fn activation(math: Math, activation: Elementwise, count: usize) -> Body {
    let (mut body, [at]) = Body::taking(false);
    body.repeat(count, |body| {
        let x = body.var(at.get().f32_at(0).into_f64());
        let y = activated(math, activation, x);
        body.store_f32(at.get(), 0, y.into_f32());
        body.step(at, VALUE);
    });
    body
}

/// As `engine::head::elementwise`.
fn activated(math: Math, activation: Elementwise, x: Var<F64>) -> Expr<F64> {
    const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
    const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
    let double = Expr::<F64>::double;
    let is_negative = || x.get().lt(double(0.0));
    let less_one = |alpha: f64| double(alpha) * (math.exp.of(x.get()) - double(1.0));
    match activation {
        Elementwise::Linear => x.get(),
        Elementwise::Relu { negative_slope, max_value } => {
            let most = max_value.map_or(f64::INFINITY, f64::from);
            let below = x.get() * double(negative_slope.into());
            below.or(x.get().min(double(most)), is_negative())
        }
        Elementwise::Elu { alpha } => less_one(alpha.into()).or(x.get(), is_negative()),
        Elementwise::Selu => {
            less_one(SELU_SCALE * SELU_ALPHA).or(double(SELU_SCALE) * x.get(), is_negative())
        }
        Elementwise::Silu => x.get() * math.sigmoid(x.get()),
        Elementwise::Sigmoid => math.sigmoid(x.get()),
        Elementwise::Tanh => double(2.0) * math.sigmoid(double(2.0) * x.get()) - double(1.0),
        Elementwise::Softplus => softplus(math, x),
        Elementwise::Softsign => x.get() / (double(1.0) + x.get().abs()),
    }
}

/// ln(1 + e^x).
pub(crate) fn softplus(math: Math, x: Var<F64>) -> Expr<F64> {
    let small = math.exp.of(Expr::double(0.0) - x.get().abs());
    x.get().max(Expr::double(0.0)) + math.ln.of(Expr::double(1.0) + small)
}

/// What is done with a logit, and the address of its probability.
type Work<'a> = dyn Fn(&mut Body, Var<F64>, Var<I32>) + 'a;

/// A function of the addresses of logits and of probabilities.
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
