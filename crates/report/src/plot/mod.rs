//! Plots for the terminal and as SVG.

mod scale;
mod svg;
mod text;

pub use scale::Scale;
pub(crate) use svg::DRAWING;

/// Curves and bars over one axis.
#[derive(Clone, Debug)]
pub struct Plot {
    /// The title.
    pub title: String,
    /// The horizontal axis, from left to right.
    pub x: Axis,
    /// The vertical axis, from bottom to top.
    pub y: Axis,
    /// The curves.
    pub curves: Vec<Curve>,
    /// Marked positions on the x axis.
    pub marks: Vec<Mark>,
    /// The bars. They are not drawn in the terminal.
    pub bars: Vec<Bar>,
    /// The legend's names of bars, by role.
    pub bar_names: Vec<(String, Role)>,
}

/// An axis: its name, and the range that is shown.
#[derive(Clone, Debug)]
pub struct Axis {
    /// The name, with the unit if there is one.
    pub name: String,
    /// The scale of the values.
    pub scale: Scale,
    /// The first value shown.
    pub from: f64,
    /// The last value shown.
    pub to: f64,
}

/// Points joined by lines. Parts above or below the plot are clipped.
#[derive(Clone, Debug)]
pub struct Curve {
    /// The name in the legend; empty for no entry.
    pub name: String,
    /// Values of x and y, in ascending order of x.
    pub points: Vec<(f64, f64)>,
    /// The tooltip of each point on a page; empty for curves without tooltips.
    pub labels: Vec<String>,
    /// The curve's role among the others.
    pub role: Role,
}

/// A bar between two values of y, over a range of the x axis.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Its range on the x axis.
    pub x: (f64, f64),
    /// Its range on the y axis, the lower end first.
    pub y: (f64, f64),
    /// The bar's role among the others.
    pub role: Role,
    /// Its tooltip.
    pub label: String,
}

/// The role of a curve or a bar among the others. Only the first two are drawn in the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The data to look at.
    Main,
    /// The data to compare with.
    Second,
    /// Paler data behind another curve or bar.
    Background,
    /// The ideal, or chance level.
    Reference,
}

/// A marked position on the x axis.
#[derive(Clone, Debug)]
pub struct Mark {
    /// The mark's name.
    pub name: String,
    /// Its value of x.
    pub x: f64,
    /// Whether it is the most important mark.
    pub main: bool,
}

impl Axis {
    /// The position of a value on the axis, 0 to 1 if it is shown.
    fn place(&self, value: f64) -> f64 {
        let of = |value| self.scale.of(value);
        (of(value) - of(self.from)) / (of(self.to) - of(self.from))
    }

    /// Values for tick marks, with their labels.
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
        let curve = |name: &str, role| {
            let (name, points) = (name.to_owned(), points.clone());
            Curve { name, points, labels: Vec::new(), role }
        };
        let mark = |name: &str, x, main| Mark { name: name.to_owned(), x, main };
        Plot {
            title: "Loss <by> learning rate".to_owned(),
            x: axis("learning rate", Scale::Log, 1e-7, 1.0),
            y: axis("loss", Scale::Linear, 0.0, 1.3),
            curves: vec![curve("each step", Role::Background), curve("smoothed", Role::Main)],
            marks: vec![mark("suggestion", 1e-3, true), mark("most", 1e-2, false)],
            bars: Vec::new(),
            bar_names: Vec::new(),
        }
    }
}
