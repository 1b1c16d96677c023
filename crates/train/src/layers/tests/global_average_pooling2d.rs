use headstart_kernels::Isa;

use super::oracle::differences;
use super::*;
use crate::layers::global_average_pooling2d;
use crate::layers::maps::Maps;

#[test]
fn gradients_of_global_average_pooling_are_its_finite_differences() {
    for (size, channels) in [((1, 1), 3), ((3, 5), 9), ((7, 7), 17)] {
        let x = map(1, size, channels);
        let y = oracle::pool(&x);
        let d_y = uniform(2, y.values.len(), (-1.0, 1.0));
        let d_x = differences(&x.values, STEP, |values| {
            dot(&oracle::pool(&Map { values: values.to_vec(), ..x }), &d_y)
        });
        let (layout, of_y) = (plain(&x), plain(&y));
        let (packed, d_packed) = (narrow(&x.values), narrow(&d_y));
        for isa in Isa::available() {
            let mut out = vec![f32::NAN; y.values.len()];
            let from = Maps { values: &packed, layout: &layout };
            let to = MapsMut { values: &mut out, layout: &of_y };
            global_average_pooling2d::forward(isa, from, to);
            assert_close(&out, &y.values, &format!("{isa:?} {size:?}"));
        }
        let d_y = Maps { values: &d_packed, layout: &of_y };
        assert_input_gradient(&x, 8, &d_x, &format!("{size:?} {channels}"), true, |to| {
            global_average_pooling2d::backward(d_y, to);
        });
    }
}
