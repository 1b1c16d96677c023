//! Drawing of a map on a picture.

use headstart_decode::{Covered, MinSize, Rgb};
use headstart_model::{Fit, Interpolation, Preprocessing, Scaling};
use headstart_resize::{Fitted, Resizer};

use super::ActivationMap;
use super::palette::colour;

/// The range of the longer side of an overlay, in pixels; pictures outside it are scaled to its nearer end.
const LONGER: std::ops::RangeInclusive<f64> = 256.0..=1024.0;

/// The minimum size to which a picture must be decoded for its overlay.
pub const OVERLAY_AT_LEAST: MinSize = MinSize { width: 1024, height: 1024 };

/// The weight of the map's colour in that of a pixel; the rest is the picture's luminance.
const TINT: f32 = 0.6;
/// The weight of white outside the network's input.
const FADED: f32 = 0.7;
/// The value of the contour line, relative to the largest.
const LINE: f32 = 0.5;

/// A picture at the size of its overlay: with its longer side between 256 and 1,024 pixels.
pub fn overlay_picture(picture: &Rgb) -> Rgb {
    let Covered { width, height, .. } = picture.covered();
    let longer = width.max(height) as f64;
    let scale = longer.clamp(*LONGER.start(), *LONGER.end()) / longer;
    let side = |pixels: usize| ((pixels as f64 * scale).round() as usize).max(1);
    let to = Preprocessing {
        height: side(height),
        width: side(width),
        interpolation: Interpolation::Bilinear,
        fit: Fit::Stretch,
        scaling: Scaling::minus_one_to_one(),
    };
    let pixels = Resizer::new().resize(picture, &to);
    Rgb::new(to.width, to.height, pixels).expect("as many pixels as the size has")
}

/// Draws a map on a picture of which the part `shown`, in pixels of `size`, fills a network's input of the size
/// `input`.
pub(super) fn overlay(
    map: &ActivationMap,
    (shown, size): (&Fitted<f64>, (usize, usize)),
    input: (usize, usize),
    picture: &Rgb,
) -> Rgb {
    let picture = overlay_picture(picture);
    let (width, height) = (picture.width(), picture.height());
    let mut pixels = picture.into_pixels();
    let values = values(map, (shown, size), input, (width, height));
    for (pixel, &value) in pixels.as_chunks_mut::<3>().0.iter_mut().zip(&values) {
        *pixel = tinted(*pixel, value);
    }
    draw_line(&values, (width, height), pixels.as_chunks_mut::<3>().0);
    Rgb::new(width, height, pixels).expect("as many pixels as the size has")
}

/// The value of a map, relative to its largest, at each pixel of a picture of this size; `None` outside the network's
/// input.
fn values(
    map: &ActivationMap,
    (shown, size): (&Fitted<f64>, (usize, usize)),
    input: (usize, usize),
    (width, height): (usize, usize),
) -> Vec<Option<f32>> {
    let axis = |pixels, size, from: (f64, f64), to, input, cells| {
        Axis { pixels, size, from, to, input, cells }.places()
    };
    let (from, to) = (shown.from, shown.to);
    let columns =
        axis(width, size.0, (from.left, from.width), (to.left, to.width), input.0, map.width);
    let rows =
        axis(height, size.1, (from.top, from.height), (to.top, to.height), input.1, map.height);

    let largest = map.values.iter().copied().fold(0.0, f32::max);
    let value = |row: &Option<Place>, column: &Option<Place>| {
        let (row, column) = (row.as_ref()?, column.as_ref()?);
        let at = |y: usize, x: usize| map.values[y * map.width + x];
        let line = |y| column.mix(at(y, column.first), at(y, column.second));
        let value = row.mix(line(row.first), line(row.second));
        Some(if largest > 0.0 { (value / largest).clamp(0.0, 1.0) } else { 0.0 })
    };
    rows.iter().flat_map(|row| columns.iter().map(move |column| value(row, column))).collect()
}

/// A map as RGBA colours to lay over a picture, more transparent where evidence is weaker.
pub(super) fn layer(
    map: &ActivationMap,
    shown: (&Fitted<f64>, (usize, usize)),
    input: (usize, usize),
    (width, height): (usize, usize),
) -> Vec<u8> {
    assert!(width > 0 && height > 0, "a layer has pixels");
    let opaque = |share: f32| (255.0 * share).round() as u8;
    let pixel = |value: Option<f32>| match value {
        Some(value) => {
            let [r, g, b] = colour(value).map(|level| level.round() as u8);
            [r, g, b, opaque(TINT * value.sqrt())]
        }
        None => [255, 255, 255, opaque(FADED)],
    };
    values(map, shown, input, (width, height)).into_iter().flat_map(pixel).collect()
}

/// A pixel tinted by the map's colour, or faded if there is none.
fn tinted(pixel: [u8; 3], value: Option<f32>) -> [u8; 3] {
    let [r, g, b] = pixel.map(f32::from);
    let light = 0.299 * r + 0.587 * g + 0.114 * b;
    let (own, over, share) = match value {
        Some(value) => (light, colour(value), TINT),
        None => (light, [255.0; 3], FADED),
    };
    over.map(|over| (own * (1.0 - share) + over * share).round() as u8)
}

/// Draws a white line with a black edge where the values cross [`LINE`], and a black one at the border of the network's
/// input.
fn draw_line(values: &[Option<f32>], (width, height): (usize, usize), pixels: &mut [[u8; 3]]) {
    let side = |at: usize| values[at].map(|value| value >= LINE);
    for y in 0..height {
        for x in 0..width {
            let at = y * width + x;
            let right = (x + 1 < width).then(|| at + 1);
            let below = (y + 1 < height).then(|| at + width);
            for next in [right, below].into_iter().flatten() {
                match (side(at), side(next)) {
                    (Some(here), Some(there)) if here != there => {
                        let (inner, outer) = if here { (at, next) } else { (next, at) };
                        pixels[inner] = [255; 3];
                        pixels[outer] = [0; 3];
                    }
                    (Some(_), None) | (None, Some(_)) => pixels[at] = [0; 3],
                    _ => {}
                }
            }
        }
    }
}

/// One axis of the overlay, the picture, the network's input, and the map.
struct Axis {
    /// Pixels of the overlay, which shows the whole picture.
    pixels: usize,
    /// Pixels of the picture.
    size: usize,
    /// First pixel and number of pixels of it in the network's input.
    from: (f64, f64),
    /// First pixel and number of pixels of the input that they fill.
    to: (usize, usize),
    /// Pixels of the input.
    input: usize,
    /// Cells of the map, which covers the whole input.
    cells: usize,
}

/// The two cells between whose centres a pixel is, and the weight of the second. Beyond the centres of the outermost
/// cells the map is constant.
struct Place {
    first: usize,
    second: usize,
    share: f32,
}

impl Axis {
    /// The place of each pixel of the overlay; `None` outside the network's input.
    fn places(&self) -> Vec<Option<Place>> {
        (0..self.pixels).map(|pixel| self.place(pixel)).collect()
    }

    fn place(&self, pixel: usize) -> Option<Place> {
        let at = (pixel as f64 + 0.5) / self.pixels as f64 * self.size as f64;
        let seen = (at - self.from.0) / self.from.1;
        if !(0.0..=1.0).contains(&seen) {
            return None;
        }
        let input = self.to.0 as f64 + seen * self.to.1 as f64;
        let last = self.cells - 1;
        let cell = (input / self.input as f64 * self.cells as f64 - 0.5).clamp(0.0, last as f64);
        let first = cell as usize;
        Some(Place { first, second: (first + 1).min(last), share: (cell - first as f64) as f32 })
    }
}

impl Place {
    fn mix(&self, first: f32, second: f32) -> f32 {
        first * (1.0 - self.share) + second * self.share
    }
}
