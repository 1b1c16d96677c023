//! A table of facts about the training.

use headstart::train::{ClassWeight, Strength};
use headstart::{Base, Classifier, FineTuneRecord, HeadConfig, SplitRecord, TrainingRecord};

use super::percent;
use crate::page::count;

/// A row of the table.
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) value: String,
}

pub(super) fn fact(name: &str, value: impl Into<String>) -> Fact {
    Fact { name: name.to_owned(), value: value.into() }
}

/// The known facts about a classifier.
pub(super) fn facts(classifier: &Classifier) -> Vec<Fact> {
    let base = |base: &Base| {
        let network = base.network();
        let input = network.preprocessing();
        let parameters = headstart::model::thousands(network.total_params());
        let (name, height, width) = (network.architecture(), input.height, input.width);
        fact("Base", format!("{name} at {height} x {width}, {parameters} parameters"))
    };
    let mut facts: Vec<Fact> = classifier.base().parts().map(base).collect();
    if classifier.base().is_mirrored() {
        facts.push(fact("Features", "mean of the picture's and its mirror image's"));
    }
    if let Some(record) = classifier.training() {
        of_record(record, &mut facts);
    }
    let trust = classifier.trust();
    if let Some(temperature) = &trust.temperature {
        let values: Vec<f32> = temperature.values().to_vec();
        let (low, high) =
            values.iter().fold((f32::MAX, f32::MIN), |(a, b), &t| (a.min(t), b.max(t)));
        let value = match values.len() {
            1 => format!("temperature {low:.2}"),
            n => format!("temperatures of {n} labels, {low:.2} to {high:.2}"),
        };
        facts.push(fact("Calibration", value));
    }
    facts.push(fact("Version", format!("headstart {}", env!("CARGO_PKG_VERSION"))));
    facts
}

fn of_record(record: &TrainingRecord, facts: &mut Vec<Fact>) {
    facts.insert(0, fact("Trained on", record.origin.pictures.clone()));
    // An imported model that was fine-tuned here has a head that was trained elsewhere.
    if record.strength.is_some() || !record.epochs.is_empty() {
        facts.push(fact("Head", head(record)));
    }
    if let Some(tuned) = &record.fine_tune {
        facts.push(fact("Fine-tuning", fine_tuning(tuned)));
    }
    let augment = record.fine_tune.as_ref().map_or(record.augment, |tuned| tuned.augment);
    if augment != headstart::data::Augment::None {
        facts.push(fact("Augmentation", augment.to_string()));
    }
    let split = match record.origin.split {
        Some(SplitRecord::Share { share, seed }) => {
            format!("{} of each class held out, seed {seed}", percent(share))
        }
        Some(SplitRecord::Given) => "given by the pictures' source".to_owned(),
        Some(SplitRecord::Folds { count, seed }) => {
            format!("{count} folds, seed {seed}; the model learned from all pictures")
        }
        None => return,
    };
    facts.push(fact("Split", split));
}

fn head(record: &TrainingRecord) -> String {
    let weighted = |weight: &ClassWeight| match weight {
        ClassWeight::Uniform => "",
        _ => ", classes weighted",
    };
    match &record.head {
        HeadConfig::Lbfgs(config) => {
            let how = match config.strength {
                Strength::Auto => "chosen on the data",
                Strength::Fixed(_) => "as given",
            };
            let strength = record.strength.map_or(String::new(), |c| format!(", C {c:.3e} {how}"));
            format!(
                "logistic regression{strength}{}, seed {}",
                weighted(&config.class_weight),
                config.seed
            )
        }
        HeadConfig::Adam(config) => format!(
            "Adam, {} at learning rate {:e}, batches of {}, dropout {}{}, seed {}",
            count(record.epochs.len(), "epoch", "epochs"),
            config.learning_rate,
            config.batch_size,
            config.dropout,
            weighted(&config.class_weight),
            config.seed
        ),
    }
}

fn fine_tuning(tuned: &FineTuneRecord) -> String {
    let best = match tuned.best_epoch {
        Some(epoch) => format!("; epoch {epoch} was kept"),
        None => String::new(),
    };
    format!(
        "from {} on, {} at learning rate {:e}, batches of {}, seed {}{best}",
        tuned.first_layer,
        count(tuned.epochs.len(), "epoch", "epochs"),
        tuned.options.learning_rate,
        tuned.options.batch_size,
        tuned.options.seed
    )
}
