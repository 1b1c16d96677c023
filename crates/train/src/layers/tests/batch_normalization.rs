use super::oracle::differences;
use super::*;
use crate::layers::affine::Affine;
use crate::layers::batch_normalization::{self, Moments, Sums};
use crate::layers::maps::Maps;

#[test]
fn gradients_through_the_statistics_of_a_batch_are_finite_differences() {
    let epsilon = 1e-3_f32;
    for (size, channels) in [((1, 1), 3), ((2, 3), 1), ((3, 3), 9), ((5, 2), 17)] {
        // Channels with a mean far from zero, where f32 would cancel.
        let offset = uniform(9, channels, (-4.0, 4.0));
        let x = oracle::affine(&map(1, size, channels), &vec![1.0; channels], &offset);
        let x = Map { values: x.values.iter().map(|&x| f64::from(x as f32)).collect(), ..x };
        let (gamma, beta) = (uniform(2, channels, (-2.0, 2.0)), uniform(3, channels, (-1.0, 1.0)));
        let d_y = uniform(4, x.values.len(), (-1.0, 1.0));
        let value = |x: &Map, gamma: &[f64], beta: &[f64]| {
            let (mean, variance) = oracle::moments(x);
            oracle::normalize(x, (gamma, beta), (&mean, &variance), epsilon.into())
        };
        // The error of these differences is the square of the step times a third derivative, which is large when there
        // are only two positions.
        let d_x = differences(&x.values, STEP, |values| {
            dot(&value(&Map { values: values.to_vec(), ..x }, &gamma, &beta), &d_y)
        });
        let d_gamma = differences(&gamma, STEP, |gamma| dot(&value(&x, gamma, &beta), &d_y));
        let d_beta = differences(&beta, STEP, |beta| dot(&value(&x, &gamma, beta), &d_y));
        let y = value(&x, &gamma, &beta);
        let case = format!("{size:?} {channels}");

        let layout = plain(&x);
        let (packed, d_packed) = (pack(&x.values, layout), pack(&d_y, layout));
        let whole = Maps { values: &packed, layout: &layout };
        let d_whole = Maps { values: &d_packed, layout: &layout };
        // Sums of separate parts of the batch.
        let (mut sums, mut d_sums) = (Sums::default(), Sums::default());
        for (x, d) in whole.pictures().zip(d_whole.pictures()) {
            let (x, d) = (Maps { values: x, layout: &layout }, Maps { values: d, layout: &layout });
            sums.add(&batch_normalization::moment_sums(x));
            d_sums.add(&batch_normalization::gradient_sums(x, d));
        }
        let positions = PICTURES * size.0 * size.1;
        let moments = Moments::new(&sums, positions);
        let (gamma, beta) = (narrow(&gamma), narrow(&beta));
        let (scale, bias) = moments.affine(&gamma, &beta, epsilon);
        let mut out = vec![f32::NAN; packed.len()];
        let to = MapsMut { values: &mut out, layout: &layout };
        Affine { scale, bias, clamp: Clamp::NONE }.forward(whole, None, to);
        // A scale of up to 2 / sqrt(epsilon) over values of up to 5.
        let error = out.iter().zip(&y.values).map(|(a, e)| (f64::from(*a) - e).abs());
        assert!(error.fold(0.0, f64::max) < 3e-5, "{case}: forward");
        let (own_gamma, own_beta) =
            batch_normalization::weight_gradients(&d_sums, &moments, epsilon);
        assert_close(&own_gamma, &d_gamma, &case);
        assert_close(&own_beta, &d_beta, &case);
        let (sums, by) = ((&d_sums, positions), (&moments, &gamma[..], epsilon));
        assert_input_gradient(&x, 8, &d_x, &case, true, |to| {
            batch_normalization::backward(whole, d_whole, sums, by, to);
        });
    }
}
