//! Plots, for the terminal and as SVG.

mod scale;
mod svg;
mod text;

pub use scale::Scale;
pub(crate) use svg::DRAWING;

/// Curves and bars over one axis.
#[derive(Clone, Debug)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// The axis from left to right.
    pub x: Axis,
    /// The axis from bottom to top.
    pub y: Axis,
    /// The curves.
    pub curves: Vec<Curve>,
    /// Places on the x axis.
    pub marks: Vec<Mark>,
    /// The bars, which are not in the terminal.
    pub bars: Vec<Bar>,
    /// What bars of a role are called in the legend.
    pub bar_names: Vec<(String, Role)>,
}

/// One direction: what it is of, and what part of it is shown.
#[derive(Clone, Debug)]
pub struct Axis {
    /// With the unit, where there is one.
    pub name: String,
    /// How values are spread along it.
    pub scale: Scale,
    /// The first value that is shown.
    pub from: f64,
    /// The last one.
    pub to: f64,
}

/// Points that are joined. What lies above or below the plot is cut off.
#[derive(Clone, Debug)]
pub struct Curve {
    /// What it is called in the legend; nothing is for none.
    pub name: String,
    /// Values of x and y, ascending by x.
    pub points: Vec<(f64, f64)>,
    /// What is told of each point where a page is pointed at; none for curves without.
    pub labels: Vec<String>,
    /// What it is beside the others.
    pub role: Role,
}

/// A bar from one value of y to another over a part of the x axis.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Where it begins and ends on the x axis.
    pub x: (f64, f64),
    /// And on the y axis, the lower end first.
    pub y: (f64, f64),
    /// What it is beside the others.
    pub role: Role,
    /// What is told of it where it is pointed at.
    pub label: String,
}

/// What a curve or a bar is beside the others. Only the first two are in the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What is to be looked at.
    Main,
    /// What that is compared with.
    Second,
    /// What lies behind another, and is paler.
    Background,
    /// How it would be at best, or by chance.
    Reference,
}

/// A place on the x axis.
#[derive(Clone, Debug)]
pub struct Mark {
    /// What is there.
    pub name: String,
    /// The value.
    pub x: f64,
    /// Whether it is the one to look at first.
    pub main: bool,
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
