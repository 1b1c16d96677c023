//! Heatmaps: how much each position of the last feature map contributes to the logit of a class. This is the sum of its
//! values, weighted by the gradient of the logit with respect to the features.

use crate::code::{Body, Expr, F64, I32, Var};
use crate::data::{Data, PANEL};
use crate::elementwise::slope;
use crate::head::Layer;
use crate::kernels::F32_BYTES;
use crate::math::Math;
use crate::plan::Place;

const VALUE: u32 = F32_BYTES as u32;
const DOUBLE: u32 = size_of::<f64>() as u32;
const PANEL_BYTES: u32 = PANEL as u32 * VALUE;

/// The buffers and sizes of a heatmap.
pub(crate) struct Heatmap {
    /// The address of the heatmap.
    pub(crate) out: u32,
    /// Addresses of two buffers of f64 gradients. By turns, one has those with respect to a layer's outputs, and the
    /// other those with respect to its inputs.
    gradients: [u32; 2],
    positions: usize,
    is_one_logit: bool,
}

impl Heatmap {
    pub(crate) fn new(
        data: &mut Data,
        layers: &[Layer],
        positions: usize,
        is_one_logit: bool,
    ) -> Self {
        let longest =
            layers.iter().map(|layer| layer.inputs.max(layer.conv.outputs)).max().unwrap_or(0);
        let bytes = longest.next_multiple_of(PANEL) * size_of::<f64>();
        let gradients = [data.room(bytes), data.room(bytes)];
        Self { out: data.room(positions * F32_BYTES), gradients, positions, is_one_logit }
    }

    /// A function of the index of a class. The input of the first layer must be the mean of `map`.
    pub(crate) fn body(
        &self,
        math: Math,
        layers: &[Layer],
        map: Place,
        address: impl Fn(Place) -> u32,
    ) -> Body {
        let (mut body, [class]) = Body::taking(false);
        // With a single logit for two classes, the logit is that of class 1; class 0 has its negative.
        let (sign, unit) = match self.is_one_logit {
            true => (Expr::double(1.0).or(Expr::double(-1.0), class.get()), Expr::int(0)),
            false => (Expr::double(1.0), class.get()),
        };
        let (sign, unit) = (body.var(sign), body.var(unit));
        let [mut of_inputs, mut of_outputs] = self.gradients;
        let (last, hidden) = layers.split_last().expect("the last gives the logits");
        column(&mut body, last, unit, of_inputs);
        for layer in hidden.iter().rev() {
            (of_inputs, of_outputs) = (of_outputs, of_inputs);
            through(&mut body, math, layer, address(layer.given), (of_outputs, of_inputs));
        }
        let channels = layers[0].inputs;
        let (at, to) = (body.var(Expr::int(address(map))), body.var(Expr::int(self.out)));
        body.repeat(self.positions, |body| {
            let weight = body.var(Expr::int(of_inputs));
            let sum = body.var(Expr::<F64>::double(0.0));
            body.repeat(channels, |body| {
                add_product(body, sum, at, weight);
                body.step(at, VALUE);
            });
            body.store_f32(to.get(), 0, (sum.get() * sign.get()).into_f32());
            body.step(to, VALUE);
        });
        body
    }
}

/// Adds the product of an f32 and an f64 to `sum`, and advances `weight` to the next f64.
fn add_product(body: &mut Body, sum: Var<F64>, value: Var<I32>, weight: Var<I32>) {
    let product = value.get().f32_at(0).into_f64() * weight.get().f64_at(0);
    body.set(sum, sum.get() + product);
    body.step(weight, DOUBLE);
}

/// Writes the gradient of a unit with respect to the layer's inputs: the unit's column of the kernel, which is stored
/// in panels.
fn column(body: &mut Body, layer: &Layer, unit: Var<I32>, to: u32) {
    let panel = unit.get().divided(Expr::int(PANEL as u32));
    let panel = panel * Expr::int(layer.inputs as u32 * PANEL_BYTES);
    let lane = (unit.get() & Expr::int(PANEL as u32 - 1)) * Expr::int(VALUE);
    let (from, to) =
        (body.var(panel + lane + Expr::int(layer.conv.kernel)), body.var(Expr::int(to)));
    body.repeat(layer.inputs, |body| {
        body.store_f64(to.get(), 0, from.get().f32_at(0).into_f64());
        body.step(from, PANEL_BYTES);
        body.step(to, DOUBLE);
    });
}

/// Propagates a gradient from the layer's outputs back to its inputs.
fn through(
    body: &mut Body,
    math: Math,
    layer: &Layer,
    given: u32,
    (of_outputs, of_inputs): (u32, u32),
) {
    let units = layer.conv.outputs;
    let (x, d) = (body.var(Expr::int(given)), body.var(Expr::int(of_outputs)));
    body.repeat(units, |body| {
        let own = body.var(x.get().f32_at(0).into_f64());
        let slope = slope(math, layer.activation, own);
        body.store_f64(d.get(), 0, d.get().f64_at(0) * slope);
        body.step(x, VALUE);
        body.step(d, DOUBLE);
    });
    // The weights that pad the last panel are zero.
    body.repeat(units.next_multiple_of(PANEL) - units, |body| {
        body.store_f64(d.get(), 0, Expr::double(0.0));
        body.step(d, DOUBLE);
    });
    let (row, to) = (body.var(Expr::int(layer.conv.kernel)), body.var(Expr::int(of_inputs)));
    body.repeat(layer.inputs, |body| {
        let sum = body.var(Expr::<F64>::double(0.0));
        let (weights, d) = (body.var(row.get()), body.var(Expr::int(of_outputs)));
        body.repeat(units.div_ceil(PANEL), |body| {
            let weight = body.var(weights.get());
            body.repeat(PANEL, |body| {
                add_product(body, sum, weight, d);
                body.step(weight, VALUE);
            });
            body.step(weights, layer.inputs as u32 * PANEL_BYTES);
        });
        body.store_f64(to.get(), 0, sum.get());
        body.step(to, DOUBLE);
        body.step(row, PANEL_BYTES);
    });
}
