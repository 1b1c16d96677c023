//! A plot as SVG.

use std::fmt::Write;

use askama::filters::{Escaper, Html};

use super::{Bar, Curve, Plot, Role};

/// Where a plot is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A separate file, which defines its colours.
    File,
    /// A page, whose style sheet defines the colours, and whose script reads the points' titles.
    Page,
}

/// The layout of a drawing, in its own units, which are also those of the text.
struct Frame {
    size: (f64, f64),
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

/// The layout of a file: large.
const FILE: Frame =
    Frame { size: (800.0, 480.0), left: 72.0, top: 84.0, right: 776.0, bottom: 416.0 };
/// The layout in a page, where several plots are side by side.
const PAGE: Frame =
    Frame { size: (520.0, 320.0), left: 58.0, top: 40.0, right: 508.0, bottom: 268.0 };

/// The colours of a file, light and dark. In a page, its style sheet defines colours with the same names.
const STYLE: &str = "\
svg{--text:#1c1917;--line:#e7e5e4;--card:#fff;--main:#1f6fb4;--second:#b4531f;--background:#b9cfe4;--mark:#c2410c;--faint:#78716c}
@media (prefers-color-scheme:dark){svg{--text:#e6e8ea;--line:#2e343a;--card:#1d2125;--main:#6cb2f0;--second:#f09a5f;--background:#2c4460;--mark:#ff9a62;--faint:#9fa7b0}}";
/// The styles of the drawing's elements.
pub(crate) const DRAWING: &str = include_str!("plot.css");

impl Plot {
    /// The plot as a separate SVG file.
    pub fn svg(&self) -> String {
        self.written(Place::File)
    }

    /// The plot as a part of a page whose style sheet defines the colours.
    pub(crate) fn inline_svg(&self) -> String {
        self.written(Place::Page)
    }

    fn written(&self, place: Place) -> String {
        let mut out = String::new();
        Drawing { plot: self, place, frame: if place == Place::File { FILE } else { PAGE } }
            .write(&mut out)
            .expect("a string takes all text");
        out
    }
}

struct Drawing<'a> {
    plot: &'a Plot,
    place: Place,
    frame: Frame,
}

impl Drawing<'_> {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        let (width, height) = self.frame.size;
        let Frame { left, top, right, bottom, .. } = self.frame;
        let title = escaped(&self.plot.title);
        // A page has several plots, so the clip path's name must be unique.
        let letters = self.plot.title.chars().filter(char::is_ascii_alphanumeric);
        let clip: String = "frame-".chars().chain(letters).collect();
        match self.place {
            Place::File => writeln!(
                out,
                r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" class="plot">
<title>{title}</title>
<style>{STYLE}
{DRAWING}</style>
<rect width="{width}" height="{height}" class="paper"/>
<text x="{left}" y="28" class="title">{title}</text>"#
            )?,
            Place::Page => writeln!(
                out,
                r#"<svg viewBox="0 0 {width} {height}" role="img" aria-label="{title}" class="plot">"#
            )?,
        }
        writeln!(
            out,
            r#"<clipPath id="{clip}"><rect x="{left}" y="{top}" width="{}" height="{}"/></clipPath>"#,
            right - left,
            bottom - top
        )?;
        self.write_axes(out)?;
        for bar in &self.plot.bars {
            self.write_bar(bar, out)?;
        }
        let back = |curve: &&Curve| matches!(curve.role, Role::Background | Role::Reference);
        let front = |curve: &&Curve| !back(curve);
        let curves = &self.plot.curves;
        for curve in curves.iter().filter(back).chain(curves.iter().filter(front)) {
            writeln!(
                out,
                r#"<polyline clip-path="url(#{clip})" class="curve {}" points="{}"><title>{}</title></polyline>"#,
                curve.role.class(),
                self.points(curve),
                escaped(&curve.name)
            )?;
            self.write_dots(curve, out)?;
        }
        self.write_marks(out)?;
        self.write_legend(out)?;
        writeln!(out, "</svg>")
    }

    fn x(&self, value: f64) -> f64 {
        self.frame.left + self.plot.x.place(value) * (self.frame.right - self.frame.left)
    }

    fn y(&self, value: f64) -> f64 {
        self.frame.bottom - self.plot.y.place(value) * (self.frame.bottom - self.frame.top)
    }

    fn points(&self, curve: &Curve) -> String {
        let point = |&(x, y): &(f64, f64)| format!("{:.2},{:.2}", self.x(x), self.y(y));
        curve.points.iter().map(point).collect::<Vec<_>>().join(" ")
    }

    /// In a page, draws a dot for each point with a tooltip.
    fn write_dots(&self, curve: &Curve, out: &mut String) -> std::fmt::Result {
        if self.place == Place::File {
            return Ok(());
        }
        for (&(x, y), label) in curve.points.iter().zip(&curve.labels) {
            let (x, y) = (self.x(x), self.y(y.clamp(self.plot.y.from, self.plot.y.to)));
            let (role, label) = (curve.role.class(), escaped(label));
            writeln!(
                out,
                r#"<circle cx="{x:.2}" cy="{y:.2}" r="3" class="dot {role}"><title>{label}</title></circle>"#
            )?;
        }
        Ok(())
    }

    fn write_bar(&self, bar: &Bar, out: &mut String) -> std::fmt::Result {
        let (left, right) = (self.x(bar.x.0), self.x(bar.x.1));
        let (bottom, top) = (self.y(bar.y.0), self.y(bar.y.1));
        // A small gap between adjacent bars.
        let gap = ((right - left) * 0.08).min(1.5);
        writeln!(
            out,
            r#"<rect x="{:.2}" y="{top:.2}" width="{:.2}" height="{:.2}" class="bar {}"><title>{}</title></rect>"#,
            left + gap,
            (right - left - 2.0 * gap).max(0.5),
            (bottom - top).max(0.0),
            bar.role.class(),
            escaped(&bar.label)
        )
    }

    fn write_axes(&self, out: &mut String) -> std::fmt::Result {
        let Frame { left, top, right, bottom, .. } = self.frame;
        let many = if self.place == Place::File { (6, 12) } else { (5, 7) };
        for (value, label) in self.plot.y.ticks(many.0) {
            let y = self.y(value);
            writeln!(
                out,
                r#"<path d="M{left} {y:.2}H{right}" class="grid"/><text x="{:.2}" y="{:.2}" class="end">{label}</text>"#,
                left - 8.0,
                y + 5.0
            )?;
        }
        for (value, label) in self.plot.x.ticks(many.1) {
            let x = self.x(value);
            writeln!(
                out,
                r#"<path d="M{x:.2} {bottom}v5" class="axis"/><text x="{x:.2}" y="{:.2}" class="middle">{label}</text>"#,
                bottom + 20.0
            )?;
        }
        let (middle, centre) = ((left + right) / 2.0, (top + bottom) / 2.0);
        writeln!(
            out,
            r#"<path d="M{left} {top}V{bottom}H{right}" class="axis"/>
<text x="{middle}" y="{}" class="middle">{}</text>
<text transform="translate({} {centre}) rotate(-90)" class="middle">{}</text>"#,
            bottom + 44.0,
            escaped(&self.plot.x.name),
            if self.place == Place::File { 20.0 } else { 12.0 },
            escaped(&self.plot.y.name)
        )
    }

    fn write_marks(&self, out: &mut String) -> std::fmt::Result {
        let Frame { top, right, bottom, .. } = self.frame;
        // Names are on separate lines, so that they do not overlap: above the plot, or inside its
        // top.
        let first = if self.place == Place::File { top - 22.0 } else { top + 12.0 };
        for (index, mark) in self.plot.marks.iter().enumerate() {
            let x = self.x(mark.x);
            let y = first + 17.0 * index as f64;
            let (class, at) = if x > right - 200.0 { ("end", x - 6.0) } else { ("start", x + 6.0) };
            let role = if mark.main { "main" } else { "later" };
            writeln!(
                out,
                r#"<path d="M{x:.2} {:.2}V{bottom}" class="mark {role}"/><text x="{at:.2}" y="{y:.2}" class="mark-name {class} {role}">{}</text>"#,
                (y - 10.0).min(top),
                escaped(&mark.name)
            )?;
        }
        Ok(())
    }

    /// Draws the legend of curves and bars at the top right.
    fn write_legend(&self, out: &mut String) -> std::fmt::Result {
        let mut right = self.frame.right;
        let y = if self.place == Place::File { 28.0 } else { 22.0 };
        let curves = self.plot.curves.iter().map(|curve| (&curve.name, curve.role, "curve"));
        let bars = self.plot.bar_names.iter().map(|(name, role)| (name, *role, "bar"));
        let entries: Vec<_> = bars.chain(curves).filter(|(name, ..)| !name.is_empty()).collect();
        for (name, role, kind) in entries.into_iter().rev() {
            let name = escaped(name);
            // The width of text is not measured. This estimate per character is more than enough.
            let line = right - name.chars().count() as f64 * 7.6 - 28.0;
            let sample = match kind {
                "bar" => {
                    format!(
                        r#"<rect x="{:.1}" y="{:.1}" width="12" height="12""#,
                        line + 8.0,
                        y - 11.0
                    )
                }
                _ => format!(r#"<path d="M{line:.1} {:.1}h22""#, y - 5.0),
            };
            writeln!(
                out,
                r#"{sample} class="{kind} {}"/><text x="{:.1}" y="{y}">{name}</text>"#,
                role.class(),
                line + 27.0
            )?;
            right = line - 10.0;
        }
        Ok(())
    }
}

impl Role {
    fn class(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Second => "second",
            Self::Background => "background",
            Self::Reference => "reference",
        }
    }
}

/// Escapes text for a page, also within quotes.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    Html.write_escaped_str(&mut out, text).expect("a string takes all text");
    out
}

#[cfg(test)]
mod tests {
    use crate::plot::tests::example;

    #[test]
    fn every_curve_point_tick_and_mark_is_in_the_file() {
        let svg = example().svg();
        assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"));
        for part in [">suggestion<", ">1e-7<", ">0.1<", ">loss<"] {
            assert!(svg.contains(part), "'{part}' is not in {svg}");
        }
        assert!(!svg.contains("Loss <by>"), "{svg}");
        let points = svg.split("points=\"").nth(2).and_then(|rest| rest.split('"').next());
        assert_eq!(points.unwrap().split(' ').count(), 71);
    }
}
