//! Plots of the reliability of predictions.

use headstart::predict::{Bin, RELIABILITY_BINS, Task, reliability};

use super::judged::Judged;
use super::percent;
use crate::plot::{Axis, Bar, Curve, Plot, Role, Scale};

fn share(name: &str) -> Axis {
    Axis { name: name.to_owned(), scale: Scale::Linear, from: 0.0, to: 1.0 }
}

/// The reliability diagram: accuracy by confidence, also before calibration, if there is one.
pub(super) fn reliability_diagram(judged: &Judged) -> Plot {
    let bins = reliability(&judged.predictions(&judged.scores));
    let points = |bins: &[Bin]| -> Vec<(f64, f64)> {
        let filled = bins.iter().filter(|bin| bin.predictions > 0);
        filled.map(|bin| (bin.confidence, bin.accuracy)).collect()
    };
    let labels = |bins: &[Bin]| -> Vec<String> {
        let filled = bins.iter().filter(|bin| bin.predictions > 0);
        let label = |bin: &Bin| {
            let (said, right) = (percent(bin.confidence), percent(bin.accuracy));
            format!("{} answers: {said} sure, {right} right", bin.predictions)
        };
        filled.map(label).collect()
    };
    let width = 1.0 / RELIABILITY_BINS as f64;
    let bar = |(index, bin): (usize, &Bin)| {
        (bin.predictions > 0).then(|| Bar {
            x: (index as f64 * width, (index + 1) as f64 * width),
            y: (0.0, bin.accuracy),
            role: Role::Background,
            label: labels(std::slice::from_ref(bin)).concat(),
        })
    };
    let bars = bins.iter().enumerate().filter_map(bar).collect();
    let mut curves = vec![Curve {
        name: "ideal".to_owned(),
        points: vec![(0.0, 0.0), (1.0, 1.0)],
        labels: Vec::new(),
        role: Role::Reference,
    }];
    if let Some(before) = &judged.uncalibrated {
        let before = reliability(&judged.predictions(before));
        curves.push(Curve {
            name: "before calibration".to_owned(),
            points: points(&before),
            labels: labels(&before),
            role: Role::Second,
        });
    }
    curves.push(Curve {
        name: "answers".to_owned(),
        points: points(&bins),
        labels: labels(&bins),
        role: Role::Main,
    });
    Plot {
        title: "Reliability: how often answers are right, by how sure they are".to_owned(),
        x: share("confidence"),
        y: share("share that is right"),
        curves,
        marks: Vec::new(),
        bars,
        bar_names: Vec::new(),
    }
}

/// The distribution of confidence for correct and wrong predictions; `None` in a multi-label task.
pub(super) fn confidences(judged: &Judged) -> Option<Plot> {
    if judged.task == Task::MultiLabel {
        return None;
    }
    let width = 1.0 / RELIABILITY_BINS as f64;
    let mut counts = vec![[0usize; 2]; RELIABILITY_BINS];
    for bin in reliability(&judged.predictions(&judged.scores)).iter().enumerate() {
        let (index, bin) = bin;
        let right = (bin.accuracy * bin.predictions as f64).round() as usize;
        counts[index] = [right, bin.predictions - right];
    }
    let most = counts.iter().map(|[right, wrong]| right + wrong).max().unwrap_or(0).max(1);
    let bars = counts.iter().enumerate().filter(|(_, [right, wrong])| right + wrong > 0);
    let bars = bars.flat_map(|(index, &[right, wrong])| {
        let x = (index as f64 * width, (index + 1) as f64 * width);
        let sure = format!("{:.0} to {:.0} % sure", 100.0 * x.0, 100.0 * x.1);
        let (middle, top) = (wrong as f64, (right + wrong) as f64);
        [
            Bar {
                x,
                y: (0.0, middle),
                role: Role::Second,
                label: format!("{sure}: {wrong} wrong"),
            },
            Bar { x, y: (middle, top), role: Role::Main, label: format!("{sure}: {right} right") },
        ]
    });
    Some(Plot {
        title: "How sure the answers are".to_owned(),
        x: share("confidence"),
        y: Axis {
            name: "answers".to_owned(),
            scale: Scale::Linear,
            from: 0.0,
            to: most as f64 * 1.05,
        },
        curves: Vec::new(),
        marks: Vec::new(),
        bars: bars.filter(|bar| bar.y.0 < bar.y.1).collect(),
        bar_names: vec![("right".to_owned(), Role::Main), ("wrong".to_owned(), Role::Second)],
    })
}

/// The error rate among the most confident predictions, by the share of all predictions that these are (El-Yaniv &
/// Wiener 2010); `None` in a multi-label task.
pub(super) fn risk_by_coverage(judged: &Judged) -> Option<Plot> {
    const POINTS: usize = 40;
    if judged.task == Task::MultiLabel {
        return None;
    }
    let mut answers = judged.predictions(&judged.scores);
    answers.sort_by(|a, b| b.0.total_cmp(&a.0));
    let n = answers.len();
    let (mut points, mut labels, mut wrong, mut next) = (Vec::new(), Vec::new(), 0usize, 1);
    for (index, (confidence, right)) in answers.iter().enumerate() {
        wrong += usize::from(!right);
        let taken = index + 1;
        if taken * POINTS < next * n && taken != n {
            continue;
        }
        next = taken * POINTS / n + 1;
        let (coverage, risk) = (taken as f64 / n as f64, wrong as f64 / taken as f64);
        points.push((coverage, risk));
        labels.push(format!(
            "the surest {}, {} or more: {} wrong",
            percent(coverage),
            percent((*confidence).into()),
            percent(risk)
        ));
    }
    let most = points.iter().map(|(_, risk)| *risk).fold(0.0, f64::max);
    Some(Plot {
        title: "Mistakes if only the surest answers are taken".to_owned(),
        x: share("share of the pictures that is answered"),
        y: Axis {
            name: "share that is wrong".to_owned(),
            scale: Scale::Linear,
            from: 0.0,
            to: (most * 1.1).max(0.01),
        },
        curves: vec![Curve { name: String::new(), points, labels, role: Role::Main }],
        marks: Vec::new(),
        bars: Vec::new(),
        bar_names: Vec::new(),
    })
}
