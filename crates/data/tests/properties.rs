//! Output of other libraries' encoders for any pixels decodes to these pixels.

use std::io::Cursor;

use headstart_data::{Limits, decode};
use image::ExtendedColorType::{self, L8, L16, La8, La16, Rgb8, Rgb16, Rgba8, Rgba16};
use image::ImageEncoder;
use image::codecs::bmp::BmpEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use proptest::prelude::*;
use tiff::encoder::{Compression, DeflateLevel, Predictor, TiffEncoder, colortype as tiff_colors};

#[derive(Clone, Debug)]
struct Picture {
    width: u32,
    height: u32,
    color: ExtendedColorType,
    /// In the form that encoders take: 16-bit samples in native byte order.
    samples: Vec<u8>,
}

fn picture(colors: &'static [ExtendedColorType]) -> impl Strategy<Value = Picture> {
    (1..40_u32, 1..40_u32, prop::sample::select(colors)).prop_flat_map(|(width, height, color)| {
        let bytes = (width * height * u32::from(color.bits_per_pixel()) / 8) as usize;
        let samples = prop::collection::vec(any::<u8>(), bytes);
        samples.prop_map(move |samples| Picture { width, height, color, samples })
    })
}

impl Picture {
    /// 8-bit RGB: the high bytes of the samples, transparency on white.
    fn rgb(&self) -> Vec<u8> {
        let channels = usize::from(self.color.channel_count());
        let high: Vec<u8> = match self.color {
            L16 | La16 | Rgb16 | Rgba16 => {
                let pairs = self.samples.as_chunks::<2>().0;
                pairs.iter().map(|&pair| (u16::from_ne_bytes(pair) / 256) as u8).collect()
            }
            _ => self.samples.clone(),
        };
        let pixel = |pixel: &[u8]| {
            let (color, alpha) = match *pixel {
                [v] => ([v; 3], 255),
                [v, alpha] => ([v; 3], alpha),
                [r, g, b] => ([r, g, b], 255),
                [r, g, b, alpha, ..] => ([r, g, b], alpha),
                [] => unreachable!(),
            };
            let share = f64::from(alpha) / 255.0;
            color.map(|v| (f64::from(v) * share + 255.0 * (1.0 - share)).round() as u8)
        };
        high.chunks_exact(channels).flat_map(pixel).collect()
    }

    fn check(&self, file: &[u8]) -> Result<(), TestCaseError> {
        let decoded = decode(file, &Limits::default());
        let decoded = decoded.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let size = (decoded.width() as u32, decoded.height() as u32);
        prop_assert_eq!(size, (self.width, self.height));
        prop_assert_eq!(decoded.pixels(), self.rgb());
        Ok(())
    }

    fn encoded(&self, encoder: impl ImageEncoder) {
        encoder.write_image(&self.samples, self.width, self.height, self.color).unwrap();
    }
}

proptest! {
    #[test]
    fn any_png_is_decoded_to_its_pixels(
        picture in picture(&[L8, La8, Rgb8, Rgba8, L16, La16, Rgb16, Rgba16]),
        filter in prop::sample::select(vec![
            FilterType::NoFilter, FilterType::Sub, FilterType::Up, FilterType::Avg,
            FilterType::Paeth, FilterType::Adaptive,
        ]),
    ) {
        let mut file = Vec::new();
        picture.encoded(PngEncoder::new_with_quality(&mut file, CompressionType::Fast, filter));
        picture.check(&file)?;
    }

    #[test]
    fn any_tiff_is_decoded_to_its_pixels(
        picture in picture(&[L8, Rgb8, Rgba8, L16, Rgb16, Rgba16]),
        (packing, is_predicted) in prop::sample::select(vec![
            (0, false), (1, false), (2, false), (3, false), (1, true), (2, true),
        ]),
    ) {
        let compression = match packing {
            0 => Compression::Uncompressed,
            1 => Compression::Lzw,
            2 => Compression::Deflate(DeflateLevel::Fast),
            _ => Compression::Packbits,
        };
        let predictor = if is_predicted { Predictor::Horizontal } else { Predictor::None };
        let mut file = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut file)
            .unwrap()
            .with_compression(compression)
            .with_predictor(predictor);
        let (width, height, samples) = (picture.width, picture.height, &*picture.samples);
        let wide: Vec<u16> =
            samples.as_chunks().0.iter().map(|&pair| u16::from_ne_bytes(pair)).collect();
        match picture.color {
            L8 => encoder.write_image::<tiff_colors::Gray8>(width, height, samples),
            Rgb8 => encoder.write_image::<tiff_colors::RGB8>(width, height, samples),
            Rgba8 => encoder.write_image::<tiff_colors::RGBA8>(width, height, samples),
            L16 => encoder.write_image::<tiff_colors::Gray16>(width, height, &wide),
            Rgb16 => encoder.write_image::<tiff_colors::RGB16>(width, height, &wide),
            _ => encoder.write_image::<tiff_colors::RGBA16>(width, height, &wide),
        }
        .unwrap();
        picture.check(file.get_ref())?;
    }

    #[test]
    fn any_bmp_is_decoded_to_its_pixels(picture in picture(&[L8, Rgb8, Rgba8])) {
        let mut file = Vec::new();
        picture.encoded(BmpEncoder::new(&mut file));
        picture.check(&file)?;
    }
}
