//! A plot as SVG: no script, no style sheet, any viewer will do.

use std::fmt::Write;

use super::{Curve, Plot};

const SIZE: (f64, f64) = (800.0, 480.0);
/// Left, top, right and bottom of the curves.
const FRAME: (f64, f64, f64, f64) = (72.0, 84.0, 776.0, 416.0);
const CURVE: &str = "#1f6fb4";
const PALE: &str = "#b9cfe4";
const MARK: &str = "#c2410c";
const LATER_MARK: &str = "#78716c";

impl Plot {
    /// The plot as a file of its own.
    pub(crate) fn svg(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_svg(&mut out);
        out
    }

    fn write_svg(&self, out: &mut String) -> std::fmt::Result {
        let (width, height) = SIZE;
        let (left, top, right, bottom) = FRAME;
        let title = escaped(&self.title);
        writeln!(
            out,
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" font-family="system-ui, sans-serif" font-size="14" fill="#1c1917">"##,
        )?;
        writeln!(out, "<title>{title}</title>")?;
        writeln!(out, r##"<rect width="{width}" height="{height}" fill="#fff"/>"##)?;
        writeln!(
            out,
            r#"<text x="{left}" y="28" font-size="17" font-weight="600">{title}</text>"#
        )?;
        writeln!(
            out,
            r#"<clipPath id="frame"><rect x="{left}" y="{top}" width="{}" height="{}"/></clipPath>"#,
            right - left,
            bottom - top
        )?;
        self.write_axes(out)?;
        for (curve, colour, stroke) in self
            .curves
            .iter()
            .filter(|curve| curve.pale)
            .map(|curve| (curve, PALE, 1.2))
            .chain(self.curves.iter().filter(|curve| !curve.pale).map(|c| (c, CURVE, 2.4)))
        {
            writeln!(
                out,
                r##"<polyline clip-path="url(#frame)" fill="none" stroke="{colour}" stroke-width="{stroke}" stroke-linejoin="round" points="{}"><title>{}</title></polyline>"##,
                self.points(curve),
                escaped(&curve.name)
            )?;
        }
        self.write_marks(out)?;
        self.write_legend(out)?;
        writeln!(out, "</svg>")
    }

    fn x(&self, value: f64) -> f64 {
        FRAME.0 + self.x.place(value) * (FRAME.2 - FRAME.0)
    }

    fn y(&self, value: f64) -> f64 {
        FRAME.3 - self.y.place(value) * (FRAME.3 - FRAME.1)
    }

    fn points(&self, curve: &Curve) -> String {
        let point = |&(x, y): &(f64, f64)| format!("{:.2},{:.2}", self.x(x), self.y(y));
        curve.points.iter().map(point).collect::<Vec<_>>().join(" ")
    }

    fn write_axes(&self, out: &mut String) -> std::fmt::Result {
        let (left, top, right, bottom) = FRAME;
        for (value, label) in self.y.ticks(6) {
            let y = self.y(value);
            writeln!(
                out,
                r##"<path d="M{left} {y:.2}H{right}" stroke="#e7e5e4"/><text x="{:.2}" y="{:.2}" text-anchor="end">{label}</text>"##,
                left - 8.0,
                y + 5.0
            )?;
        }
        for (value, label) in self.x.ticks(12) {
            let x = self.x(value);
            writeln!(
                out,
                r##"<path d="M{x:.2} {top}V{bottom}" stroke="#e7e5e4"/><path d="M{x:.2} {bottom}v5" stroke="#1c1917"/><text x="{x:.2}" y="{:.2}" text-anchor="middle">{label}</text>"##,
                bottom + 21.0
            )?;
        }
        let (middle, centre) = ((left + right) / 2.0, (top + bottom) / 2.0);
        writeln!(
            out,
            r##"<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="#1c1917"/>
<text x="{middle}" y="{}" text-anchor="middle">{}</text>
<text transform="translate(20 {centre}) rotate(-90)" text-anchor="middle">{}</text>"##,
            bottom + 48.0,
            escaped(&self.x.name),
            escaped(&self.y.name)
        )
    }

    fn write_marks(&self, out: &mut String) -> std::fmt::Result {
        let (_, top, right, bottom) = FRAME;
        for (index, mark) in self.marks.iter().enumerate() {
            let (x, colour) = (self.x(mark.x), if mark.main { MARK } else { LATER_MARK });
            // Names stand below each other, so that they do not touch.
            let y = top - 22.0 + 17.0 * index as f64;
            let (anchor, at) =
                if x > right - 200.0 { ("end", x - 6.0) } else { ("start", x + 6.0) };
            writeln!(
                out,
                r##"<path d="M{x:.2} {:.2}V{bottom}" stroke="{colour}" stroke-width="1.5" stroke-dasharray="{}"/><text x="{at:.2}" y="{y:.2}" text-anchor="{anchor}" fill="{colour}" stroke="#fff" stroke-width="4" paint-order="stroke">{}</text>"##,
                y - 10.0,
                if mark.main { "none" } else { "4 4" },
                escaped(&mark.name)
            )?;
        }
        Ok(())
    }

    /// The curves' names, at the top right.
    fn write_legend(&self, out: &mut String) -> std::fmt::Result {
        let mut right = FRAME.2;
        for curve in self.curves.iter().rev() {
            let (colour, stroke) = if curve.pale { (PALE, 1.2) } else { (CURVE, 2.4) };
            let name = escaped(&curve.name);
            // Nobody measures letters here: 8 are more than enough.
            let line = right - curve.name.chars().count() as f64 * 8.0 - 30.0;
            writeln!(
                out,
                r#"<path d="M{line} 23h22" stroke="{colour}" stroke-width="{stroke}"/><text x="{}" y="28">{name}</text>"#,
                line + 28.0
            )?;
            right = line - 12.0;
        }
        Ok(())
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use crate::plot::tests::example;

    #[test]
    fn every_curve_point_tick_and_mark_is_in_the_file() {
        let svg = example().svg();
        assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"));
        for part in ["Loss &lt;by&gt; learning rate", ">suggestion<", ">1e-7<", ">0.1<", ">loss<"] {
            assert!(svg.contains(part), "'{part}' is not in {svg}");
        }
        let points = svg.split("points=\"").nth(2).and_then(|rest| rest.split('"').next());
        assert_eq!(points.unwrap().split(' ').count(), 71);
    }
}
