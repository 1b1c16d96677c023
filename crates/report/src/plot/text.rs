//! A plot of text characters: curves in Braille dots, 2 x 4 per character.

use super::{Curve, Mark, Plot, Role};

/// Total columns: the usual width of a terminal.
const WIDTH: usize = 80;
/// Lines for the curves.
const HEIGHT: usize = 14;
const DOTS: (usize, usize) = (2, 4);
/// Minimum number of columns between labels of the x axis.
const X_LABEL: usize = 8;

impl Plot {
    /// The lines of the plot, each at most 80 columns wide.
    pub fn text(&self) -> String {
        let ticks = self.y.ticks(7);
        let margin = ticks.iter().map(|(_, label)| label.len()).max().unwrap_or(0) + 1;
        // The last label of the x axis may extend beyond the plot by half its width.
        let width = WIDTH - margin - 4;
        let mut cells = self.curves(width);
        for mark in &self.marks {
            let Some(column) = column(self.x.place(mark.x), width) else { continue };
            for row in &mut cells {
                if row[column] == ' ' {
                    row[column] = if mark.main { '│' } else { '┊' };
                }
            }
        }
        let indent = margin + 1;
        let mut lines = vec![format!("{:>indent$}", self.y.name)];
        lines.extend(self.mark_lines(width).into_iter().map(|l| format!("{:indent$}{l}", "")));
        for (index, row) in cells.iter().enumerate() {
            let at = |place: f64| ((1.0 - place) * (HEIGHT - 1) as f64).round() as usize;
            let tick = ticks.iter().find(|(value, _)| at(self.y.place(*value)) == index);
            let (label, axis) = tick.map_or(("", '│'), |(_, label)| (label, '┤'));
            let row: String = row.iter().collect();
            lines.push(format!("{label:>width$} {axis}{row}", width = margin - 1));
        }
        let (axis, labels) = self.x_axis(width);
        lines.push(format!("{:margin$}└{axis}", ""));
        lines.push(format!("{:indent$}{labels}", ""));
        lines.push(format!("{:indent$}{:^width$}", "", self.x.name));
        let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
        lines.join("\n")
    }

    /// Draws the curves.
    fn curves(&self, width: usize) -> Vec<Vec<char>> {
        let (columns, rows) = (width * DOTS.0, HEIGHT * DOTS.1);
        let mut dots = vec![vec![0u8; width]; HEIGHT];
        for curve in
            self.curves.iter().filter(|curve| matches!(curve.role, Role::Main | Role::Second))
        {
            let mut before = None;
            for column in 0..columns {
                let place = (column as f64 + 0.5) / columns as f64;
                let y = self.height(curve, place).map(|y| (1.0 - y) * (rows - 1) as f64);
                let Some(y) = y else { continue };
                // Extend the dot to the previous column's height, so that the curve has no gap.
                let from = before.unwrap_or(y);
                let (low, high) = (y.min(from).round() as i64, y.max(from).round() as i64);
                let inside = low.max(0)..=high.min(rows as i64 - 1);
                for row in inside {
                    let row = row as usize;
                    dots[row / DOTS.1][column / DOTS.0] |= bit(column % DOTS.0, row % DOTS.1);
                }
                before = Some(y);
            }
        }
        let cell = |bits: &u8| match bits {
            0 => ' ',
            &bits => char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' '),
        };
        dots.iter().map(|row| row.iter().map(cell).collect()).collect()
    }

    /// The height of a curve at a position on the x axis; both are between 0 and 1.
    fn height(&self, curve: &Curve, place: f64) -> Option<f64> {
        let points = &curve.points;
        let x = |index: usize| self.x.place(points[index].0);
        let after = points.partition_point(|point| self.x.place(point.0) < place);
        if after == 0 || after == points.len() {
            // At the ends, half a column may be empty.
            return None;
        }
        let (from, to) = (x(after - 1), x(after));
        let share = (place - from) / (to - from);
        let y = |index: usize| self.y.place(points[index].1);
        Some(y(after - 1) * (1.0 - share) + y(after) * share)
    }

    /// The names of the marks, above their positions; on further lines if they would overlap.
    fn mark_lines(&self, width: usize) -> Vec<String> {
        let mut lines: Vec<Vec<char>> = Vec::new();
        for mark in &self.marks {
            let Some(column) = column(self.x.place(mark.x), width) else { continue };
            let (start, text) = label(mark, column, width);
            let text: Vec<char> = text.chars().collect();
            let (from, to) = (start.saturating_sub(1), (start + text.len() + 1).min(width));
            let is_free = |line: &Vec<char>| line[from..to].iter().all(|&c| c == ' ');
            let line = lines.iter().position(is_free).unwrap_or_else(|| {
                lines.push(vec![' '; width]);
                lines.len() - 1
            });
            lines[line][start..start + text.len()].copy_from_slice(&text);
        }
        lines.iter().rev().map(|line| line.iter().collect()).collect()
    }

    /// The axis and its labels.
    fn x_axis(&self, width: usize) -> (String, String) {
        let mut axis = vec!['─'; width];
        let mut labels = vec![' '; width + 4];
        for (value, label) in self.x.ticks(width / X_LABEL) {
            let Some(column) = column(self.x.place(value), width) else { continue };
            axis[column] = '┴';
            let start = column.saturating_sub(label.len() / 2);
            for (to, c) in labels[start..].iter_mut().zip(label.chars()) {
                *to = c;
            }
        }
        (axis.iter().collect(), labels.iter().collect())
    }
}

/// The column of a position on the x axis, if it is shown.
fn column(place: f64, width: usize) -> Option<usize> {
    // A tick at the very end belongs to the last column.
    (-1e-9..=1.0 + 1e-9)
        .contains(&place)
        .then(|| ((place.max(0.0) * width as f64) as usize).min(width - 1))
}

/// A mark's name with an arrow in its column. The name is to the right of the arrow if there is
/// room.
fn label(mark: &Mark, column: usize, width: usize) -> (usize, String) {
    let len = mark.name.chars().count() + 2;
    let arrow = if mark.main { '▼' } else { '▽' };
    if column + len <= width {
        return (column, format!("{arrow} {}", mark.name));
    }
    ((column + 1).saturating_sub(len), format!("{} {arrow}", mark.name))
}

/// The bit of a dot in a Braille character.
fn bit(column: usize, row: usize) -> u8 {
    const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
    BITS[column][row]
}

#[cfg(test)]
mod tests {
    use crate::plot::tests::example;

    #[test]
    fn no_line_is_wider_than_a_terminal_and_marks_stand_over_their_columns() {
        let text = example().text();
        println!("{text}");
        let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        assert!(lines.iter().all(|line| line.len() <= 80), "{text}");
        let decades = text.lines().rev().nth(1).unwrap();
        for label in ["1e-7", "1e-4", "0.1", " 1"] {
            assert!(decades.contains(label), "{decades}");
        }
        for (arrow, line) in [('▼', '│'), ('▽', '┊')] {
            let (row, column) = lines
                .iter()
                .enumerate()
                .find_map(|(row, line)| Some((row, line.iter().position(|&c| c == arrow)?)))
                .unwrap();
            let below = lines[row + 1..].iter().filter(|below| below.get(column) == Some(&line));
            assert!(below.count() > 8, "{text}");
        }
    }

    #[test]
    fn a_curve_that_leaves_the_plot_is_cut_off() {
        let mut plot = example();
        (plot.y.from, plot.y.to) = (0.4, 0.6);
        let text = plot.text();
        assert!(text.lines().count() > 15 && text.lines().all(|l| l.chars().count() <= 80));
    }
}
