//! The most important metrics.

use headstart::Evaluation;

use super::percent;

/// A metric in large type.
pub(super) struct Tile {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// Further information in small type; may be empty.
    pub(super) about: String,
}

pub(super) fn tiles(evaluation: &Evaluation) -> Vec<Tile> {
    let (right, all) = (evaluation.correct(), evaluation.pictures);
    let mut tiles = match &evaluation.multi_label {
        None => vec![
            Tile {
                name: "Accuracy",
                value: percent(evaluation.accuracy),
                about: format!("{right} of {all}"),
            },
            Tile {
                name: "Mean recall",
                value: percent(evaluation.macro_recall()),
                about: "all classes alike".to_owned(),
            },
        ],
        Some(figures) => vec![
            Tile {
                name: "Mean average precision",
                value: figures
                    .mean_average_precision
                    .map_or("-".to_owned(), |mean| format!("{mean:.3}")),
                about: "all labels alike".to_owned(),
            },
            Tile {
                name: "F1",
                value: format!("{:.3}", figures.micro_f1),
                about: format!("{:.3} with all labels alike", figures.macro_f1),
            },
            Tile {
                name: "All labels right",
                value: percent(evaluation.accuracy),
                about: format!("{right} of {all}"),
            },
        ],
    };
    if let Some(figures) = &evaluation.calibration {
        let before = evaluation
            .ece_uncalibrated
            .map_or(String::new(), |ece| format!("{ece:.3} before calibration"));
        tiles.push(Tile {
            name: "Calibration error",
            value: format!("{:.3}", figures.ece),
            about: before,
        });
    }
    tiles.push(Tile {
        name: "Loss",
        value: format!("{:.3}", evaluation.loss),
        about: "cross-entropy, in nats".to_owned(),
    });
    if let Some(away) = evaluation.turned_away {
        let share = away as f64 / all as f64;
        tiles.push(Tile {
            name: "Called unknown",
            value: percent(share),
            about: format!("{away} of {all} known pictures"),
        });
    }
    if let Some(unknown) = &evaluation.unknown {
        let share = unknown.turned_away as f64 / unknown.pictures as f64;
        tiles.push(Tile {
            name: "Unknown ones noticed",
            value: percent(share),
            about: format!(
                "{} of {}; AUROC {:.3}",
                unknown.turned_away, unknown.pictures, unknown.figures.auroc
            ),
        });
    }
    tiles
}
