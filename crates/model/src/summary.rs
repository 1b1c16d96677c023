//! The table that Keras's `summary()` prints.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::{Layer, Network};

/// A network's layers, shapes and parameter counts; prints like Keras 2's table and serialises the same facts to JSON.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a>(&'a Network);

impl Network {
    /// The network's summary, with the current trainable state of its layers.
    pub fn summary(&self) -> Summary<'_> {
        Summary(self)
    }
}

impl Summary<'_> {
    fn connected_to(&self, layer: &Layer) -> Vec<String> {
        layer.inputs.iter().map(|&id| format!("{}[0][0]", self.0.layers()[id].name)).collect()
    }

    /// The three lines below the table: total, trainable and non-trainable parameters.
    pub fn totals(&self) -> String {
        let (total, trainable) = (self.0.total_params(), self.0.trainable_params());
        format!(
            "Total params: {}\nTrainable params: {}\nNon-trainable params: {}\n",
            thousands(total),
            thousands(trainable),
            thousands(total - trainable),
        )
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = ["Layer (type)", "Output Shape", "Param #", "Connected to"].map(str::to_owned);
        let rows: Vec<[String; 4]> = std::iter::once(header)
            .chain(self.0.layers().iter().map(|layer| {
                [
                    format!("{} ({})", layer.name, layer.kind.class_name()),
                    layer.output.to_string(),
                    layer.params().to_string(),
                    self.connected_to(layer).join(", "),
                ]
            }))
            .collect();
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths: [usize; 4] = std::array::from_fn(width);
        let rule = widths.iter().sum::<usize>() + 3 * 2;

        writeln!(f, "Model: \"{}\"", self.0.name())?;
        writeln!(f, "{}", "_".repeat(rule))?;
        for (index, row) in rows.iter().enumerate() {
            let [a, b, c] = [widths[0], widths[1], widths[2]];
            let line = format!("{:a$}  {:b$}  {:c$}  {}", row[0], row[1], row[2], row[3]);
            writeln!(f, "{}", line.trim_end())?;
            if index == 0 {
                writeln!(f, "{}", "=".repeat(rule))?;
            }
        }
        writeln!(f, "{}", "=".repeat(rule))?;
        f.write_str(&self.totals())?;
        writeln!(f, "{}", "_".repeat(rule))
    }
}

impl Serialize for Summary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            name: &'a str,
            r#type: &'static str,
            output_shape: Vec<Option<usize>>,
            params: usize,
            connected_to: Vec<String>,
            trainable: bool,
        }
        let rows: Vec<Row<'_>> = self
            .0
            .layers()
            .iter()
            .map(|layer| Row {
                name: &layer.name,
                r#type: layer.kind.class_name(),
                output_shape: [None]
                    .into_iter()
                    .chain(layer.output.axes().into_iter().map(Some))
                    .collect(),
                params: layer.params(),
                connected_to: self.connected_to(layer),
                trainable: layer.trainable,
            })
            .collect();
        let (total, trainable) = (self.0.total_params(), self.0.trainable_params());
        let mut summary = serializer.serialize_struct("Summary", 5)?;
        summary.serialize_field("name", self.0.name())?;
        summary.serialize_field("layers", &rows)?;
        summary.serialize_field("total_params", &total)?;
        summary.serialize_field("trainable_params", &trainable)?;
        summary.serialize_field("non_trainable_params", &(total - trainable))?;
        summary.end()
    }
}

/// Formats `2257984` as `2,257,984`.
pub fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
