//! Computes `headstart_trust`'s score for unknown pictures, part by part.

use headstart_predict::ClassifierHead;
use headstart_trust::{SUREST, ScorePart, Unknown};

use crate::code::{Body, Expr, F64, I32, Var};
use crate::elementwise::softplus;
use crate::kernels::F32_BYTES;
use crate::math::Math;
use crate::plan::{Place, Plan};

const VALUE: u32 = F32_BYTES as u32;
/// The number of nearest neighbours.
const NEAREST: usize = 5;

/// The state that all parts share.
struct Parts<'a, 'b> {
    plan: &'a mut Plan<'b>,
    math: Math,
    /// The learned tensors, by name.
    tensors: Vec<(&'static str, Vec<usize>, &'a [f32], bool)>,
    features: Place,
    logits: Place,
    dim: usize,
    units: usize,
    /// Whether two classes share a single logit.
    is_one_logit: bool,
    /// The address of an f64, to which each part adds.
    sum: u32,
}

/// Plans the score, and returns its address.
pub(crate) fn add(
    plan: &mut Plan<'_>,
    math: Math,
    unknown: &Unknown,
    (features, logits): (Place, Place),
    head: &ClassifierHead,
) -> u32 {
    let (sum, score) = (plan.data.room(8), plan.data.room(F32_BYTES));
    let (mut begin, []) = Body::taking(false);
    begin.store_f64(Expr::int(sum), 0, Expr::double(0.0));
    let begin = plan.module.function(begin);
    plan.call(begin, &[]);
    let (dim, units) = (head.head().dim(), head.head().units());
    let is_one_logit = units < head.classes().len();
    let tensors = unknown.tensors();
    let mut parts = Parts { plan, math, tensors, features, logits, dim, units, is_one_logit, sum };
    for (part, mean, deviation) in unknown.standardized_parts() {
        let scale = (mean.into(), deviation.into());
        match part {
            ScorePart::Neighbours => parts.neighbours(scale),
            ScorePart::Margin => parts.margin(scale),
            ScorePart::Energy => parts.energy(scale),
            ScorePart::JointEnergy => parts.joint_energy(scale),
            ScorePart::ClassDistance => parts.class_distance(scale),
            ScorePart::Residual => parts.residual(scale),
        }
    }
    let (mut end, []) = Body::taking(false);
    end.store_f32(Expr::int(score), 0, Expr::int(sum).f64_at(0).into_f32());
    let end = plan.module.function(end);
    plan.call(end, &[]);
    score
}

fn double(value: f64) -> Expr<F64> {
    Expr::double(value)
}

/// The f32 at an address, as an f64.
fn at(address: Var<I32>) -> Expr<F64> {
    address.get().f32_at(0).into_f64()
}

impl Parts<'_, '_> {
    fn tensor(&self, name: &str) -> &[f32] {
        let tensor = self.tensors.iter().find(|tensor| tensor.0 == name);
        tensor.expect("what its parts need was learned").2
    }

    /// Ends the function of a part, and calls it: adds the part's value, standardized by the mean and the deviation, to
    /// the sum.
    fn finish(
        &mut self,
        mut body: Body,
        value: Expr<F64>,
        (mean, deviation): (f64, f64),
        arguments: &[Place],
    ) {
        let deviations = (value - double(mean)) / double(deviation);
        let sum = Expr::int(self.sum).f64_at(0) + deviations.max(double(f64::from(-SUREST)));
        body.store_f64(Expr::int(self.sum), 0, sum);
        let function = self.plan.module.function(body);
        self.plan.call(function, arguments);
    }

    /// Plans the features scaled to length 1, and returns their place.
    fn unit(&mut self) -> Place {
        let (mut body, [from, to]) = Body::taking(false);
        let length = squares(&mut body, from, self.dim).sqrt();
        let length = body.var(length);
        let scale = (double(1.0) / length.get()).or(double(0.0), length.get().gt(double(0.0)));
        let scale = body.var(scale);
        body.repeat(self.dim, |body| {
            body.store_f32(to.get(), 0, (at(from) * scale.get()).into_f32());
            body.step(from, VALUE);
            body.step(to, VALUE);
        });
        let function = self.plan.module.function(body);
        let out = self.plan.take(self.dim * F32_BYTES);
        self.plan.call(function, &[self.features, out]);
        out
    }

    fn neighbours(&mut self, scale: (f64, f64)) {
        let unit = self.unit();
        let bank = self.tensor("bank").to_vec();
        let products = self.plan.products(&bank, self.dim, unit);
        let count = bank.len() / self.dim;
        let (mut body, [first]) = Body::taking(false);
        let sum = body.var(double(0.0));
        // Takes the largest remaining product, `NEAREST` times.
        body.repeat(NEAREST.min(count), |body| {
            let (own, best) = (body.var(first.get()), body.var(first.get()));
            body.repeat(count, |body| {
                let is_larger = at(own).gt(at(best));
                body.set(best, own.get().or(best.get(), is_larger));
                body.step(own, VALUE);
            });
            body.set(sum, sum.get() + at(best));
            body.store_f32(best.get(), 0, Expr::float(f32::NEG_INFINITY));
        });
        let mean = sum.get() / double(NEAREST.min(count) as f64);
        self.finish(body, double(1.0) - mean, scale, &[products]);
    }

    fn margin(&mut self, scale: (f64, f64)) {
        let (mut body, [own]) = Body::taking(false);
        // The other of the two classes has the logit 0.
        let least = if self.is_one_logit { 0.0 } else { f64::NEG_INFINITY };
        let (first, second) = (body.var(double(least)), body.var(double(f64::NEG_INFINITY)));
        body.repeat(self.units, |body| {
            let logit = body.var(at(own));
            body.set(second, second.get().max(first.get().min(logit.get())));
            body.set(first, first.get().max(logit.get()));
            body.step(own, VALUE);
        });
        self.finish(body, second.get() - first.get(), scale, &[self.logits]);
    }

    fn energy(&mut self, scale: (f64, f64)) {
        let (mut body, [first]) = Body::taking(false);
        let least = if self.is_one_logit { 0.0 } else { f64::NEG_INFINITY };
        let largest = body.var(double(least));
        let own = body.var(first.get());
        body.repeat(self.units, |body| {
            body.set(largest, largest.get().max(at(own)));
            body.step(own, VALUE);
        });
        // The other of the two classes has the logit 0.
        let other = match self.is_one_logit {
            true => self.math.exp.of(double(0.0) - largest.get()),
            false => double(0.0),
        };
        let sum = body.var(other);
        body.set(own, first.get());
        body.repeat(self.units, |body| {
            body.set(sum, sum.get() + self.math.exp.of(at(own) - largest.get()));
            body.step(own, VALUE);
        });
        let energy = double(0.0) - largest.get() - self.math.ln.of(sum.get());
        self.finish(body, energy, scale, &[self.logits]);
    }

    fn joint_energy(&mut self, scale: (f64, f64)) {
        let (mut body, [own]) = Body::taking(false);
        let sum = body.var(double(0.0));
        body.repeat(self.units, |body| {
            let logit = body.var(at(own));
            body.set(sum, sum.get() - softplus(self.math, logit));
            body.step(own, VALUE);
        });
        self.finish(body, sum.get(), scale, &[self.logits]);
    }

    fn class_distance(&mut self, scale: (f64, f64)) {
        let unit = self.unit();
        let (means, directions) =
            (self.tensor("class_means").to_vec(), self.tensor("directions").to_vec());
        let variances = self.tensor("variances").to_vec();
        let dim = self.dim;
        let rows = |values: &'_ [f32]| values.len() / dim;
        let product = |a: &[f32], b: &[f32]| {
            a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>() as f32
        };
        // For each class: the squared length of its mean, and the projection of the mean on each direction.
        let of_class = |mean: &[f32]| {
            let along = directions.chunks_exact(dim).map(|direction| product(mean, direction));
            [product(mean, mean)].into_iter().chain(along).collect::<Vec<f32>>()
        };
        let known: Vec<f32> = means.chunks_exact(dim).flat_map(of_class).collect();
        let (known, variances) = (self.plan.data.exact(&known), self.plan.data.exact(&variances));
        let along = self.plan.products(&directions, dim, unit);
        let near = self.plan.products(&means, dim, unit);

        let count = rows(&directions);
        let (mut body, [unit_at, along_at, near_at]) = Body::taking(false);
        let length = squares(&mut body, unit_at, dim);
        let length = body.var(length);
        let own = body.var(Expr::int(known));
        let least = body.var(double(f64::INFINITY));
        body.repeat(rows(&means), |body| {
            let all = length.get() - double(2.0) * at(near_at) + at(own);
            let all = body.var(all);
            body.step(own, VALUE);
            let (within, seen) = (body.var(double(0.0)), body.var(double(0.0)));
            let (along, variance) = (body.var(along_at.get()), body.var(Expr::int(variances)));
            body.repeat(count, |body| {
                let off = body.var(at(along) - at(own));
                let square = body.var(off.get() * off.get());
                body.set(within, within.get() + square.get() / at(variance));
                body.set(seen, seen.get() + square.get());
                [own, along, variance].into_iter().for_each(|at| body.step(at, VALUE));
            });
            let rest = (all.get() - seen.get()).max(double(0.0)) / at(variance);
            body.set(least, least.get().min(within.get() + rest));
            body.step(near_at, VALUE);
        });
        self.finish(body, least.get().sqrt(), scale, &[unit, along, near]);
    }

    fn residual(&mut self, scale: (f64, f64)) {
        let dim = self.dim;
        let principal = self.tensor("principal").to_vec();
        let [means, scales] = ["feature_means", "feature_scales"].map(|name| {
            let values = self.tensor(name).to_vec();
            self.plan.data.exact(&values)
        });
        let (mut body, [from, to]) = Body::taking(false);
        let (mean, by) = (body.var(Expr::int(means)), body.var(Expr::int(scales)));
        body.repeat(dim, |body| {
            body.store_f32(to.get(), 0, ((at(from) - at(mean)) * at(by)).into_f32());
            [from, to, mean, by].into_iter().for_each(|at| body.step(at, VALUE));
        });
        let function = self.plan.module.function(body);
        let scaled = self.plan.take(dim * F32_BYTES);
        self.plan.call(function, &[self.features, scaled]);
        let within = self.plan.products(&principal, dim, scaled);
        let (mut body, [scaled_at, within_at]) = Body::taking(false);
        let all = squares(&mut body, scaled_at, dim);
        let all = body.var(all);
        let inside = squares(&mut body, within_at, principal.len() / dim);
        let rest = (all.get() - inside).max(double(0.0)).sqrt();
        self.finish(body, rest, scale, &[scaled, within]);
    }
}

/// The sum of the squares of values.
fn squares(body: &mut Body, values: Var<I32>, count: usize) -> Expr<F64> {
    let (sum, own) = (body.var(double(0.0)), body.var(values.get()));
    body.repeat(count, |body| {
        let value = body.var(at(own));
        body.set(sum, sum.get() + value.get() * value.get());
        body.step(own, VALUE);
    });
    sum.get()
}
