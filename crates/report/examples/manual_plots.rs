//! Draws the manual's plots: each `docs/explanation/figures/*.json`, as measured by `tools/figures.py`, as SVG beside it.

use std::error::Error;
use std::fs;
use std::path::Path;

use headstart_report::plot::{Axis, Curve, Plot, Role, Scale};
use serde::Deserialize;

#[derive(Deserialize)]
struct Figure {
    title: String,
    x: Range,
    y: Range,
    curves: Vec<Points>,
}

#[derive(Deserialize)]
struct Range {
    name: String,
    from: f64,
    to: f64,
}

#[derive(Deserialize)]
struct Points {
    name: String,
    role: Kind,
    points: Vec<(f64, f64)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Main,
    Second,
    Reference,
}

impl Range {
    fn axis(self) -> Axis {
        Axis { name: self.name, scale: Scale::Linear, from: self.from, to: self.to }
    }
}

impl Points {
    fn curve(self) -> Curve {
        let role = match self.role {
            Kind::Main => Role::Main,
            Kind::Second => Role::Second,
            Kind::Reference => Role::Reference,
        };
        Curve { name: self.name, points: self.points, labels: Vec::new(), role }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let figures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/explanation/figures");
    for entry in fs::read_dir(figures)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let figure: Figure = serde_json::from_slice(&fs::read(&path)?)?;
        let plot = Plot {
            title: figure.title,
            x: figure.x.axis(),
            y: figure.y.axis(),
            curves: figure.curves.into_iter().map(Points::curve).collect(),
            marks: Vec::new(),
            bars: Vec::new(),
            bar_names: Vec::new(),
        };
        fs::write(path.with_extension("svg"), plot.svg())?;
    }
    Ok(())
}
