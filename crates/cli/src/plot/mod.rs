//! Plots of curves, for the terminal and as SVG.

mod scale;
mod svg;
mod text;

pub(crate) use scale::Scale;

/// Curves over one axis.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) curves: Vec<Curve>,
    pub(crate) marks: Vec<Mark>,
}

/// One direction: what it is of, and what part of it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// With the unit, where there is one.
    pub(crate) name: String,
    pub(crate) scale: Scale,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

/// Points that are joined. What lies above or below the plot is cut off.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
    /// Whether it is only the background of another: paler, and not in the terminal.
    pub(crate) pale: bool,
}

/// A place on the x axis.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) name: String,
    pub(crate) x: f64,
    /// Whether it is the one to look at first.
    pub(crate) main: bool,
}

impl Axis {
    /// The place of a value, from 0 to 1 where it is shown.
    fn place(&self, value: f64) -> f64 {
        let of = |value| self.scale.of(value);
        (of(value) - of(self.from)) / (of(self.to) - of(self.from))
    }

    /// Values to label, and how.
    fn ticks(&self, at_most: usize) -> Vec<(f64, String)> {
        self.scale.ticks(self.from, self.to, at_most)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A curve that falls around 1e-3, with marks.
    pub(crate) fn example() -> Plot {
        let point = |i: i32| {
            let x = f64::from(i) / 10.0 - 7.0;
            (10f64.powf(x), 0.2 + 1.0 / (1.0 + (3.0 * (x + 3.0)).exp()) + 4.0 * (x + 1.0).max(0.0))
        };
        let points: Vec<_> = (0..=70).map(point).collect();
        let axis = |name: &str, scale, from, to| Axis { name: name.to_owned(), scale, from, to };
        let curve =
            |name: &str, pale| Curve { name: name.to_owned(), points: points.clone(), pale };
        let mark = |name: &str, x, main| Mark { name: name.to_owned(), x, main };
        Plot {
            title: "Loss <by> learning rate".to_owned(),
            x: axis("learning rate", Scale::Log, 1e-7, 1.0),
            y: axis("loss", Scale::Linear, 0.0, 1.3),
            curves: vec![curve("each step", true), curve("smoothed", false)],
            marks: vec![mark("suggestion", 1e-3, true), mark("most", 1e-2, false)],
        }
    }
}
