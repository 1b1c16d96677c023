use headstart_kernels::Isa;
use headstart_kernels::elementwise::clamp_gradient;

use super::oracle::differences;
use super::*;
use crate::layers::affine::{Affine, residual_backward};
use crate::layers::maps::Maps;

/// A separate BatchNormalization in inference mode, a ReLU, a ReLU6, a sum.
#[test]
fn gradients_of_an_affine_map_are_its_finite_differences() {
    for (clamp, with_residual) in
        [(Clamp::NONE, false), (Clamp::NONE, true), (RELU, false), (RELU6, false), (RELU6, true)]
    {
        for (size, channels) in [((3, 5), 1), ((4, 3), 7), ((2, 3), 17)] {
            let draw = |seed| {
                let x = map(seed, size, channels);
                let scale = uniform(seed + 1, channels, (-5.0, 5.0));
                let bias = uniform(seed + 2, channels, (0.0, 6.0));
                let residual = with_residual.then(|| map(seed + 3, size, channels));
                let d_y = uniform(seed + 4, x.values.len(), (-1.0, 1.0));
                let y = oracle::affine(&x, &scale, &bias);
                let y = residual.as_ref().map_or(y.clone(), |r| oracle::add(&y, r));
                ((x, scale, bias, residual, d_y), y)
            };
            let (x, scale, bias, residual, d_y) = clear_of_kinks(clamp, draw);
            let value = |x: &Map, scale: &[f64], bias: &[f64], residual: Option<&Map>| {
                let y = oracle::affine(x, scale, bias);
                clamped(residual.map_or(y.clone(), |r| oracle::add(&y, r)), clamp)
            };
            let own = residual.as_ref();
            let with = |x: &Map, values: &[f64]| Map { values: values.to_vec(), ..*x };
            let y = value(&x, &scale, &bias, own);
            let d_x = differences(&x.values, STEP, |values| {
                dot(&value(&with(&x, values), &scale, &bias, own), &d_y)
            });
            let d_scale =
                differences(&scale, STEP, |scale| dot(&value(&x, scale, &bias, own), &d_y));
            let d_bias = differences(&bias, STEP, |bias| dot(&value(&x, &scale, bias, own), &d_y));
            let d_residual = own.map_or(Vec::new(), |r| {
                differences(&r.values, STEP, |values| {
                    dot(&value(&x, &scale, &bias, Some(&with(r, values))), &d_y)
                })
            });
            for isa in Isa::available() {
                let op = Affine { scale: narrow(&scale), bias: narrow(&bias), clamp };
                for layout in layouts(&x, isa.lanes()) {
                    let case = format!("{isa:?} {clamp:?} {with_residual} {layout:?}");
                    let packed = pack(&x.values, layout);
                    let from = Maps { values: &packed, layout: &layout };
                    let mut d_clamped = Vec::new();
                    for of_y in layouts(&y, isa.lanes()) {
                        let residual = own.map(|r| pack(&r.values, of_y));
                        let mut out = vec![f32::NAN; PICTURES * of_y.len()];
                        let to = MapsMut { values: &mut out, layout: &of_y };
                        op.forward(from, residual.as_deref(), to);
                        let out = unpack(&out, of_y, &case);
                        assert_close(&out, &y.values, &case);
                        d_clamped = narrow(&d_y);
                        clamp_gradient(isa, &out, clamp, &mut d_clamped);
                    }
                    let dense = plain(&y);
                    let d_y = Maps { values: &d_clamped, layout: &dense };
                    assert_weight_gradients((&d_scale, &d_bias), &case, |to| {
                        op.backward(from, d_y, Some(to), None);
                    });
                    assert_input_gradient(&x, isa.lanes(), &d_x, &case, true, |to| {
                        op.backward(from, d_y, None, Some(to));
                    });
                    if with_residual {
                        assert_input_gradient(&y, isa.lanes(), &d_residual, &case, false, |to| {
                            residual_backward(d_y, to);
                        });
                    }
                }
            }
        }
    }
}
