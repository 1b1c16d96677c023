use super::oracle::differences;
use super::*;
use crate::layers::maps::Maps;
use crate::layers::zero_padding2d;

#[test]
fn gradients_of_zero_padding_are_its_finite_differences() {
    for own in [margins(1, 2, 3, 0), margins(0, 1, 0, 1), margins(2, 0, 0, 0)] {
        let x = map(1, (3, 4), 5);
        let y = oracle::pad(&x, own);
        let d_y = uniform(2, y.values.len(), (-1.0, 1.0));
        let d_x = differences(&x.values, STEP, |values| {
            dot(&oracle::pad(&Map { values: values.to_vec(), ..x }, own), &d_y)
        });
        let dense = plain(&y);
        for layout in layouts(&x, 8) {
            let packed = pack(&x.values, layout);
            let from = Maps { values: &packed, layout: &layout };
            let mut out = vec![f32::NAN; PICTURES * dense.len()];
            let to = MapsMut { values: &mut out, layout: &dense };
            zero_padding2d::forward(own, from, to);
            assert_close(&out, &y.values, &format!("{own:?}"));
        }
        let packed = narrow(&d_y);
        let d_y = Maps { values: &packed, layout: &dense };
        assert_input_gradient(&x, 8, &d_x, &format!("{own:?}"), true, |to| {
            zero_padding2d::backward(own, d_y, to);
        });
    }
}
