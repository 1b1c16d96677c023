use headstart_decode::Rgb;
use headstart_model::{Fit, Interpolation, Preprocessing, Scaling};
use headstart_resize::Resizer;

use crate::code::Module;
use crate::data::Data;
use crate::testing::Running;

/// RGBA pixels with edges and noise; some are transparent if `transparent` is set.
fn picture(width: usize, height: usize, transparent: bool) -> Vec<u8> {
    let noise = |i: usize| (i.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
    let pixel = |at: usize| {
        let (x, y) = (at % width, at / width);
        let edge = if (x / 5 + y / 7) % 3 == 0 { 255 } else { 20 };
        let alpha = if transparent && at % 11 < 4 { noise(at + 7) } else { 255 };
        [edge, noise(at), (x * 255 / width) as u8, alpha]
    };
    (0..width * height).flat_map(pixel).collect()
}

#[test]
fn pictures_are_resized_as_natively_within_a_level() {
    use Interpolation::{Area, Bicubic, Bilinear, Tensorflow};
    for interpolation in [Bilinear, Bicubic, Area, Tensorflow] {
        for fit in [Fit::Stretch, Fit::Crop, Fit::Pad] {
            let scaling = Scaling::minus_one_to_one();
            let to = Preprocessing { height: 20, width: 24, interpolation, fit, scaling };
            let (mut module, mut data) = (Module::default(), Data::default());
            let out = data.room(to.height * to.width * 3 + 16);
            let pending = super::add(&mut module, &mut data, &to, out);
            let heap = data.end();
            pending.finish(&mut module, &to, heap);
            let mut running = Running::new(&data.module(heap), &module.finish(data.pages(heap)));
            for (width, height, transparent) in [
                (97, 61, false),
                (61, 97, true),
                (24, 20, true),
                (7, 5, false),
                (1, 1, true),
                (300, 9, false),
                (240, 200, false),
            ] {
                let pixels = picture(width, height, transparent);
                let native = Rgb::from_rgba(width, height, &pixels).unwrap();
                let expected = Resizer::new().resize(&native, &to);
                running.call("reserve", &[width as u32, height as u32]);
                let heap = heap as usize;
                running.memory()[heap..heap + pixels.len()].copy_from_slice(&pixels);
                running.call("resize", &[width as u32, height as u32]);
                let own = &running.memory()[out as usize..][..expected.len()];
                let off = own.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
                let exact = own.iter().zip(&expected).filter(|(a, b)| a == b).count();
                let share = exact as f64 / expected.len() as f64;
                assert!(
                    off <= 1 && share > 0.99,
                    "{interpolation} {fit} of {width} x {height}: off by {off}, {share} are the same"
                );
            }
        }
    }
}
