//! The meaning of outputs without an activation, which only the training loss shows.

use serde_json::Value;

use super::HeadActivation;

/// The activation that the loss implies for linear outputs, and what had to be assumed.
///
/// # Errors
/// If the outputs are not logits.
pub(super) fn activation(
    model: &Value,
    units: usize,
) -> Result<(HeadActivation, Option<String>), String> {
    let loss = &model["compile_config"]["loss"];
    let name = loss.as_str().or(loss["class_name"].as_str()).or(loss["config"].as_str());
    let snake = name.map(snake_case).unwrap_or_default();
    if REGRESSION.contains(&snake.as_str()) {
        return Err(format!("its loss is {snake}: it predicts numbers, not classes"));
    }
    if units == 1 {
        return Ok((HeadActivation::Linear, None));
    }
    if snake.starts_with("binary_") && snake.ends_with("crossentropy") {
        let assumed = (loss["config"]["from_logits"] != true).then(|| {
            format!("the model's outputs have no activation; as its loss is {snake}, a sigmoid is assumed")
        });
        return Ok((HeadActivation::Sigmoid, assumed));
    }
    let said = snake.ends_with("crossentropy") && loss["config"]["from_logits"] == true;
    let assumed = (!said).then(|| {
        "the model's outputs have no activation; a softmax over them is assumed".to_owned()
    });
    Ok((HeadActivation::Linear, assumed))
}

/// Regression losses, under all of Keras's names.
const REGRESSION: [&str; 14] = [
    "mean_squared_error",
    "mse",
    "mean_absolute_error",
    "mae",
    "mean_absolute_percentage_error",
    "mape",
    "mean_squared_logarithmic_error",
    "msle",
    "cosine_similarity",
    "huber",
    "huber_loss",
    "log_cosh",
    "logcosh",
    "poisson",
];

/// Converts a loss name to snake case: `BinaryCrossentropy` and `binary_crossentropy` are one loss.
fn snake_case(name: &str) -> String {
    if !name.contains(|c: char| c.is_ascii_lowercase()) {
        return name.to_ascii_lowercase();
    }
    let mut snake = String::new();
    for (index, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}
